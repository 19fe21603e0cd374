"""Documents, as `claims scan` and `claims check` read them."""

from __future__ import annotations

from pathlib import Path

from gatekit.claims.document_formats import MOST_LINES
from gatekit.claims.documents import MAX_SIZE, MOST_BRACKETS
from gatekit.claims.github_markdown import DEEPEST
from gatekit.evidence.folder_limits import DOCUMENT_FILES
from hostile_inputs.cases import BINDING, CASES, CLAIMS, KIB, ROOT, Case, case, claims, filled, write


def document(name: str, text: str, file: str = "x.md", command: str = "scan") -> None:
    """Add a case of one document."""
    CASES.append(Case(f"document: {name}", lambda folder: claims(folder, text, file, command), (0, 2, 3, 4)))


document("97 KiB of decimals on one line", filled("0.12 ", 97 * KIB))
document("decimals on one line, at the limit", filled("0.12 "))
document("decimals on lines of their own", filled("0.12\n"))
document("3,000 bindings on one line", BINDING * 3000, command="check")
document("8,000 markers on one line", BINDING * 4000, command="check")
document("bindings on one line, beyond the limit", filled(BINDING), command="check")
document("paragraphs of x <!-- and one -->", filled("x <!--\n\n", 160 * KIB) + "-->\n")
document("paragraphs of x <!--, at the limit", filled("x <!--\n\n") + "-->\n")
document("x <!-- on one line", filled("x <!-- ") + "-->\n")
document("20,000 digits, LaTeX", filled("0.12 ", 20_000), "x.tex")
document("100,000 digits, LaTeX", filled("0.12 ", 100_000), "x.tex")
document("digits, LaTeX, at the limit", filled("7"), "x.tex")
document("decimals, LaTeX, at the limit", filled("0.12 "), "x.tex")
document("braces, LaTeX", filled("{", 250 * KIB) + filled("}", 250 * KIB), "x.tex")
document("\\gatevalue{ never closed, LaTeX", filled("\\gatevalue{"), "x.tex")
document("unknown macros of ours, LaTeX", filled("\\gatevalu "), "x.tex")
document("backslashes, LaTeX", filled("\\"), "x.tex")
document("\\iffalse and markers, LaTeX", filled("\\iffalse \\gateliteral{1}"), "x.tex")
document("\\begin{verbatim} never closed, LaTeX", filled("\\begin{verbatim}\\verb|"), "x.tex")
document("comments, LaTeX", filled("%\n"), "x.tex")
document("digits of one number", filled("7"))
document("commas and digits", filled("1,234"))
document("dots and digits", filled("1.2.3."))
document("unclosed markers", filled("<!-- gatekit:value a b c d -->\n\n"))
document("ends of nothing", filled("<!-- /gatekit:value -->\n\n"))
document("unknown markers", filled("<!-- gatekit:valeu a -->\n\n"))
document("markers in code", filled("`<!-- gatekit:claim a -->`\n\n"))
document("opening brackets", "[" * MOST_BRACKETS)
document("links never closed", "[a](" * MOST_BRACKETS)
document("links with brackets", "[a](<b" * MOST_BRACKETS)
document("pictures in pictures", "![" * MOST_BRACKETS + "](x)" * MOST_BRACKETS)
document("link definitions", "".join(f"[a{i}]: b\n" for i in range(MOST_BRACKETS)))
document("stars", filled("*"))
document("stars and letters", filled("*a "))
document("stars and underscores", filled("*a_ **b_ "))
document("tildes", filled("~a ~~b "))
document("backticks of many lengths", "".join("`" * n + " " for n in range(1, 1000)))
document("backtick and letter", filled("a`"))
document("opening angles", filled("<"))
document("<a opened", filled("<a "))
document("<a with attributes never closed", filled("<a b='"))
document("attributes", "<a " + filled("b=c ") + ">")
document("tags", filled("<b>"))
document("declarations <!A", filled("<!A "))
document("instructions <?", filled("<? "))
document("CDATA", filled("<![CDATA[ "))
document("HTML block of <div>", "<div>\n" + filled("<div\n"))
document("HTML block of <!--", "<div>\n" + filled("x <!--"))
document("scripts", filled("<script>"))
document("entities", filled("&amp;"))
document("ampersands", filled("&"))
document("quotes", filled(">"))
document("quotes on lines", filled("> a\n"))
document("quotes, deeper and deeper", "".join("> " * n + "a\n" for n in range(1, 99)) * 50)
document("lists", filled("* "))
document("lists on lines", filled("* a\n"))
document("nested lists", "".join("  " * n + "* a\n" for n in range(1, 90)) * 50)
document("headings", filled("# a\n"))
document("fences", filled("```\n"))
document("a table of one row", "|a" * 40_000 + "\n" + "|-" * 40_000 + "\n" + "|b" * 40_000)
document("a table of many columns and rows", "|a" * 200 + "\n" + "|-" * 200 + "\n" + ("|b" * 3 + "\n") * 39_000)
document("a table of many rows", "|a|b|\n|-|-|\n" + filled("|a|b|\n"))
document("tables without end", filled("|a|\n|-|\n"))
document("blank lines", filled("\n"))
document("spaces", filled(" "))
document("tabs", filled("\t"))
document("lines of spaces", filled("  \n"))
document("backslashes", filled("\\"))
document("URLs", filled("http://a.b/ "))
document("URL without end", filled("http://"))
document("www", filled("www."))
document("addresses", filled("a@b."))
document("footnotes", filled("[^1]: a\n\n", 100 * KIB))
document("claim language", filled("better than "))
document("word of a list of versions", filled("version 1.2, "))
document("spaces of claim language", "better" + filled(" ") + "x")
document("minus signs", filled("-"))
document("underlines", filled("a\n---\n"))
document("invisible characters", filled("\u200b"))
document("combining marks", filled("a\u0301"))
document("wide characters", filled("\U0001f600"))
document("literals", filled("<!-- gatekit:literal -->0.1<!-- /gatekit:literal --> "))
document("nested claims", filled("<!-- gatekit:claim c -->"))
document("carriage returns", filled("\r"))
document("front matter, Quarto", "---\n" + filled("a: b\n") + "---\n", "x.qmd")
document("shortcodes, Quarto", filled("{{< a "), "x.qmd")
document("divs, Quarto", filled("::: {.a}\n"), "x.qmd")


