"""The words of a release: its section of the changelog, and whether a tag may release what was built.

    python -m release.notes v1.2.3

prints the section of that version.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_VERSION = re.compile(r"v(?P<version>\d+\.\d+\.\d+((a|b|rc)\d+)?)", re.ASCII)


class Refused(Exception):
    """The release stops here; the message says why."""


def version_of(tag: str) -> str:
    """Return the version that a tag names.

    Raises:
        Refused: it is no `v1.2.3` or `v1.2.3rc1`.
    """
    match = _VERSION.fullmatch(tag)
    if match is None:
        raise Refused(f"the tag '{tag}' is no version; write v1.2.3 or v1.2.3rc1")
    return match["version"]


def section(changelog: str, version: str) -> str:
    """Return what stands below the heading `## [VERSION] - YYYY-MM-DD` of a changelog.

    Raises:
        Refused: there is no such heading, more than one, one without a date, or nothing below it.
    """
    headings = list(re.finditer(r"^## \[(?P<version>[^\]]+)\](?P<rest>.*)$", changelog, re.MULTILINE))
    ours = [number for number, heading in enumerate(headings) if heading["version"] == version]
    if len(ours) != 1:
        raise Refused(f"CHANGELOG.md has {len(ours)} sections '## [{version}]', and a release needs one")
    heading = headings[ours[0]]
    if not re.fullmatch(r" - \d{4}-\d\d-\d\d", heading["rest"], re.ASCII):
        raise Refused(f"CHANGELOG.md: the section of {version} has no date; write '## [{version}] - YYYY-MM-DD'")
    end = headings[ours[0] + 1].start() if ours[0] + 1 < len(headings) else len(changelog)
    text = changelog[heading.end() : end].strip()
    if not text:
        raise Refused(f"CHANGELOG.md says nothing about {version}")
    return text + "\n"


def check_tag(tag: str, source: Path, wheel: Path) -> None:
    """Compare a tag with the wheel, the changelog and the citation of the same commit.

    Raises:
        Refused: one of them names another version.
    """
    version = version_of(tag)
    built = wheel.name.split("-")[1]
    if built != version:
        raise Refused(f"the tag says {version}, gatekit/__init__.py says {built}")
    section((source / "CHANGELOG.md").read_text("utf-8"), version)
    cited = re.search(r"^version: *['\"]?([^'\"\s]+)", (source / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    if cited is None or cited[1] != version:
        raise Refused(f"the tag says {version}, CITATION.cff says {cited[1] if cited else 'nothing'}")


def main() -> int:
    """Print a section."""
    if len(sys.argv) != 2:
        print("usage: python -m release.notes v1.2.3", file=sys.stderr)
        return 64
    try:
        print(section((ROOT / "CHANGELOG.md").read_text("utf-8"), version_of(sys.argv[1])), end="")
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
