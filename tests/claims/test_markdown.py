"""What a Markdown document binds: markers where a renderer hides them, none where it shows them as code."""

from __future__ import annotations

import random
import re

import pytest
from claims.registered import README, readme, value
from markdown_it import MarkdownIt

from gatekit.claims import markdown
from gatekit.claims.bindings import SLOT, DocumentText
from gatekit.claims.documents import MAX_SIZE, parse_document
from gatekit.errors import GatekitError

R2 = value("evidence/a.json r2 estimate .2f", "0.83")
OPEN = R2.partition("0.83")[0]


def errors(text: str) -> list[str]:
    return [f"{error.location}: {error.error_id}" for error in readme(text).errors]


def block(text: str) -> str:
    return f"<!-- gatekit:claim agree -->\n{text}\n<!-- /gatekit:claim -->\n"


def sentence(text: str) -> str:
    (found,) = readme(block(text)).blocks
    return found.sentence.replace(SLOT, "{}")


def test_a_block_and_its_values_are_found_with_their_places() -> None:
    document = readme()
    (found,) = document.blocks
    assert (found.claim, str(found.location)) == ("agree", "README.md:3:1")
    assert found.sentence.replace(SLOT, "{}") == "Five SAEs agree more than their control, by {} on average."
    inside, outside = document.values
    assert (inside.file, inside.measure, inside.statistic) == (
        "evidence/random_model.json",
        "pw_mcc_above_control",
        "estimate",
    )
    assert (inside.printed, inside.claim, str(inside.location)) == ("+0.2100", "agree", "README.md:5:85")
    assert (outside.printed, outside.claim, str(outside.location)) == ("0.83", None, "README.md:11:73")
    assert README.splitlines()[4][84:91] == "+0.2100"


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_change_neither_places_nor_words(end: str) -> None:
    document = parse_document(README.replace("\n", end).encode(), "README.md")
    assert document.errors == ()
    assert [str(v.location) for v in document.values] == ["README.md:5:85", "README.md:11:73"]
    assert document.blocks[0].sentence == readme().blocks[0].sentence


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{R2}\n```\n",
        f"```md\n{R2}\n",
        f"~~~~\n```\n{R2}\n~~~\n~~~~\n",
        f"> ```\n> {R2}\n> ```\n",
        f"- item\n\n  ```\n  {R2}\n  ```\n",
        f"`{R2}`\n",
        f"`` a ` {R2}\nb ``\n",
        f"text <!-- a comment with {R2[4:-4]}\n",
        f"\\{R2}".replace("<!-- /", "\\<!-- /"),
    ],
    ids=["fence", "unclosed fence", "longer fence", "quoted", "in a list", "code", "long code", "comment", "escaped"],
)
def test_what_is_shown_as_code_binds_nothing(text: str) -> None:
    document = readme(text)
    assert document.values == ()


@pytest.mark.parametrize(
    "text",
    [
        f"a ` b {R2} c\n",
        f"a ` b\n\n{R2} ` c\n",
        f"- a ` b\n- {R2} ` c\n",
        f"# a ` b\n{R2} ` c\n",
        f"| ` |\n| {R2} ` |\n",
        f"\\`{R2}`\n",
        f"` `` {R2}\n",
        f"> ```\n> code\n\n{R2}\n",
        f"- ```\n  code\n{R2}\n",
        f"```\ncode\n```\n{R2}\n",
        f"``` a`b\n{R2}\n",
        f"<!-- ```\n-->\n{R2}\n",
        f"<div>\n```\n{R2}\n```\n</div>\n",
        f"<!-- x --> ` {R2} `\n",
        f"> {R2}\n",
        f"    {R2}\n",
    ],
)
def test_what_a_renderer_hides_is_bound(text: str) -> None:
    assert [v.printed for v in readme(text).values] == ["0.83"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<!-- gatekit:claim a -->x\n", ["README.md:1:1: claims.unclosed"]),
        (f"{OPEN}0.83\n", ["README.md:1:1: claims.unclosed"]),
        ("x <!-- /gatekit:claim -->\n", ["README.md:1:3: claims.unopened"]),
        ("a\n<!-- gatekit:claim a -->\n", ["README.md:2:1: claims.unclosed"]),
        (block(f"a {block('b').strip()} c"), ["README.md:2:3: claims.nested", "README.md:5:1: claims.unopened"]),
        (f"x {OPEN}0.83 {R2} ", ["README.md:1:62: claims.nested"]),
        (value("a.json r2 n d", block("b").strip()), ["README.md:1:37: claims.nested"]),
        (
            f"<!-- gatekit:claim a --> {OPEN}0.83 <!-- /gatekit:claim --> <!-- /gatekit:value -->",
            ["README.md:1:85: claims.crossing", "README.md:1:109: claims.unopened"],
        ),
        (block("b") + block("b"), ["README.md:4:1: claims.duplicate"]),
        (block("  "), ["README.md:1:1: claims.empty"]),
        (block("b").replace("agree", "A b"), ["README.md:1:1: claims.marker"]),
        (block("b").replace("agree", "A"), ["README.md:1:1: claims.id"]),
        (value("a.json r2 estimate"), ["README.md:1:1: claims.marker"]),
        (value("a.json r2 estimate .3f .3f"), ["README.md:1:1: claims.marker"]),
        (value("a.json r2 mean .3f"), ["README.md:1:1: claims.value"]),
        (value("a.json r2 estimate 3f"), ["README.md:1:1: claims.value"]),
        (value("a.json R-2 estimate .3f"), ["README.md:1:1: claims.measure"]),
        (value("../a.json r2 estimate .3f"), ["README.md:1:1: claims.path"]),
        (value("/a.json r2 estimate .3f"), ["README.md:1:1: claims.path"]),
        ("<!-- gatekit:claim a -->b<!-- /gatekit:claim a -->", ["README.md:1:26: claims.marker"]),
        ("<!-- gatekit:vaule a -->", ["README.md:1:1: claims.marker"]),
        ("<!-- Gatekit:claim a", ["README.md:1:1: claims.unclosed"]),
    ],
)
def test_what_cannot_be_paired_or_read_is_an_error_at_its_marker(text: str, found: list[str]) -> None:
    assert errors(text) == found


