"""The examples of docs/claims.md are ones that gatekit accepts and that a renderer shows as meant."""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

from gatekit.claims import parse_document, parse_registry
from gatekit.claims.entries import registered_words

PAGE = (Path(__file__).parents[2] / "docs" / "claims.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    """The page's first code block in a language."""
    found, *_ = re.findall(rf"^```{language}(?: gatekit-example)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_the_example_states_the_registered_sentence() -> None:
    (claim,) = parse_registry(example("yaml").encode(), "claims.yaml").claims
    document = parse_document(example("markdown").encode(), "README.md")
    assert document.errors == ()
    assert [(block.claim, block.sentence) for block in document.blocks] == [(claim.id, registered_words(claim))]
    assert [value.printed for value in document.values] == ["+0.210", "+0.200"]
    assert all(claim.stands_on(value.file) for value in document.values)


def test_the_latex_example_shows_the_claim_and_the_value_that_the_page_registers() -> None:
    document = parse_document(example("latex").encode(), "p.tex")
    assert document.errors == ()
    (values,) = re.findall(r"^```yaml\n(values:\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    registry = parse_registry((example("yaml") + values).encode(), "claims.yaml")
    names = [("claim", registry.claims[0].id), ("value", registry.values[0].name)]
    assert [(use.kind, use.name) for use in document.uses] == names


def test_a_reader_sees_the_sentence_with_its_numbers_and_no_markers() -> None:
    html = MarkdownIt("commonmark").render(example("markdown"))
    seen = re.sub(r"<!--.*?-->|<[^>]*>", "", html)
    assert " ".join(seen.split()) == (
        "Five TopK SAEs agree more across seeds than their control, by +0.210 (at least +0.200 at 95 % confidence)."
    )
    assert "<strong>" in html


def test_the_page_itself_binds_nothing() -> None:
    document = parse_document(PAGE.encode(), "docs/claims.md")
    assert (document.blocks, document.values, document.errors) == ((), (), ())
