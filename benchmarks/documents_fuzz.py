"""Does the check read everything that GitHub's Markdown shows as prose?

    python benchmarks/documents_fuzz.py --write          # 100,000 documents; writes results/documents_fuzz.md
    python benchmarks/documents_fuzz.py --documents 2000 --seed 7
    python benchmarks/documents_fuzz.py --spec spec.txt  # the examples of a CommonMark or GFM specification instead

Random documents of 2 to 24 pieces of Markdown and HTML are rendered by cmark-gfm (the package cmarkgfm) and read by the
check. In each of them no number that cmark-gfm shows outside code may be missing from what the scans look at, and no
binding may be read that cmark-gfm does not hide, or shows with another number. A document that the check refuses is
counted apart: it cannot pass, whatever it says.
"""

from __future__ import annotations

import argparse
import html
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cmarkgfm
from cmarkgfm.cmark import Options

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "documents_fuzz.md"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from gatekit.claims.documents import ClaimsDocument, parse_document  # noqa: E402
from gatekit.errors import GatekitError  # noqa: E402

OPTIONS = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES

TEXT = (
    *(
        "@ ",
        "@",
        "@\n",
        " @ ",
        "a ",
        "@.",
        "(@)",
        "x@ ",
        "e-3 ",
        "9",
        "\\",
        "\\`",
        "&#57;",
        "&amp;",
        "&lt;!-- @ ",
        ", ",
    ),
)
LINES = ("\n", "\n", "\n\n", "\n\n", "  \n", "\\\n", "\r\n", "\n \n", "\n    ", "\n\t", "\n   ", "\n  ")
BLOCKS = (
    *("> ", "- ", "* ", "1. ", "12) ", "# ", "## ", "===\n", "---\n", "***\n", "+ ", "-\n", "  - ", "   > ", "    "),
    *("```\n", "~~~\n", "````\n", "``` a\n", "~~~ a`b\n", "     ```\n", "   ```\n", "```", "~~~", "``` `\n", "\n```\n"),
    *("| ", " | ", "|\n", "\n|---|\n", "\n|---|---|\n", "\n| - | :-: |\n", "--|--\n", "| a | b |\n", "\\| "),
    *("[a]: b\n", "[^1]: ", "[^1] ", "[^a]:\n    ", "[@]: <x> '@'\n", "[a]\n", "- [ ] ", "> [!NOTE]\n"),
)
SPANS = (
    *("`", "``", "` ", " `", "*", "**", "_", "__", "~", "~~", "~~~", "***", "[", "](x)", "](<x> '@')", "![", "]"),
    *("[a][a]", "<http://a.b/@>", "http://a.b/*", "www.a.b/_", "a@b.c", "<a.b@c.d>", "![@](x)"),
)
HTML = (
    *("<!-- ", "-->", " -->", "<!-->", "<!--->", "<!---->", "<!-- @ -->", "<!-- a -- @ -->", "<!-- @ --!>", "--"),
    *("<?", "?>", "<? @ ?>", "<![CDATA[", "]]>", "<!X @ >", "<!X", "<!x @>", ">", "<", "</", "/>"),
    *("<div>", "</div>", "<div\n", "<pre>", "</pre>", "<pre>\n", "<script>", "</script>", "<style>", "</style>"),
    *("<textarea>", "</textarea>", "<span>", "</span>", "<span>\n", "<b>", "</b>", "<br>", "<p>", "<x-y>", "</x-y>\n"),
    *('<a href="', '">', "<a b='", "'>", '<a title="`">', "<a b=`>", "<td>", "<details>\n", "<custom a", "<hr/>\n"),
)
BINDINGS = (
    "<!-- gatekit:value a.json r2 estimate .2f -->@<!-- /gatekit:value -->",
    "<!-- gatekit:value a.json r2 estimate .2f -->@<!-- /gatekit:value --> ",
    " <!-- gatekit:value a.json r2 estimate .2f -->@<!-- /gatekit:value --> ",
    "<!-- gatekit:value a.json r2\nestimate .2f -->@<!-- /gatekit:value -->",
)
KINDS = (TEXT, TEXT, TEXT, LINES, LINES, BLOCKS, SPANS, HTML)


@dataclass(frozen=True)
class Comparison:
    """What became of one document."""

    text: str
    disagreement: str | None
    """What the check does not read, or reads otherwise."""
    is_refused: bool
    bound: int
    """Numbers that are bound."""


def random_document(drawn: random.Random) -> str:
    """Return a document in which every number is another one."""
    binds = drawn.random() < 0.3
    parts = []
    for _ in range(drawn.randint(2, 24)):
        kind = BINDINGS if binds and drawn.random() < 0.15 else drawn.choice(KINDS)
        parts.append(drawn.choice(kind))
    count = iter(range(100, 1000))
    return re.sub("@", lambda _: f"0.{next(count)}", "".join(parts))


