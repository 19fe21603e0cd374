"""What a Markdown document binds: markers where a renderer hides them, none where it shows them as code."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from claims.registered import README, readme, value
from growth import grows_evenly

from gatekit.claims import markdown, scan_numbers
from gatekit.claims.documents import MAX_SIZE, parse_document
from gatekit.claims.prose import SLOT
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
def test_a_marker_that_is_no_comment_binds_nothing_and_is_an_error(text: str) -> None:
    document = readme(text)
    assert document.values == ()
    assert document.errors


@pytest.mark.parametrize(
    "text",
    [
        f"<a title='{R2}'>x</a>\n",
        f"![{R2}](x.png)\n",
        f"[x]: y '{R2}'\n",
        f"a <!-- gatekit:value evidence/a.json r2 estimate .2f -- -->0.83{R2[-24:]}\n",
        f"<!--- gatekit:value evidence/a.json r2 estimate .2f -->0.83{R2[-24:]}\n",
        f"<script>\n{R2}\n</script>\n",
        f"<textarea> {R2} </textarea>\n",
        f"<?\n{R2}\n?>\n",
        f"<![CDATA[\n{R2}\n]]>\n",
        f"| a |\n|---|\n| b | {R2} |\n",
        f"    {R2}\n",
        f"text[^1]\n\n[^1]: {R2}\n",
        f"~~~ {R2}\n~~~\n",
    ],
    ids=[
        *("attribute", "picture", "title", "two dashes", "three dashes", "script", "textarea"),
        *("instruction", "cdata", "cell too many", "indented code", "footnote", "info string"),
    ],
)
def test_a_marker_in_any_other_place_is_an_error(text: str) -> None:
    document = readme(text)
    assert document.values == ()
    assert document.errors


@pytest.mark.parametrize("fence", ["```markdown gatekit-example", "~~~ gatekit-example", "    ```x gatekit-example"])
def test_a_fence_that_says_so_may_show_markers(fence: str) -> None:
    mark = fence.strip()[:3]
    document = readme(f"- a\n\n{fence}\n{fence[: len(fence) - len(fence.strip())]}{R2}\n{fence.split(mark)[0]}{mark}\n")
    assert (document.values, document.errors) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        f"9{R2}",
        f"{R2}e-3",
        f"{R2} e-3",
        f"{R2}0",
        f"9<!---->{R2}",
        f"{R2}<!---->9",
        f"{R2}<!-- x -->9",
        f"&#57;{R2}",
        f"{R2}&#x39;",
        f"9&nbsp;{R2}",
        f"1.{R2}",
        f"{R2}.5",
        f"{R2},000",
        f"-{R2}",
        f"\u2212{R2}",
        f"\u2013{R2}",
        f"&minus;{R2}",
        f"9**{R2}**",
        f"**9**{R2}",
        f"9<b></b>{R2}",
        f"<sup>9</sup>{R2}",
        f"`9`{R2}",
        f"[9](x){R2}",
        f"9\u200b{R2}",
        f"9&#8203;{R2}",
        f"9&shy;{R2}",
        f"9~~x~~{R2}".replace("x", "<!-- y -->"),
        f"x{R2}",
        f"{R2}x",
        f"{R2}%",
        f"{R2} %",
        f"{R2}\u2030",
        f"{R2}\u00d710",
        f"{R2} \u00d7 10",
        f"10 \u00d7 {R2}",
        f"{R2}/100",
        f"{R2}^2",
        f"{R2}\u00b2",
        f"10^{R2}",
        f"{R2}{R2}",
        f"{R2}\u0336",
        f"{R2}\u20442",
        f"{R2} \u2215 2",
        f"{R2}\u00d7",
        f"{R2}\u2032",
        f"{R2}\u00b0",
        f"{R2}\uff05",
        f"{R2} percent",
        f"{R2} per cent",
        f"{R2} million",
        f"{R2}\n  thousand",
        f"{R2}\U0001f4af",
        f"{R2}\U0001f558",
        f"{R2}![9](nine.png)",
        f"![-](minus.png){R2}",
        f"\u00ac{R2}",
        f"\u058a{R2}",
        f"1 - {R2}",
        f"1 + {R2}",
        f"{R2} \u2212 {R2}",
        f"{R2}<!-- gatekit:literal -->9<!-- /gatekit:literal -->",
        f"a <? x ?>9{R2}",
        f"- 9{R2}",
        f"<b>9{R2}</b>",
        f"<div>9{R2}</div>",
        f":heavy_minus_sign:{R2}",
        f"{R2}:nine:",
        f'<img src="minus.svg">{R2}',
        f"<svg><path/></svg>{R2}",
        f"<input value='-'>{R2}",
        f"{R2}<progress value='9'></progress>",
        f"{{{{ sign }}}}{R2}",
        f"{R2}{{{{ digit }}}}",
        f"{R2}{{sup}}`9`",
        f"{R2}{{: .x}}",
    ],
)
def test_a_bound_number_that_is_shown_as_part_of_another_is_an_error(text: str) -> None:
    assert "claims.glued" in [error.error_id for error in readme(f"so {text} is\n").errors + readme(f"{text}\n").errors]


@pytest.mark.parametrize(
    "text",
    [
        f"by {R2} on",
        f"({R2})",
        f"**{R2}**",
        f"by {R2}.",
        f"{R2}, {R2}; {R2}: {R2}",
        f"r2={R2}, ~{R2}, <{R2}",
        f"{R2}\u2013{R2}",
        f"| 9 | {R2} | 9 |\n",
        f"9 {R2} 9",
        f"9\n{R2}\n9",
        f"9<br>{R2}<br>9",
        f"9 <!-- x --> {R2}",
        f'"{R2}"',
        f"<td>{R2}</td>",
        f"a {R2}-fold",
        f"![nine](x.png) {R2} ![nine](x.png)",
        f"{R2} percentiles, {R2} millions",
        f"a - {R2}",
        f"<!-- gatekit:literal -->9<!-- /gatekit:literal --> {R2}",
        f"by: {R2} :tada:",
        f"<img src='x.svg'> {R2}",
        f"{{{R2}, {R2}}}",
        f"a: {R2}: b",
    ],
)
def test_a_bound_number_that_stands_alone_is_none(text: str) -> None:
    assert readme(f"so {text}\n").errors == ()


@pytest.mark.parametrize(
    "text",
    [
        f"<bdo dir='rtl'>{R2}</bdo>",
        f"<p dir='rtl'>{R2}</p>",
        f"<bdo dir='rtl'>\n\na {R2}\n\n</bdo>",
        f"<bdo dir='rtl'><div></bdo>{R2}</div>",
        f"<bdo dir='rtl'>\n\n> </bdo>\n\n{R2}",
        f"<span hidden>{R2}</span>",
        f"<span hidden/>{R2}",
        f"<SPAN HIDDEN>{R2}</SPAN>",
        f"<i title='&gt;' hidden=''>{R2}</i>",
        f"<span style='display:none'>{R2}</span>",
        f"<span style='d\\69splay:none'>{R2}</span>",
        f"<span style='dis&#112;lay:none'>{R2}</span>",
        f"<span style='margin-left: -9em'>{R2}</span>",
        f"<span style='font-size:0'>{R2}</span>",
        f"<font color='white'>{R2}</font>",
        f"<ruby>a<rt>{R2}</rt></ruby>",
        f"<dialog>{R2}</dialog>",
        f"<b hidden>x <b>y</b> {R2}</b>",
        f"<span hidden>{block('x')}</span>",
    ],
)
def test_a_number_or_claim_that_html_could_hide_or_turn_round_is_refused(text: str) -> None:
    assert "claims.covered" in [error.error_id for error in readme(f"so {text}\n").errors]


@pytest.mark.parametrize(
    "text",
    [
        f"<bdo dir='rtl'>x</bdo> {R2}",
        f"<span hidden>x</span> {R2}",
        f"<span hidden><b>x</b></span> {R2}",
        f"<span hidden>x<br></span> {R2}",
        f"<p dir='ltr'>{R2}</p>",
        f"<p align='center' dir='auto'>{R2}</p>",
        f"<td style='text-align: right; padding-left: 2px'>{R2}</td>",
        f"<details>{R2}</details>",
        f"<sub>{R2}</sub>",
        "<span hidden><!-- gatekit:literal -->9<!-- /gatekit:literal --></span>",
    ],
)
def test_a_number_beside_hidden_text_or_in_plain_html_is_read(text: str) -> None:
    assert readme(f"so {text}\n").errors == ()


@pytest.mark.parametrize("shown", ["0.9*0.7*", "http://a.b/&#57;<!-- x -->0.83", "0.1*0.83 ~~~***&#57;'>b"])
def test_a_number_is_read_as_it_is_written_where_renderers_differ_on_the_marks_in_it(shown: str) -> None:
    numbers = [stray.text for stray in scan_numbers(readme(f"so {shown} is\n"))]
    assert "0.83" in numbers or {"0.9", "0.7"} <= set(numbers)


@pytest.mark.parametrize(
    "text", ["0.<!-- x --! 9<!-- y -->9", "<!-- x --!>0.<!-- y -->99", "0.9<!-- x --!>9 <!-- y -->"]
)
def test_a_number_that_some_renderers_join_of_two_is_refused(text: str) -> None:
    assert "claims.glued" in [error.error_id for error in readme(f"so {text}\n").errors]


@pytest.mark.parametrize(
    "front",
    [
        "---\nx: |\n  ```gatekit-example\n---\n\n",
        "---\n<!--\n---\n\n",
        "---\nx: |\n  <pre>\n---\n\n",
        "---\nx:\n<div>\n---\n",
        "---\n[a]: b\n---\n\n",
        "---\n[^1]: b\n---\n\n",
        "---\n- a\n...\n\n",
        "+++\na = 1\n+++\n",
        "+++\n- a\n+++\n\n  ",
    ],
)
def test_front_matter_that_reaches_into_the_document_for_some_renderers_is_refused(front: str) -> None:
    assert "document.front_matter" in [error.error_id for error in readme(f"{front}so {R2} is\n").errors]


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: Seeds\n---\n",
        "---\ntitle: Seeds\ntags: [a, b]\n---\n\n",
        "---\r\nx: |\r\n  a\r\n\r\n  b\r\n---\r\n",
        "---\nx:\n  - a\n---\n",
        "---\nx: a\n...\n\n",
        "+++\na = 1\n+++\n\n",
        "---\n---\n",
        "---\n\n",
    ],
)
def test_front_matter_is_read_apart_from_the_document(front: str) -> None:
    document = readme(f"{front}so {R2} is\n")
    assert document.errors == ()
    assert str(document.values[0].marker_location) == f"README.md:{len(front.splitlines()) + 1}:4"


def test_numbers_of_front_matter_are_seen_by_the_scan() -> None:
    assert [stray.text for stray in scan_numbers(readme("---\ntitle: It is 0.83\n---\n\nso\n"))] == ["0.83"]


@pytest.mark.parametrize("text", [f"---\n# {R2}\n---\n", f"---\nx: '{R2}'\n---\n", f"note: {R2}\n\nx\n"])
def test_a_marker_in_what_some_renderers_hide_at_the_top_is_an_error(text: str) -> None:
    assert "claims.marker" in [error.error_id for error in readme(text).errors]


@pytest.mark.parametrize("text", [f"# x\n\nnote: {R2}\n", f"a note: {R2}\n", f"note: a\n\n{R2}\n"])
def test_a_marker_below_such_lines_is_read(text: str) -> None:
    assert (readme(text).errors, len(readme(text).values)) == ((), 1)


STATUS = "<!-- gatekit:status -->Supported by the evidence:<!-- /gatekit:status -->"
LINE_AND_STATUS = f"<!-- gatekit:claim agree -->{STATUS}"


@pytest.mark.parametrize("start", ["% ", "+++ ", "*[x]: ", "a: ", "a <b></b>", "9. a "])
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_status_in_a_line_with_other_text_has_its_sentence_there(start: str, gap: str) -> None:
    text = f"x\n\n{start}{LINE_AND_STATUS}{gap}Five.\n<!-- /gatekit:claim -->\n"
    assert "claims.status" in [error.error_id for error in readme(text).errors]
    assert readme(text.replace(f"-->{gap}Five", "--> Five")).errors == ()


@pytest.mark.parametrize("start", ["> ", "- ", "9. ", "**a**\n", "# "])
def test_a_status_that_begins_its_line_may_have_its_sentence_in_the_next(start: str) -> None:
    text = f"x\n\n{start}{LINE_AND_STATUS}\n\n{' ' * 3}Five.\n<!-- /gatekit:claim -->\n"
    assert readme(text).errors == ()


def test_a_status_stands_at_most_two_lines_above_its_sentence() -> None:
    near = f"{LINE_AND_STATUS}\n\nFive.\n<!-- /gatekit:claim -->\n"
    far = f"{LINE_AND_STATUS}\n\n***\nFive.\n<!-- /gatekit:claim -->\n"
    assert readme(near).errors == ()
    assert [error.error_id for error in readme(far).errors] == ["claims.status"]


@pytest.mark.parametrize(
    "text",
    [
        "$`0.83`$",
        "{sub}`0.83`",
        "!!! note\n\n    0.83",
        "??? note\n\n    0.83",
        '=== "Tab"\n\n    0.83',
        "a\n:   b\n\n    0.83",
        "```{note}\n0.83\n```",
        "```{figure} x.png\n0.83\n```",
        "```geojson\n0.83\n```",
        "0.:eight::three:",
        ":zero:.83",
        "0.8:three:",
    ],
)
def test_a_number_that_some_renderers_show_as_text_is_seen_by_the_scan(text: str) -> None:
    assert "0.83" in [stray.text for stray in scan_numbers(readme(f"so\n\n{text}\n"))]


@pytest.mark.parametrize(
    "text",
    [
        "`0.83`",
        "$ `0.83` $",
        "a note\n\n    0.83",
        "a == b\n\n    0.83",
        "```{code-cell}\n0.83\n```",
        "```{r}\n0.83\n```",
        "```{python}\n0.83\n```",
        "0.:nines:",
    ],
)
def test_code_is_none_of_them(text: str) -> None:
    assert scan_numbers(readme(f"so\n\n{text}\n")) == []


def test_files_that_a_site_brings_are_named() -> None:
    text = 'x {% include "a.md" %}\n\n--8<-- "b.md"\n\n```{include} c.md\n```\n\n{!d.md!} {{ e }} `{% raw %}`\n'
    assert [(one.name, one.location.line) for one in readme(text).brought] == [
        ("a.md", 1),
        ("b.md", 3),
        ("c.md", 5),
        ("d.md", 8),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[a](<{% endcomment %}>) b",
        "[a](x '{{ y }}') b",
        "[a](<{::}>) b",
        "[a](x '--8<--') b",
    ],
)
def test_what_a_site_fills_in_is_refused_in_a_claim(text: str) -> None:
    assert "claims.template" in [error.error_id for error in readme(block(text)).errors]


def test_what_a_site_fills_in_may_stand_beside_a_claim() -> None:
    assert readme(f"{{{{ title }}}}\n\n{block('a')}\n{{% include x %}}\n").errors == ()


@pytest.mark.parametrize(
    "inside", ["**0.83**", "0.8&#51;", "0\\.83", "<b>0.83</b>", "0.8<!---->3", "`0.83`", "[0.83](x)"]
)
def test_a_bound_number_is_plain_text(inside: str) -> None:
    text = "by " + value("evidence/a.json r2 estimate .2f", inside)
    assert "claims.number_markup" in [error.error_id for error in readme(text).errors]
    assert readme(text).values == ()


@pytest.mark.parametrize(("before", "inside", "behind"), [("0.", "99", ""), ("", "0", ".99"), ("1", "2", "3")])
def test_a_literal_is_no_part_of_a_longer_number(before: str, inside: str, behind: str) -> None:
    text = f"by {before}<!-- gatekit:literal -->{inside}<!-- /gatekit:literal -->{behind}"
    assert [error.error_id for error in readme(text).errors] == ["claims.glued"]


@pytest.mark.parametrize(
    ("text", "error_id"),
    [
        ("> " * 120 + "0.62\n", "document.depth"),
        ("a\n|---|\n", "document.table"),
        ("a\n\n[x]: y\nb\n", "document.definition"),
        ("-\n  \n  a\n", "document.list_item"),
        ("<div>\n<!-- a\n\nb -->\n", "document.html"),
        ("<div>\n<a title='\n\nb\n", "document.html"),
        ("0.9<? x ?>9\n", "claims.glued"),
        ("> a\n    > ```\n> 0.62\n", "document.quote"),
        ("   > a\n\t> <!-- 0.62 --!> b\n", "document.quote"),
        (f"- > a\n      > ```gatekit-example\n  > {R2}\n", "document.quote"),
        (f"a <!-- b -- c {R2}\n", "claims.marker"),
    ],
)
def test_what_renderers_read_differently_is_refused(text: str, error_id: str) -> None:
    assert error_id in [error.error_id for error in readme(text).errors]


@pytest.mark.parametrize(
    "text",
    [
        "> " * 90 + "0.62\n",
        "| a |\n|---|\n",
        "a\n\n[x]: y\n\nb\n\n[x]: y\n[z]: y\n",
        "-\n\na\n- b\n",
        "<div>\n<!-- a -->\n\nb\n</div>\n",
        "<!-- a\n\nb -->\n",
        "0.9 <? x ?> 9\n",
        "> a\n   > b\n",
        "1. > a\n    > b\n",
        "> a\n>     > b\n",
        f"a \\<!-- b -- c {R2}\n",
        "a <!-- x -- y --> b\n",
    ],
)
def test_their_near_twins_are_read(text: str) -> None:
    assert readme(text).errors == ()


@pytest.mark.parametrize(
    "text",
    [
        f"a ` b {R2} c\n",
        f"a ` b\n\n{R2} ` c\n",
        f"- a ` b\n- {R2} ` c\n",
        f"# a ` b\n{R2} ` c\n",
        f"| ` |\n|---|\n| {R2} ` |\n",
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
        f"- a\n\n    {R2}\n",
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


HOSTILE: dict[str, Callable[[int], str]] = {
    "decimals on one line": lambda size: "0.5 " * (size // 4),
    "bindings on one line": lambda size: (R2 + " ") * (size // len(R2 + " ")),
    "openings of comments": lambda size: "x <!--\n\n" * (size // 8) + "-->",
    "openings on one line": lambda size: "<!-- " * (size // 5),
    "backticks": lambda size: " ".join("`" * n for n in range(1, math.isqrt(2 * size))),
    "brackets": lambda size: "[" * (size // 10),
    "spaces in a marker": lambda size: "<!-- gatekit:" + " " * size,
    "a wide table": lambda size: "|a" * (size // 4) + "\n" + "|-" * (size // 4) + "|\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_costs_a_character_what_a_short_one_does(text: Callable[[int], str]) -> None:
    assert grows_evenly(lambda size: readme(text(size)), 16_000)


def test_what_would_take_longer_is_refused() -> None:
    with pytest.raises(GatekitError, match="opening brackets"):
        readme("[" * 10_001)


def test_a_sentence_with_a_link_is_the_registered_one() -> None:
    registered = "Five SAEs of https://example.org/a_b_c and *more* agree."
    assert sentence(registered) == markdown.sentence_words(registered)


@pytest.mark.parametrize(
    "text",
    [
        "x\n[^1]: a\n\n    0.555\n\ny[^1]\n",  # a paragraph of the footnote
        "x\n   [^1]:\n    y\n<span>\n~~~\n0.555\n",  # the footnote ends the paragraph, so a tag begins a block
        "x\n   [^1]: ~~~<!--\n-->0.555\n",  # a fence that ends with the footnote
    ],
)
def test_what_stands_behind_a_footnote_right_below_text_is_read_or_refused(text: str) -> None:
    document = parse_document(text.encode(), "a.md")
    refused = [error.error_id for error in document.errors] == ["document.footnote"]
    assert refused or [stray.text for stray in scan_numbers(document)] == ["0.555"]


@pytest.mark.parametrize("text", ["x[^1]\n[^1]: a note\nthat goes on\n", "x\n\n[^1]: a\n[^2]: b\n    more\n"])
def test_plain_footnotes_are_read(text: str) -> None:
    assert parse_document(text.encode(), "a.md").errors == ()


def test_a_pointer_of_lfs_is_no_document() -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 9\n"
    with pytest.raises(GatekitError) as raised:
        parse_document(pointer.encode(), "README.md")
    assert raised.value.error_id == "document.pointer"
    assert readme(f"# LFS\n\n{pointer}").errors == ()
