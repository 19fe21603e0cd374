"""Unpacks the wheels of a release into an environment: one file in place of many downloads, and no installer.

    wheel_set.py FROM VERSION FOLDER LOCK...

FROM is where the sets of releases lie: a folder, or the https address of a repository's releases/download. A release's
files are in vVERSION/ below it. FOLDER is the site-packages of the running interpreter's new environment. A set is a
zip of wheels as the index has them (release/wheel_sets.py makes it). It needs no digest of its own: a wheel is unpacked
only if a LOCK, which is this commit's own, has its name, its version and its digest. So it does not matter who made a
set, through which cache it came, or what else is in it.

RUNNER_TOOL_CACHE, where the runner has one, keeps what was downloaded, by version. Every use compares all digests.

Exit 0: unpacked. 3: there is no set for this machine or this lock, or it could not be had; nothing was unpacked, and
packages have to be installed one by one. 4: the set has a wheel of the right name and version with another digest.
Only the standard library is used, and nothing of the set is run.
"""

from __future__ import annotations

import io
import os
import platform
import re
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

LARGEST = 400 << 20
"""Bytes of a set; today's have about 75 MB."""
SECONDS = 20
"""How long a server may stay silent before packages are installed one by one."""

GLIBC = (2, 28)
"""What the newest wheels in the sets of Linux ask for (manylinux_2_28)."""
MACOS = (14, 0)


class NoSet(Exception):
    """There is no set to use; the text says why."""


class OtherDigest(Exception):
    """A wheel is not the locked one."""


def main(arguments: list[str]) -> int:
    """Unpack, and return the exit code."""
    if len(arguments) < 4:
        print("usage: wheel_set.py FROM VERSION FOLDER LOCK...", file=sys.stderr)
        return 64
    place, version, folder, *locks = arguments
    try:
        locked = read_locks(Path(lock).read_text(encoding="utf-8") for lock in locks)
        wheels, source = wheels_of(place, version, locked)
        for wheel in wheels:
            unpack(wheel, Path(folder))
    except NoSet as why:
        print(f"no wheel set: {why}; packages are installed one by one", file=sys.stderr)
        return 3
    except OtherDigest as why:
        print(f"refused: {why}", file=sys.stderr)
        return 4
    print(f"{len(wheels)} wheels from {source}, each with its locked digest")
    return 0


