"""Which commit this gatekit was made from, in words for `--version`.

`source_commit.txt` beside this module says so. In a checkout it holds a placeholder; git fills it in an archive of a
commit (`.gitattributes`), and `hatch_build.py` in a wheel or sdist. Only a checkout asks git, when somebody asks us.
"""

from __future__ import annotations

import re
from pathlib import Path

_PACKAGE = Path(__file__).parent
_FILE = _PACKAGE / "source_commit.txt"


def source_commit(package: Path = _PACKAGE) -> str:
    """Return `commit COMMIT`, `commit COMMIT and changes`, `checkout of COMMIT`, or `commit unknown`.

    A checkout is not said to be unchanged: that takes a look at every file.
    """
    try:
        text = (package / _FILE.name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if re.fullmatch(r"[0-9a-f]{40,64}( and changes)?", text, re.ASCII):
        return f"commit {text}"
    commit = _checked_out(package.parent)
    return f"checkout of {commit}" if commit else "commit unknown"


def _checked_out(folder: Path) -> str | None:
    from gatekit.errors import GatekitError
    from gatekit.plugins import OWN_PACKAGE
    from gatekit.repo.git import run

    try:
        # A copy of this package in another repository is not of that repository's commit.
        if f'name = "{OWN_PACKAGE}"' not in (folder / "pyproject.toml").read_text(encoding="utf-8").splitlines():
            return None
        if not (folder / ".git").exists():
            return None
        done = run(folder / ".git", ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
    except (OSError, UnicodeDecodeError, GatekitError):
        return None
    return done.out.decode("ascii", "replace").strip() if done.code == 0 else None
