"""A copy of the repository in which the how-tos of CONTRIBUTING.md are followed, and which files that changed."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from page_steps import follow, section

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CONTRIBUTING.md"

INSTALL = """\
import sys, tomllib
from pathlib import Path
# As `pip install -e FOLDER` leaves it, without an index and without building: the folder on the path, and its metadata.
folder, site = Path(sys.argv[-1]).resolve(), Path({site!r})
project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
assert sys.argv[1:-1] == ["install", "-q", "-e"]
metadata = site / (project["name"].replace("-", "_") + "-1.0.dist-info")
metadata.mkdir(parents=True)
(metadata / "METADATA").write_text("Metadata-Version: 2.1\\nName: " + project["name"] + "\\nVersion: 1.0\\n")
groups = project["entry-points"]
lines = [f"[{{group}}]\\n" + "".join(f"{{k}} = {{v}}\\n" for k, v in names.items()) for group, names in groups.items()]
(metadata / "entry_points.txt").write_text("".join(lines))
for module in folder.glob("*.py"):
    (site / module.name).symlink_to(module)
"""


class Checkout:
    """A copy of those parts of the repository that a how-to touches."""

    def __init__(self, folder: Path, parts: tuple[str, ...]) -> None:
        self.folder = folder / "checkout"
        self._beside = folder / "beside"
        ignored = shutil.ignore_patterns("__pycache__", "weights", ".cache")
        for part in parts:
            source, target = ROOT / part, self.folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)
        self._scripts()
        self.begin()

    def begin(self) -> None:
        """Take everything as it is now for what `touched` compares with."""
        self._before = self._files()

    def follow(self, heading: str) -> None:
        """Do what the section under a heading of the page says; see `page_steps.follow`."""
        path = f"{self._beside / 'bin'}:/usr/bin:/bin"
        site = f"{self.folder}:{self._beside / 'site'}"
        follow(
            section(PAGE, heading),
            self.folder,
            {"PATH": path, "PYTHONPATH": site, "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"},
        )

    def touched(self) -> dict[str, str]:
        """Path -> `new` or `changed` of every file that is not as it was."""
        after = self._files()
        assert self._before.keys() <= after.keys()
        old = self._before
        return {
            path: "changed" if path in old else "new" for path, text in sorted(after.items()) if old.get(path) != text
        }

    def _files(self) -> Mapping[str, bytes]:
        paths = [path for path in self.folder.rglob("*") if path.is_file() and "_cache/" not in path.as_posix()]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def _scripts(self) -> None:
        """`python`, `gatekit`, `mypy` and `pip` as an environment with this copy installed has them."""
        install = self._beside / "install.py"
        scripts = self._beside / "bin"
        scripts.mkdir(parents=True)
        install.write_text(INSTALL.format(site=str(self._beside / "site")))
        for name, arguments in {
            "python": "",
            "gatekit": "-m gatekit",
            "mypy": "-m mypy",
            "pip": str(install),
        }.items():
            script = scripts / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