document("as many bytes as one may have", "a " * (MAX_SIZE // 2))
document("as many problems as are kept, and more", filled("<!-- /gatekit:literal -->\n\n", 7900 * 27))
document("quotes and lists, as deep as they may be", "".join("> " * n + "* a\n" for n in range(1, DEEPEST - 2)) * 90)
document("lists on longer lines", filled("* *a* 0.12 b\n"))
document("emphasis in emphasis", "*a " * 80_000 + "b*" * 80_000)
document("emphasis, opened by three", filled("***a **b *c "))
document("brackets in emphasis", "*[a*](" * MOST_BRACKETS)
document("one link definition, many references", "[a]: b\n\n" + "[a] " * (MOST_BRACKETS - 10))
document("references in references", "[a]: b\n\n" + "[a][" * (MOST_BRACKETS // 2 - 10) + "]" * MOST_BRACKETS)
document("footnotes in footnotes", "".join(f"[^{i}]: [^{i + 1}] a\n\n" for i in range(4500)))
document("quotes in lists in quotes", filled("> * > * > * > * a 0.12\n"))
document("tables of code", "|a|b|\n|-|-|\n" + filled("|`a|b`|\n", 510 * KIB))
document("code spans over cells", "|a|b|\n|-|-|\n" + filled("|`|`a\n", 510 * KIB))
document("HTML in HTML", "<div>" * 50_000 + "0.12" + "</div>" * 40_000)
document("HTML in HTML on lines", filled("<div><p><b>\n"))
document("hidden HTML in hidden HTML", filled("<details hidden><span>0.12 "))
document("backticks, ever more", "".join("`" * (n % 700) + "a" for n in range(1400)))
document("entities without end", filled("&#x1"))
document("strikethrough of strikethrough", filled("~~a ~b~~ "))
document("references of one line without end", "[a]:\n" + filled("b "))
document("titles never closed", "".join(f"[a{i}]: b 'c\n" for i in range(MOST_BRACKETS - 10)))
document("angles and letters", filled("<a@b.c> <a:b> "))
document("numbers behind words", filled("section 0.12 table 1.2, 1.3, 1.4 "))
document("spaces behind numbers", filled("0.12" + " " * 60))
document("digits grouped by spaces", filled("1\u00a0234\u00a0567.8 "))
document("brackets, Typst", "[" * (MOST_BRACKETS - 10) + filled("#x("), "x.typ")
document("functions in functions, Typst", filled("#a(b("), "x.typ")
document("numbers, Typst", filled("0.12 "), "x.typ")
document("comments in comments, Typst", filled("/* "), "x.typ")
document("comments in comments, HTML", filled("<!-- <!-- --> "))
document("math", filled("$0.12$ "))
document("math of GitHub on lines", filled("$$\n0.12\n$$\n\n"))
document("environments in environments, LaTeX", filled("\\begin{a}"), "x.tex")
document("options of macros never closed, LaTeX", filled("\\a[{"), "x.tex")
document("widths, LaTeX", filled("0.5\\textwidth 7 "), "x.tex")


def together(name: str, *texts: str) -> None:
    """Add a case of several documents."""

    def build(folder: Path) -> list[str]:
        for index, text in enumerate(texts):
            write(folder, f"docs/{index}.md", text)
        claims(folder, "")
        write(folder, "claims.yaml", CLAIMS % '"docs/*.md"')
        return ["claims", "scan"]

    CASES.append(Case(f"documents: {name}", build, (0, 2, 3, 4)))


HALF = DOCUMENT_FILES.size // 2 - 10
together("as many bytes as all may have, decimals", filled("0.12 ", HALF), filled("0.12 ", HALF))
together("as many bytes as all may have, emphasis", filled("*a_ **b_ ", HALF), filled("*a_ **b_ ", HALF))
together("as many bytes as all may have, backslashes", filled("\\", HALF), filled("\\", HALF))
together("as many bytes as all may have, addresses", filled("http://a.b/ ", HALF), filled("http://a.b/ ", HALF))
together("as many brackets as all may have", *["![" * MOST_BRACKETS + "](x)" * MOST_BRACKETS] * 2)
together("as many lines as all may have, lists", *["* *a* 0.12 b\n" * (MOST_LINES // 2 - 20)] * 2)
together("as many lines as all may have, headings", *["# a 0.12 b\n" * (MOST_LINES // 2 - 20)] * 2)
together("as many lines as all may have, underlines", *["a 0.12\n---\n" * (MOST_LINES // 4 - 20)] * 2)
together("as many lines as all may have, rows", *["|a|b|\n|-|-|\n" + "|a|0.12|b\n" * (MOST_LINES // 2 - 20)] * 2)


@case("documents: as many as there may be")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    write(folder, "claims.yaml", CLAIMS % "docs/*.md")
    for index in range(DOCUMENT_FILES.files):
        write(folder, f"docs/{index}.md", "Agrees by 0.12.\n\n" * 9)
    return ["claims", "scan"]


@case("document: 300 KB of real Markdown")
def _(folder: Path) -> list[str]:
    text = "\n\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    return claims(folder, text.replace("gatekit:", "gatekit ").replace("/gatekit", "gatekit")[: 300 * 1000])


@case("documents: 2,000")
def _(folder: Path) -> list[str]:
    claims(folder, "0.12 ", "docs/x.md")
    write(folder, "claims.yaml", CLAIMS % "docs/*.md")
    for index in range(2000):
        write(folder, f"docs/{index}.md", "Agrees by 0.12.\n\n" * 10)
    return ["claims", "check"]
