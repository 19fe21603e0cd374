"""Quarto documents are Markdown, without what runs or comes from elsewhere."""

from __future__ import annotations

import pytest
from claims.registered import README, value
from growth import TIMES, grows_evenly

from gatekit.claims import ClaimsDocument, parse_document, scan_numbers

R2 = value("evidence/a.json r2 estimate .2f", "0.83")


def quarto(text: str) -> ClaimsDocument:
    return parse_document(text.encode(), "report.qmd")


def test_a_quarto_document_binds_what_markdown_binds() -> None:
    text = f"---\ntitle: Seeds\n---\n\n{README}\n```{{python}}\nprint(0.62)\n```\n"
    document = quarto(text)
    assert document.errors == ()
    assert [value.printed for value in document.values] == ["+0.2100", "0.83"]
    assert scan_numbers(document) == []
    assert [stray.text for stray in scan_numbers(quarto("It is 0.62.\n"))] == ["0.62"]


@pytest.mark.parametrize(
    "text",
    [
        "{{< include other.qmd >}}\n",
        "{{% x %}}\n",
        "It is `r 0.5 + 0.4`.\n",
        "It is `{python} best`.\n",
        "```{=html}\n<b>0.9</b>\n```\n",
        "::: {.content-hidden}\n0.83\n:::\n",
        "\\iffalse\n\n0.9\n\n\\fi\n",
        "\\begin{comment}\n0.9\n\\end{comment}\n",
        "\\renewcommand{\\x}{0.9}\n",
        "a\n\n---\nx: 1\n---\n\nb\n",
        "[a]{style='display:none'} b\n",
        "[a]{.content-hidden} b\n",
        "`-`{=html} b\n",
        '::: {.content-visible when-format="html"}\n0.9\n:::\n',
    ],
)
def test_what_is_not_in_the_document_is_refused(text: str) -> None:
    assert "claims.quarto" in [error.error_id for error in quarto(f"{text}\n{R2}\n").errors]


@pytest.mark.parametrize(
    "text",
    [
        "$$\\iff \\left( x \\right)$$\n",
        "::: {.callout-note}\n0.83\n:::\n",
        "a\n\n---\n\nb\n",
        "[a]{.smallcaps}\n",
        "`rate` and `python_x`\n",
        "{{x}}\n",
    ],
)
def test_their_near_twins_are_read(text: str) -> None:
    assert quarto(f"{text}\n\n{R2}\n").errors == ()


@pytest.mark.parametrize(
    "chunk",
    [
        "```{python}\n#| fig-cap: 'It is 0.62'\nplot()\n```\n",
        "```{r}\n#| label: x\n#| tbl-cap: It is 0.62\n1\n```\n",
        "```{ojs}\n//| fig-subcap: It is 0.62\n1\n```\n",
        '```{r, fig.cap="It is 0.62"}\n1\n```\n',
    ],
)
def test_the_caption_of_a_chunk_is_text_of_the_document(chunk: str) -> None:
    [stray] = scan_numbers(quarto(f"Text.\n\n{chunk}"))
    assert (stray.text, stray.location.line) == ("0.62", 3 + chunk[: chunk.index("0.62")].count("\n"))


def test_what_else_a_chunk_says_is_code() -> None:
    assert scan_numbers(quarto("```{r}\n#| fig-width: 0.62\nx = 0.62 # cap: 0.62\n```\n")) == []


@pytest.mark.parametrize("unit", ["```", "~~~", ":::", "::: ", "```{r, fig.cap", "#| ", "] {", "`r", "\\if"])
def test_a_hostile_quarto_document_costs_a_character_what_a_short_one_does(unit: str) -> None:
    documents = {count: unit * count for count in (2_000, TIMES * 2_000)}
    assert grows_evenly(lambda count: quarto(documents[count]), 2_000)