def set_name(version: str) -> str:
    """Return what the set for this machine is called.

    Raises:
        NoSet: no set is made for such a machine.
    """
    machine = {"AMD64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    if sys.implementation.name != "cpython" or getattr(sys, "abiflags", "") not in ("", "m"):
        raise NoSet(f"there is none for {sys.implementation.name} {sys.abiflags}".rstrip())
    if sys.platform == "linux":
        library, have = platform.libc_ver()
        if library != "glibc" or _numbers(have) < GLIBC:
            raise NoSet(f"there is none for {library or 'a C library other than glibc'} {have}".rstrip())
        system = f"linux_{machine}"
    elif sys.platform == "darwin" and _numbers(platform.mac_ver()[0]) >= MACOS:
        system = f"macos_{machine}"
    else:
        raise NoSet(f"there is none for {platform.platform()}")
    return f"gatekit-{version}-wheels-cp{sys.version_info[0]}{sys.version_info[1]}-{system}.zip"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


Locked = Mapping[tuple[str, str], tuple[frozenset[str], bool]]
"""Normal name and version -> the digests that it may have, and whether every machine needs it."""


def read_locks(texts: Iterable[str]) -> Locked:
    """Read lock files as uv writes them: `name==version [; marker] --hash=sha256:... --hash=...`.

    A line with a marker is not evaluated: what a machine needs was decided when its set was made.
    """
    found: dict[tuple[str, str], tuple[frozenset[str], bool]] = {}
    for text in texts:
        for line in re.sub(r"\\\n", " ", text).splitlines():
            given = re.match(r"([A-Za-z0-9._-]+)==(\S+?)\s*(;|--hash|$)", line)
            if given is not None:
                digests = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
                found[_normal(given[1]), given[2]] = (digests, given[3] != ";")
    return found


def wheels_of(place: str, version: str, locked: Locked) -> tuple[list[bytes], str]:
    """Return the wheels to unpack, and where they come from.

    Raises:
        NoSet, OtherDigest: as the exit codes 3 and 4.
    """
    name = set_name(version)
    if urlsplit(place).scheme not in ("https", "http"):
        path = Path(place, f"v{version}", name)
        return _chosen(_read(path), locked, name), str(path)
    cached = _cached(version, name)
    if cached is not None and cached.is_file():
        try:
            return _chosen(_read(cached), locked, name), str(cached)
        except (NoSet, OtherDigest):
            # Cut short, overwritten, or of another lock: loaded anew.
            cached.unlink(missing_ok=True)
    address = f"{place.rstrip('/')}/v{version}/{name}"
    data = _download(address)
    chosen = _chosen(data, locked, name)
    if cached is not None:
        _keep(cached, data)
    return chosen, address


def _chosen(data: bytes, locked: Locked, name: str) -> list[bytes]:
    """Return the wheels of a set that the locks name."""
    chosen: dict[tuple[str, str], bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                key = _of_wheel(member)
                if key not in locked:
                    continue
                wheel = archive.read(member)
                if sha256(wheel).hexdigest() not in locked[key][0]:
                    raise OtherDigest(
                        f"{member} of {name} has the digest {sha256(wheel).hexdigest()}, not a locked one"
                    )
                chosen[key] = wheel
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise NoSet(f"{name} cannot be read: {error}") from None
    missing = sorted("==".join(key) for key, (_, always) in locked.items() if always and key not in chosen)
    if missing:
        raise NoSet(f"{name} has no {missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""))
    return list(chosen.values())


def _of_wheel(name: str) -> tuple[str, str]:
    parts = name.removesuffix(".whl").split("-")
    return (_normal(parts[0]), parts[1]) if name.endswith(".whl") and len(parts) >= 5 else ("", "")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def unpack(wheel: bytes, folder: Path) -> None:
    """Unpack one wheel, whose digest was compared, as an installer does for libraries.

    Raises:
        OtherDigest: a file would lie outside of the folder.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for member in archive.infolist():
            path = PurePosixPath(member.filename)
            if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
                raise OtherDigest(f"the file {member.filename!r} of a wheel lies outside of it")
            # Commands, headers and manuals, which nothing here needs; and tests, a third of all files.
            data = path.parts[0].endswith(".data")
            if (data and path.parts[1:2] not in (("purelib",), ("platlib",))) or "tests" in path.parts:
                continue
            target = folder.joinpath(*path.parts[2 * data :])
            if member.is_dir():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise NoSet(f"{path} is larger than {LARGEST >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise NoSet(f"{path}: {error.strerror}") from None


def _download(address: str) -> bytes:
    given = urlsplit(address)
    if given.scheme == "http" and given.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise NoSet(f"{address} is not https")
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            data = answer.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        # An HTTP error, a name that is not known, a time that is up: urllib's errors are OSErrors.
        raise NoSet(f"{address}: {error}") from None
    if len(data) > LARGEST:
        raise NoSet(f"{address} is larger than {LARGEST >> 20} MB")
    return bytes(data)


def _cached(version: str, name: str) -> Path | None:
    tools = os.environ.get("RUNNER_TOOL_CACHE", "")
    return Path(tools, "gatekit", version, name) if os.path.isabs(tools) else None


def _keep(path: Path, data: bytes) -> None:
    """Keep a set for the next job of this machine, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as kept:
            kept.write(data)
        os.replace(kept.name, path)
    except OSError as error:
        print(f"the wheel set is not kept: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
