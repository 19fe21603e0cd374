"""Files that no rule names, which `gatekit pr` looks through for sentences of claims."""

from __future__ import annotations

import random
from pathlib import Path

from gatekit.claims import said
from gatekit.pull_request import said_unread
from hostile_inputs.cases import CLAIMS, case
from hostile_inputs.commits import BASE, commit, repository

ONE, ALL = said_unread.LARGEST, said_unread.LARGEST_TOGETHER
REGISTRY = (
    CLAIMS % "x.md"
) + "  - {id: long, sentence: One thing that holds is said, status: pending, policy: p, gates: [g]}\n"
LONG = BASE | {"claims.yaml": REGISTRY.encode()}


def changed(folder: Path, texts: list[bytes]) -> list[str]:
    """The same files on both sides, every one of them changed in one byte."""
    before = {f"site/{index}.html": text + b"a" for index, text in enumerate(texts)}
    after = {f"site/{index}.html": text + b"b" for index, text in enumerate(texts)}
    return repository(folder, commit("main", LONG | before) + commit("feature", after, "main"))


@case("unread: as many bytes of other scripts as are looked through")
def _(folder: Path) -> list[str]:
    letters = random.Random(0).choices("".join(map(chr, range(0xC0, 0x250))), k=ONE // 2 - 8)
    return changed(folder, ["".join(letters).encode()] * (ALL // ONE))


@case("unread: pages that are as large as one may be")
def _(folder: Path) -> list[str]:
    return changed(folder, [b"<p>a &amp; b " * (ONE // 13 - 1)] * (ALL // ONE))


@case("unread: as many places that begin like a sentence as are tried", codes=(0, 3, 5))
def _(folder: Path) -> list[str]:
    sentence = b"One thing that holds is said. "
    return changed(folder, [sentence * (said.MOST_TRIED // 100)] * (ALL // ONE))


@case("unread: as many pairs of a document that is gone and a file as are compared", codes=(0, 2, 3, 4, 5))
def _(folder: Path) -> list[str]:
    gone = 300
    count = said_unread.MOST_PAIRS // gone - 1
    registry = REGISTRY.replace("x.md", "d/*.md").encode()
    words = b" ".join(b"word%s" % bytes([97 + i // 26, 97 + i % 26]) for i in range(200))
    value = b"<!-- gatekit:claim c -->It agrees.<!-- /gatekit:claim -->\n\n"
    before = {f"d/{i}.md": value + words for i in range(gone)}
    after = {f"n/{i}.rst": words.replace(b"word", b"other%d" % i) for i in range(count)}
    moved = {"claims.yaml": registry.replace(b"d/*.md", b"x.md")}
    main = commit("main", BASE | before | {"claims.yaml": registry})
    return repository(folder, main + commit("feature", after | moved, "main"))


@case("unread: letters that stand for eighteen")
def _(folder: Path) -> list[str]:
    return changed(folder, ["\ufdfa".encode() * (ONE // 3 - 8)] * (ALL // ONE))


@case("unread: long lines of signs that markup is made of")
def _(folder: Path) -> list[str]:
    units = (
        b"<a ",
        b"`x` ",
        b"{x} ",
        b":x:`y` ",
        b"**a*",
        b"&amp;",
        b"[a](b) ",
        b".. a:: ",
        b"\\a{b}",
        b"One thing<b>that",
        b"<!--",
        b"x\t",
    )
    texts = [unit * ((ONE - 8) // len(unit) // 4) for unit in units]
    return changed(folder, texts)