def compare(text: str) -> Comparison:
    """Render and read one document."""
    try:
        document = parse_document(text.encode(), "x.md")
    except GatekitError:
        return Comparison(text, None, True, 0)
    if document.errors:
        return Comparison(text, None, True, 0)
    rendered = cmarkgfm.github_flavored_markdown_to_html(text, options=OPTIONS)
    return Comparison(text, _unread(rendered, document) or _misread(rendered, document), False, len(document.values))


_VALUE = re.compile(r"<!-- gatekit:value [^<>]* -->(.*?)<!-- /gatekit:value -->", re.DOTALL)
_CODE = re.compile(r"<pre><code[^>]*>.*?</code></pre>|<code>.*?</code>", re.DOTALL)
_HIDDEN = re.compile(
    r"<!---?>|<!--.*?--!?>|<!--.*\Z"  # comments; one that is not closed hides the rest
    r"|<[?!][^>]*>|</(?![A-Za-z])[^>]*(?:>|\Z)|<\?.*\Z|<![A-Za-z\[].*\Z"  # so does what starts like this
    r"|<sup class=\"footnote-ref\">.*?</sup>|<a href=\"\#fnref.*?</a>"  # the renderer's own
    r"|</?[A-Za-z](?:[^>=]|=\s*(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^\s\"'>][^\s>]*)?)*(?:>|\Z)",
    re.DOTALL,
)
_SEPARATING = re.compile(
    r"</?(?:p|li|t[dhr]|h[1-6]|br|hr|img|div|pre|blockquote|ul|ol|table|thead|tbody|section|details)\b"
)
_NUMBER = re.compile(r"[0-9][0-9.]*")


def shown_numbers(rendered: str) -> Counter[str]:
    """Return the numbers outside code, comments and tags of rendered HTML."""
    text = _HIDDEN.sub(lambda found: " " if _SEPARATING.match(found[0]) else "", _CODE.sub(" ", rendered))
    return Counter(number.rstrip(".") for number in _NUMBER.findall(html.unescape(text)))


def _unread(rendered: str, document: ClaimsDocument) -> str | None:
    shown = shown_numbers(_VALUE.sub(" ", rendered) if document.values else rendered)
    read = Counter(number.rstrip(".") for number in _NUMBER.findall(document.unbound.text))
    missing = shown - read
    return f"not read: {', '.join(sorted(missing))}" if missing else None


def _misread(rendered: str, document: ClaimsDocument) -> str | None:
    shown = [value.strip() for value in _VALUE.findall(_CODE.sub(" ", rendered))]
    read = [value.printed for value in document.values]
    # A footnote that nothing refers to is not rendered.
    hidden = Counter(read) - Counter(shown) if "[^" in document.text else Counter()
    return f"bound {read}, rendered {shown}" if Counter(shown) != Counter(read) - hidden else None


_WORD = re.compile(r"(?<![\w<&/#.:-])(?:foo|bar|baz|aaa|bbb|ccc|hello|hi)\b")


def examples(path: Path) -> list[str]:
    """Return the examples of a specification; each word of theirs becomes a number, so that it is compared."""
    found = re.findall(r"^`{32} example[^\n]*\n(.*?)^\.\n.*?^`{32}$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    texts = []
    for example in found:
        texts.append(example.replace("\u2192", "\t"))
        numbers = map("0.{}".format, range(100, 1000))
        texts.append(_WORD.sub(lambda _, numbers=numbers: next(numbers), texts[-1]))
    return texts


def main() -> None:
    """Compare many documents and write what came of it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--documents", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=20261126)
    options.add_argument("--spec", type=Path, help="a file with examples between lines of backticks")
    options.add_argument("--show", type=int, default=10, help="disagreements to print")
    options.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    given = options.parse_args()
    drawn = random.Random(given.seed)
    documents = examples(given.spec) if given.spec else (random_document(drawn) for _ in range(given.documents))
    started = time.monotonic()
    different, refused, binding, bound = 0, 0, 0, 0
    count = 0
    for text in documents:
        found = compare(text)
        count += 1
        refused += found.is_refused
        binding += found.bound > 0
        bound += found.bound
        if found.disagreement is not None:
            different += 1
            if different <= given.show:
                print(f"{found.text!r}\n    {found.disagreement}")
    seconds = time.monotonic() - started
    what = f"examples of {given.spec.name}" if given.spec else f"random documents (seed {given.seed})"
    lines = (
        f"{count:,} {what} against cmark-gfm {cmarkgfm.cmark.CMARK_VERSION}",
        f"{different:,} disagreements on what is prose or bound",
        f"{refused:,} refused by the check; {bound:,} numbers bound in {binding:,} of the others",
    )
    print("\n".join(lines), f"in {seconds:.0f} s")
    if given.write:
        text = "# Documents: the check against cmark-gfm\n\n" + "".join(f"* {line}\n" for line in lines)
        RESULTS.write_text(text + "\nWritten by `benchmarks/documents_fuzz.py --write`.\n", encoding="utf-8")


if __name__ == "__main__":
    main()