def test_an_unknown_marker_or_statistic_names_the_nearest() -> None:
    (error,) = readme("<!-- gatekit:vaule a -->").errors
    assert error.remedy == "did you mean 'gatekit:value'?"
    (error,) = readme(value("a.json r2 estimat .3f")).errors
    assert str(error) == "README.md:1:1: unknown statistic 'estimat'; did you mean 'estimate'? [claims.value]"


def test_an_error_in_one_marker_leaves_the_others_bound() -> None:
    document = readme(value("a.json r2 oops .3f") + "\n\n" + R2)
    assert len(document.errors) == 1
    assert [v.printed for v in document.values] == ["0.83"]


def test_other_comments_are_no_markers() -> None:
    assert errors("<!-- gatekit is a tool -->\n<!-- TODO: claim -->\n<!---->\n<!-->x\n") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Five **SAEs** *agree*  `more`.", "Five SAEs agree more."),
        ("Five __SAEs__ _agree_\nmore.", "Five SAEs agree more."),
        ("> Five SAEs\n> agree more.", "> Five SAEs agree more."),
        ("x\n> agree more.", "x agree more."),
        ("Five [SAEs](docs/saes.md) agree.", "Five SAEs agree."),
        ("d_sae is 5*3 or 5 * 3, a > b.", "d_sae is 5*3 or 5 * 3, a > b."),
        (f"By **{R2}** on average.", "By {} on average."),
        ("At <!-- gatekit:literal -->95 %<!-- /gatekit:literal --> they agree.", "At 95 % they agree."),
    ],
)
def test_emphasis_links_and_line_ends_are_no_part_of_a_sentence(text: str, words: str) -> None:
    assert sentence("The: " + text) == "The: " + words


@pytest.mark.parametrize("text", ["They ~~do not~~ agree.", "They <!-- do not --> agree.", "They <b>agree</b>."])
def test_what_could_hide_or_strike_words_stays_in_the_sentence(text: str) -> None:
    assert sentence(text) == text


@pytest.mark.parametrize(
    ("data", "error_id", "place"),
    [
        (b"\xef\xbb\xbf# T\n", "document.bom", "README.md"),
        (b"# T\na \xff\n", "document.encoding", "README.md:2:3"),
        ("# T\r\nä\0\n".encode(), "document.control_character", "README.md:2:2"),
        ("by \u202e0012.0+\n".encode(), "document.control_character", "README.md:1:4"),
        (b" " * (MAX_SIZE + 1), "document.size", "README.md"),
    ],
    ids=["bom", "latin-1", "nul", "right to left", "too large"],
)
def test_a_document_that_is_not_plain_utf8_is_refused(data: bytes, error_id: str, place: str) -> None:
    with pytest.raises(GatekitError) as caught:
        parse_document(data, "README.md")
    assert (caught.value.error_id, str(caught.value.location)) == (error_id, place)


PIECES = (
    *(
        "`",
        "``",
        "```",
        "```\n",
        "~~~",
        "\\",
        "> ",
        "- ",
        "1. ",
        "# ",
        "  ",
        " ",
        "\n",
        "\n",
        "\n\n",
        "\r\n",
        "a ",
        "b",
    ),
    *("<!-- gatekit:claim a -->", "<!-- /gatekit:claim -->", "<!-- gatekit:literal -->", "<!-- x -->", "<!-- x\ny -->"),
)


def hidden_by_a_renderer(text: str) -> list[str]:
    """The markers that markdown-it passes through as HTML, in order."""
    found: list[str] = []

    def walk(tokens) -> None:
        for token in tokens:
            if token.type in ("html_block", "html_inline"):
                comments = re.findall(r"<!--(.*?)-->", token.content, re.DOTALL)
                found.extend(c.strip() for c in comments if "gatekit:" in c)
            walk(token.children or [])

    walk(MarkdownIt("commonmark").parse(text))
    return found


def test_markers_are_found_where_another_reader_of_commonmark_sees_html() -> None:
    drawn = random.Random(20260301)
    different, documents = 0, 0
    while documents < 3000:
        text = "".join(drawn.choice(PIECES) for _ in range(drawn.randint(2, 14)))
        if re.search(r"(^|[\r\n])[ >]* {4}|[-.] {2,}", text):
            continue  # indented code, where the two differ by design
        documents += 1
        ours = markdown.read(DocumentText("x.md", text)).markers
        words = [" ".join([("" if m.opens else "/") + f"gatekit:{m.kind}", *m.arguments]) for m in ours]
        different += words != hidden_by_a_renderer(text)
    # What is left are fences and quotes that interrupt each other within a few characters.
    assert different <= 15


def test_a_hostile_document_is_read_in_linear_time() -> None:
    for text in ("<!--" * 200_000, "`" * 3 + " ` `` " * 100_000, "<!-- " + " " * 500_000, "\\`" * 200_000):
        readme(text)
    runs = " ".join("`" * n for n in range(1, 1200))
    readme(runs)
