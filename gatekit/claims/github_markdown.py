"""markdown-it-py, set up to find the blocks that GitHub's own parser, cmark-gfm, finds.

cmark-gfm keeps to CommonMark 0.29 and differs from later parsers in a few rules about blocks. Each is set here to what
GitHub does; where that is not possible, what was met is noted for the reader, which refuses it or reads it both ways.
benchmarks/documents_fuzz.py compares the two.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

DEEPEST = 100
"""Lists and quotes in each other; the parser leaves out what is deeper."""
FOOTNOTES = "footnotes"
"""Set in the environment of a document that defines footnotes."""
AFTER_DEFINITION = "after_definition"
"""In the environment, the lines (from 0) of text right behind a link definition."""
DEEP_QUOTES = "deep_quotes"
"""In the environment, the lines (from 0) of quotes whose > stands four columns in or more: text to GitHub."""

_SMALL_DECLARATION = re.compile(r"<![a-z]")
_DASHES = re.compile(r"[ \t>]*-+[ \t]*")
_OTHER_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[|[A-Z]+\s)")


@cache
def parser() -> MarkdownIt:
    """Return CommonMark with tables and strikethrough; GitHub's automatic links and task lists show the same text."""
    from markdown_it import MarkdownIt
    from markdown_it.common.html_re import HTML_OPEN_CLOSE_TAG_STR
    from markdown_it.rules_block import blockquote, html_block, reference, table
    from markdown_it.rules_inline import html_inline

    lone_tag = re.compile(HTML_OPEN_CLOSE_TAG_STR + r"\s*\Z")

    def definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        # `[^1]: text` is a footnote on GitHub and shows its text; to CommonMark it can be a link definition, shown
        # nowhere.
        if state.src.startswith("[^", state.bMarks[start] + state.tShift[start]):
            state.env[FOOTNOTES] = True
            return False
        found = reference(state, start, end, silent)
        if found:
            following = state.env.setdefault(AFTER_DEFINITION, {})
            following.pop(start, None)
            line = state.line
            if line < len(state.bMarks) - 1 and state.src[state.bMarks[line] : state.eMarks[line]].strip(" \t>"):
                following[line] = True
        return found

    def html(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        at = state.bMarks[start] + state.tShift[start]
        if _SMALL_DECLARATION.match(state.src, at):  # to cmark-gfm a declaration has a name in capitals
            return False
        if html_block(state, start, end, silent):
            return True
        # A tag alone on a line does not interrupt a paragraph, except one that only goes on there out of laziness.
        is_lazy = state.parentType == "blockquote" or state.sCount[start] < state.blkIndent
        return silent and is_lazy and lone_tag.match(state.src[at : state.eMarks[start]]) is not None

    def quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        found = blockquote(state, start, end, silent)
        for line in range(start + 1, state.line) if found and not silent else ():
            at = state.bMarks[line] + state.tShift[line]
            if state.sCount[line] - state.blkIndent >= 4 and state.src[at : at + 1] == ">":
                state.env.setdefault(DEEP_QUOTES, {})[line] = True
        return found

    def last_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        # A row of dashes without | or : is the line under a heading first of all.
        is_row = start + 1 < end and not _DASHES.fullmatch(state.src[state.bMarks[start + 1] : state.eMarks[start + 1]])
        return is_row and table(state, start, end, silent)

    def tag(state: StateInline, silent: bool) -> bool:
        return not _OTHER_DECLARATION.match(state.src, state.pos) and html_inline(state, silent)

    made = MarkdownIt("commonmark", {"maxNesting": DEEPEST, "strikethrough_single_tilde": True})
    made.enable("strikethrough")
    made.disable("text_join")  # keeps what is written as an entity or escape apart from other text
    made.block.ruler.at("reference", definition, {"alt": []})
    made.inline.ruler.at("html_inline", tag)
    made.block.ruler.at("blockquote", quote, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    made.block.ruler.at("html_block", html, {"alt": ["paragraph", "reference", "blockquote"]})
    # As cmark-gfm does: what starts a block of any other kind is no header of a table.
    made.block.ruler.before("lheading", "last_table", last_table, {"alt": ["paragraph", "reference"]})
    return made
