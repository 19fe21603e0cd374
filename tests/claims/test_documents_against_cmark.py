"""What GitHub's parser shows as prose, the check reads: against cmark-gfm, which knows nothing of this reader."""

from __future__ import annotations

import random

import pytest
from claims.registered import readme

from benchmarks.documents_fuzz import compare, random_document, shown_numbers
from gatekit.claims import scan_numbers

AS_PROSE = {
    "a fence mark five spaces in": "a\n     ```\n0.62\n",
    "pre": "<pre>\n```\n0.62\n```\n</pre>\n",
    "instruction": "<?\n~~~\n?>\n\n0.62\n",
    "instruction with a fence": "<?\n~~~\n?>\n0.62\n",
    "cdata": "<![CDATA[\n~~~\n]]>\n0.62\n",
    "declaration": "<!X\n~~~\n>\n0.62\n",
    "lone tag": "<span>\n~~~\n</span>\n0.62\n",
    "attribute with a backtick": '<a title="`"> 0.62 `\n',
    "automatic link with a backtick": "<http://a.b/`> 0.62 `\n",
    "bare link with a backtick": "http://a.b/` 0.62 `\n",
    "a list that does not interrupt": "a\n2. ```\n0.62\n",
    "code over cells": "| a | b |\n|---|---|\n| ` | 0.62 ` |\n",
    "a table below a line": "a | b\n--|--\n` | 0.62 `\n",
    "one tilde": "0.~6~2\n",
    "footnote": "a[^1]\n\n[^1]: b\n\n    0.62\n",
    "footnote of one word": "a[^1]\n\n[^1]: 0.62\n",
    "an unclosed fence in a list": "- ```\n  code\n\n0.62\n",
    "an unclosed fence in a quote": "> ```\n> code\n\n0.62\n",
    "entities": "&#48;&period;6&#50;\n",
    "escapes": "0\\.62\n",
    "emphasis inside": "0.**6**2\n",
    "a comment inside": "0.<!-- x -->62\n",
    "front matter": "---\nauc: 0.62\n---\n",
    "script": "<script> 0.62 </script>\n",
}


@pytest.mark.parametrize("text", AS_PROSE.values(), ids=AS_PROSE)
def test_what_is_rendered_as_prose_is_read(text: str) -> None:
    import cmarkgfm

    from benchmarks.documents_fuzz import OPTIONS

    rendered = cmarkgfm.github_flavored_markdown_to_html(text, options=OPTIONS)
    is_shown = "0.62" in shown_numbers(rendered)
    document = readme(text)
    assert not is_shown or document.errors or "0.62" in [stray.text for stray in scan_numbers(document)]
    assert is_shown, rendered


@pytest.mark.parametrize("seed", range(4))
def test_random_documents_are_read_as_cmark_shows_them(seed: int) -> None:
    drawn = random.Random(seed)
    found = [compare(random_document(drawn)) for _ in range(500)]
    assert [(one.text, one.disagreement) for one in found if one.disagreement] == []
    assert sum(one.bound for one in found) > 30
    assert sum(one.is_refused for one in found) < 250
