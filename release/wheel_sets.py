"""Makes the wheel sets of a release: for each machine one zip of the wheels that the gate needs there.

    python -m release.wheel_sets DIST VERSION [--only cp312-linux_x86_64] [--find-links FOLDER]

DIST holds the wheel of gatekit; the sets are written beside it, and SHA256SUMS is written anew. A set holds the wheels
of requirements/sign.lock, which has all of gate.lock, as the index has them, and gatekit's own. pip downloads them by
their digests. Names, order, dates and rights in a set are fixed and nothing is compressed again, so the same wheels
give the same bytes on every machine. requirements/wheel_set.py installs from a set.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from packaging.markers import Marker

from release.notes import Refused

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Machine:
    """What a wheel is chosen for."""

    python: str
    system: str
    """As in the set's name: linux_x86_64."""

    @property
    def name(self) -> str:
        """The machine as sets are named for it."""
        return f"cp{self.python.replace('.', '')}-{self.system}"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags that such a machine takes, newest first."""
        kind, machine = self.system.split("_", 1)
        if kind == "macos":
            return tuple(f"macosx_{version}_0_{machine}" for version in (14, 13, 12, 11))
        machine = {"arm64": "aarch64"}.get(machine, machine)
        return (*(f"manylinux_2_{glibc}_{machine}" for glibc in range(28, 16, -1)), f"manylinux2014_{machine}")

    @property
    def environment(self) -> Mapping[str, str]:
        """What the markers of a lock file are evaluated with."""
        macos = self.system.startswith("macos")
        return {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": self.platforms[0].split("_", 3)[-1],
            "platform_python_implementation": "CPython",
            "platform_system": "Darwin" if macos else "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "darwin" if macos else "linux",
        }


MACHINES = tuple(
    Machine(python, system) for system in ("linux_x86_64", "linux_arm64", "macos_arm64") for python in PYTHONS
)


def main() -> int:
    """Make the sets; 0 if all of them are there."""
    parser = argparse.ArgumentParser(prog="python -m release.wheel_sets")
    parser.add_argument("dist", type=Path)
    parser.add_argument("version")
    parser.add_argument("--only", choices=[machine.name for machine in MACHINES])
    parser.add_argument("--find-links", help="take wheels from this folder, and from no index")
    options = parser.parse_args()
    lock = (ROOT / "requirements" / "sign.lock").read_text(encoding="utf-8")
    try:
        own = one_wheel(options.dist)
        for machine in MACHINES:
            if options.only in (None, machine.name):
                path = options.dist / f"gatekit-{options.version}-wheels-{machine.name}.zip"
                with tempfile.TemporaryDirectory() as folder:
                    download(lock, machine, Path(folder), options.find_links)
                    write_set(path, [own, *Path(folder).iterdir()])
                print(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}")
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    write_sums(options.dist)
    return 0


def one_wheel(dist: Path) -> Path:
    """Return the only wheel in a folder.

    Raises:
        Refused: there is none, or more than one.
    """
    found = sorted(dist.glob("*.whl"))
    if len(found) != 1:
        raise Refused(f"{dist} has {len(found)} wheels, not one")
    return found[0]


def lock_for(lock: str, machine: Machine) -> str:
    """Return the lines of a lock file that a machine needs, without their markers.

    pip would evaluate markers for the machine that it runs on.
    """
    kept = []
    for line in re.sub(r"\\\n", " ", lock).splitlines():
        given = re.match(r"([A-Za-z0-9._-]+==[^\s;]+)\s*(?:;(.*?))?\s+(--hash=.*)", line)
        if given is not None and (given[2] is None or Marker(given[2]).evaluate(dict(machine.environment))):
            digests = " ".join(given[3].split("#")[0].split())
            kept.append(f"{given[1]} {digests}\n")
    return "".join(kept)


def download(lock: str, machine: Machine, folder: Path, find_links: str | None = None) -> None:
    """Download the locked wheels of a machine into a folder.

    Raises:
        Refused: one cannot be had, or has no digest of the lock.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text(lock_for(lock, machine), encoding="utf-8")
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", machine.python]
    command += [word for platform in machine.platforms for word in ("--platform", platform)]
    command += ["--no-index", "--find-links", find_links] if find_links is not None else []
    done = subprocess.run([*command, "--dest", str(folder), "-r", str(wanted)], capture_output=True, text=True)
    wanted.unlink()
    if done.returncode != 0:
        raise Refused(f"the wheels for {machine.name} could not be had:\n{done.stderr.strip()}")


def write_set(path: Path, wheels: list[Path]) -> None:
    """Write wheels into one zip whose bytes depend on nothing but their names and content."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for wheel in sorted(wheels, key=lambda each: each.name):
            member = zipfile.ZipInfo(wheel.name, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, wheel.read_bytes())


def write_sums(dist: Path) -> None:
    """Write SHA256SUMS of every other file in a folder."""
    files = sorted(path for path in dist.iterdir() if path.name != "SHA256SUMS")
    sums = "".join(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (dist / "SHA256SUMS").write_text(sums, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
