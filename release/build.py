"""Builds wheel and sdist of a commit twice, in different surroundings, and refuses unless the bytes are the same.

    python -m release.build FOLDER [--tag v1.2.3]

FOLDER, which must not exist yet, gets the wheel, the sdist, the bill of materials, `released.lock` with the wheel's
digest, and SHA256SUMS. What is built is HEAD as committed; changes that are not committed are left out. With a tag,
version, changelog and citation must be its own. Needs git and what requirements/build.lock holds, and reads no network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from release.notes import Refused, check_tag
from release.sbom import OURS, bill_of_materials

ROOT = Path(__file__).resolve().parents[1]

# Whatever may leak from a machine into an archive: time zone, language, rights of new files, order of sets, its paths.
FIRST = {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0", "umask": "022", "below": "a"}
SECOND = {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7", "umask": "077", "below": "b/much/deeper"}


def main() -> int:
    """Build, compare, write; 0 only if everything is the same."""
    parser = argparse.ArgumentParser(prog="python -m release.build")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tag")
    options = parser.parse_args()
    try:
        for path in build(ROOT, options.folder, options.tag):
            print(f"{_digest(path)}  {path.name}")
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def build(root: Path, folder: Path, tag: str | None = None) -> list[Path]:
    """Build the HEAD of a checkout twice and return the files that are now in `folder`.

    Raises:
        Refused: the two builds differ, `folder` exists, or the tag is not the version's.
    """
    if folder.exists():
        raise Refused(f"{folder} exists; name a new folder")
    commit = _git(root, "rev-parse", "--verify", "HEAD^{commit}")
    epoch = int(_git(root, "show", "--no-patch", "--format=%ct", commit))
    with tempfile.TemporaryDirectory() as name:
        rounds = [_round(root, commit, epoch, Path(name), given) for given in (FIRST, SECOND)]
        refuse_difference(*rounds)
        first, wheel = rounds[0], next(rounds[0].glob("*.whl"))
        lock = Path(name, FIRST["below"], "source", "requirements", "gate.lock").read_text("utf-8")
        bill = wheel.name.split("-py3-")[0] + ".cdx.json"
        (first / bill).write_text(bill_of_materials(lock, wheel, commit, epoch), encoding="utf-8")
        (first / "released.lock").write_text(released_lock(wheel), encoding="utf-8")
        if tag is not None:
            check_tag(tag, Path(name, FIRST["below"], "source"), wheel)
        sums = "".join(f"{_digest(path)}  {path.name}\n" for path in sorted(first.iterdir()))
        (first / "SHA256SUMS").write_text(sums, encoding="utf-8")
        shutil.copytree(first, folder)
    return sorted(folder.iterdir())


def refuse_difference(first: Path, second: Path) -> None:
    """Compare two folders of built files byte for byte.

    Raises:
        Refused: they hold other names, or a file differs.
    """
    names = [sorted(path.name for path in folder.iterdir()) for folder in (first, second)]
    if names[0] != names[1] or len(names[0]) != 2:
        raise Refused(f"two builds made other files: {', '.join(names[0])} and {', '.join(names[1])}")
    for name in names[0]:
        if (first / name).read_bytes() != (second / name).read_bytes():
            raise Refused(f"{name}: two builds of one commit differ: {_digest(first / name)}, {_digest(second / name)}")


def released_lock(wheel: Path) -> str:
    """Return what installs exactly this wheel from an index, beside gate.lock."""
    about = "# The wheel of this release, with its digest; requirements/gate.lock has what it needs."
    return f"{about}\n{OURS}=={wheel.name.split('-')[1]} --hash=sha256:{_digest(wheel)}\n"


def _round(root: Path, commit: str, epoch: int, temporary: Path, given: Mapping[str, str]) -> Path:
    """Build a fresh clone: the sdist from it, and the wheel from that sdist the second time."""
    folder = temporary / given["below"]
    source, out = folder / "source", folder / "out"
    out.mkdir(parents=True)
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", "--no-tags", "--", root, source], check=True)
    _git(source, "checkout", "--quiet", "--detach", commit)
    variables = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "HOME": str(folder)}
    variables |= {key: value for key, value in given.items() if key.isupper()}
    if given is FIRST:
        _hatchling(source, out, variables, given["umask"], "sdist", "wheel")
        return out
    _hatchling(source, out, variables, given["umask"], "sdist")
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    _hatchling(next((folder / "unpacked").iterdir()), out, variables, given["umask"], "wheel")
    return out


def _hatchling(source: Path, out: Path, variables: Mapping[str, str], umask: str, *targets: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    command += [word for target in targets for word in ("-t", target)]
    done = subprocess.run(command, cwd=source, env=variables, umask=int(umask, 8), capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(f"the build failed:\n{done.stdout}{done.stderr}")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
