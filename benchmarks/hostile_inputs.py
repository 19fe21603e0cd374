"""The inputs of benchmarks/hostile.py: each builds files in a folder and returns the command that reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import builders  # noqa: E402  (the tests' own documents: valid, complete, one subject)

KIB, MIB = 1 << 10, 1 << 20
POLICY = "schema: gatekit.policy/1\nid: p\ngates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n"
CLAIMS = """\
schema: gatekit.claims/1
rules: {documents: [%s], unregistered_numbers: error, claim_language: error}
claims:
  - {id: c, sentence: It agrees., status: pending, policy: p, gates: [g]}
"""
BLOCK = "<!-- gatekit:claim c{0} -->It agrees {0}.<!-- /gatekit:claim -->\n\n"
BINDING = "<!-- gatekit:value evidence/a.json r2 estimate .2f -->0.80<!-- /gatekit:value --> "
PLAIN_JSON = "import json; json.load(open({!r}))"


@dataclass(frozen=True)
class Case:
    """One hostile input."""

    name: str
    build: Callable[[Path], list[str]]
    """Writes files into a folder and returns arguments of gatekit, which runs in it."""
    codes: tuple[int, ...] = (0, 2, 3, 4, 5)
    """Exit codes that are right."""
    peer: str = ""
    """Python that reads the same file with the plain reader of its format."""

    @property
    def is_first(self) -> bool:
        """Whether it was once slow, or is the largest of its sort."""
        return any(name in self.name for name in FIRST_TO_RUN)


FIRST_TO_RUN = (
    *("97 KiB of decimals", "decimals on lines", "3,000 bindings", "8,000 markers", "x <!--, at the limit"),
    *("x <!-- and one", "20,000 digits", "100,000 digits", "300 KB of real", "lists on lines", "a table of many rows"),
    *("tables without end", "documents:", "20,000 rows", "240,000", "319,600", "1,000 seeds, each", "900,000 unknown"),
    *("100,000 unknown", "100,000 inputs", "999,000 numbers", "a key of 15", "nested 1,000,000", "10,000 of two KB"),
    *("10,000 of one subject", "2,400 gates", "25 of 150", "25 policies", "20 of 20,000 nodes", "nested 30 deep"),
    *("nested 20,000", "aliases of", "a line of 250", "claims: 1,000", "50 document patterns", "1,500 folders"),
    *("git: 100,000 files", "git: 200,000", "git: 3,000", "import", "signatures:", "digest:", "unknown macros"),
)


CASES: list[Case] = []


def case(name: str, codes: tuple[int, ...] = (0, 2, 3, 4, 5), peer: str = "") -> Callable[[Any], Any]:
    """Add the function that follows as a case."""

    def add(build: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
        CASES.append(Case(name, build, codes, peer))
        return build

    return add


def write(folder: Path, name: str, text: str | bytes) -> str:
    """Write a file, make its folders, return its name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def claims(folder: Path, text: str, name: str = "x.md", command: str = "check") -> list[str]:
    """A registry over one document, one policy and one summary."""
    write(folder, "claims.yaml", CLAIMS % name)
    write(folder, "policies/p.yaml", POLICY)
    write(folder, "evidence/a.json", json.dumps(builders.summary("random_model", {"r2": [0.8] * 5})))
    write(folder, name, text)
    return ["claims", command]


def document(name: str, text: str, file: str = "x.md", command: str = "scan") -> None:
    """Add a case of one document."""
    CASES.append(Case(f"document: {name}", lambda folder: claims(folder, text, file, command), (0, 2, 3, 4)))


def filled(unit: str, size: int = 512 * KIB - 200) -> str:
    """Repeat a unit up to a size."""
    return unit * (size // len(unit.encode()))


# Documents

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
document("opening brackets", "[" * 20_000)
document("links never closed", "[a](" * 20_000)
document("links with brackets", "[a](<b" * 20_000)
document("pictures in pictures", "![" * 20_000 + "](x)" * 20_000)
document("link definitions", "".join(f"[a{i}]: b\n" for i in range(20_000)))
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
document("a table of many columns and rows", "|a" * 200 + "\n" + "|-" * 200 + "\n" + ("|b" * 3 + "\n") * 50_000)
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


# Summaries


def check(folder: Path, *documents: Any, policy: str = POLICY) -> list[str]:
    """One policy over summaries."""
    write(folder, "policies/p.yaml", policy)
    for index, document in enumerate(documents):
        text = document if isinstance(document, str | bytes) else json.dumps(document)
        write(folder, f"evidence/{index:05d}.json", text)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


def rows_summary(seeds: int, rows: int) -> Any:
    """A summary of observations per row."""
    count = seeds * rows
    values = [4.0 + 0.001 * (i % 97) for i in range(count)]
    below = [3.0 + 0.001 * (i % 89) for i in range(count)]
    return builders.summary("cebench", {"interpretability_delta": (values, below)}, seeds=range(seeds))


ROWS = "schema: gatekit.policy/1\nid: p\ngates:\n  g: {from: cebench, measure: interpretability_delta, at_least: 0.5}\n"
PAIRS = (
    "schema: gatekit.policy/1\nid: p\ngates:\n"
    "  g: {from: random_model, measure: pw_mcc_above_control, at_least: 0.05}\n"
)
FIRST = PLAIN_JSON.format("evidence/00000.json")


@case("summary: 20,000 rows of 10 seeds", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, rows_summary(10, 20_000), policy=ROWS)


@case("summary: 240,000 observations with controls", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, rows_summary(10, 24_000), policy=ROWS)


def pairs_summary(seeds: int, measures: tuple[str, ...] = ("pw_mcc_above_control",)) -> Any:
    """A summary of observations per pair of seeds."""
    count = len(list(combinations(range(seeds), 2)))
    values = [0.6 + 0.0001 * (i % 97) for i in range(count)]
    below = [0.4 + 0.0001 * (i % 89) for i in range(count)]
    return builders.summary("random_model", {name: (values, below) for name in measures}, seeds=range(seeds))


@case("summary: 100 seeds in pairs", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, pairs_summary(100), policy=PAIRS)


@case("summary: 800 seeds in pairs", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, pairs_summary(800), policy=PAIRS)


@case("summary: 500 seeds in pairs, three measures", peer=FIRST)
def _(folder: Path) -> list[str]:
    names = ("pw_mcc_above_control", "pw_mcc_above_untrained", "pw_mcc_above_gaussian")
    return check(folder, pairs_summary(500, names), policy=PAIRS)


@case("summary: 319,600 observations, 800 seeds in pairs", peer=FIRST)
def _(folder: Path) -> list[str]:
    name = "similarity_at_init"
    document = builders.summary("random_model", {name: [0.5] * 319_600}, seeds=range(800))
    return check(folder, document, policy=PAIRS.replace("pw_mcc_above_control", name).replace("at_least", "at_most"))


@case("summary: 1,000 seeds, each with rows of its own", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = rows_summary(1000, 200)
    columns = document["measurements"]["interpretability_delta"]["columns"]
    columns["row"] = list(range(len(columns["row"])))
    return check(folder, document, policy=ROWS)


@case("summary: 100,000 seeds", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, builders.summary("random_model", {"r2": [0.8] * 100_000}, seeds=range(100_000)))


@case("summary: 16 MiB of one array", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}))
    return check(folder, document.replace("[0.8,", "[" + "0," * (8 * MIB - 3000) + "0.8,"))


@case("summary: 999,000 numbers of 14 characters", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}))
    return check(folder, document.replace("[0.8,", "[" + "0.12345678912," * 999_000 + "0.8,"))


@case("summary: 900,000 unknown keys", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}))
    return check(folder, document[:-1] + "," + ",".join(f'"key{i}":1' for i in range(900_000)) + "}")


@case("summary: 100,000 unknown measures", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["measurements"] |= {f"measure_{i}": {} for i in range(100_000)}
    return check(folder, document)


@case("summary: 100,000 settings", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["protocol"]["settings"] = {f"setting_{i}": i for i in range(100_000)}
    return check(folder, document)


@case("summary: 100,000 inputs", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["producer"]["inputs"] = [{"path": f"a{i}", "sha256": builders.digest("a")} for i in range(100_000)]
    return check(folder, document)


@case("summary: 80,000 datasets", peer=FIRST)
def _(folder: Path) -> list[str]:
    sets = {"datasets": [{"name": f"d{i}", "sha256": builders.digest(str(i)), "rows": 10} for i in range(80_000)]}
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["protocol"] |= sets
    return check(folder, document)


@case("summary: 1,000,000 empty objects", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, "[" + "{}," * 999_990 + "{}]")


@case("summary: nested 1,000,000 deep")
def _(folder: Path) -> list[str]:
    return check(folder, "[" * 1_000_000 + "]" * 1_000_000)


@case("summary: strings of brackets and backslashes")
def _(folder: Path) -> list[str]:
    return check(folder, '["' + '\\"[' * 5_000_000 + '"]')


@case("summary: a key of 15 MiB")
def _(folder: Path) -> list[str]:
    return check(folder, '{"' + "a" * 15 * MIB + '": 1}')


@case("summary: duplicate keys")
def _(folder: Path) -> list[str]:
    return check(folder, "{" + ",".join('"a":1' for _ in range(900_000)) + "}")


@case("summary: integers of 15 MiB")
def _(folder: Path) -> list[str]:
    return check(folder, "[" + "9" * 15 * MIB + "]")


@case("summary: 400,000 surrogates")
def _(folder: Path) -> list[str]:
    return check(folder, "[" + ",".join(['"\\ud800"'] * 400_000) + "]")


@case("summaries: 10,000 of two KB")
def _(folder: Path) -> list[str]:
    for index in range(10_000):
        of = builders.subject(model=f"model-{index}")
        document = builders.summary("random_model", {"r2": [0.8] * 5}, of=of)
        write(folder, f"evidence/{index:05d}.json", json.dumps(document))
    write(folder, "policies/p.yaml", POLICY.replace("id: p", "id: p\nsubject: {model: model-7}"))
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 10,000 of one subject")
def _(folder: Path) -> list[str]:
    for index in range(10_000):
        document = builders.summary("random_model", {"r2": [0.8 + index * 1e-6] * 5})
        write(folder, f"evidence/{index:05d}.json", json.dumps(document))
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 10,000 of one subject, other settings")
def _(folder: Path) -> list[str]:
    for index in range(10_000):
        document = builders.summary("random_model", {"r2": [0.8] * 5}, protocol_changes={"settings": {"a": index}})
        write(folder, f"evidence/{index:05d}.json", json.dumps(document))
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 30 of 14 MB")
def _(folder: Path) -> list[str]:
    document = json.dumps(rows_summary(10, 33_000))
    for index in range(30):
        write(folder, f"evidence/{index:05d}.json", document.replace("pythia-70m", f"pythia-{index}"))
    write(folder, "policies/p.yaml", ROWS)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 20,000 that are not JSON")
def _(folder: Path) -> list[str]:
    return check(folder, *["{"] * 20_000)


# Policies


def gates(count: int) -> str:
    """A policy of many gates."""
    lines = [f"  g{i}: {{from: random_model, measure: r2, at_least: 0.{i + 1:04d}}}" for i in range(count)]
    return "schema: gatekit.policy/1\nid: p\ngates:\n" + "\n".join(lines) + "\n"


SUMMARY = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.84]})


@case("policy: 2,400 gates")
def _(folder: Path) -> list[str]:
    return check(folder, SUMMARY, policy=gates(2400))


@case("policy: 200 gates")
def _(folder: Path) -> list[str]:
    return check(folder, SUMMARY, policy=gates(200))


@case("policies: 25 of 150 gates")
def _(folder: Path) -> list[str]:
    for index in range(25):
        write(folder, f"policies/p{index}.yaml", gates(150).replace("id: p\n", f"id: p{index}\n"))
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: 20 of 20,000 nodes")
def _(folder: Path) -> list[str]:
    for index in range(20):
        write(folder, f"policies/p{index}.yaml", "- a\n" * 6_500)
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: 40 of 2,400 gates")
def _(folder: Path) -> list[str]:
    for index in range(40):
        write(folder, f"policies/p{index}.yaml", gates(2400).replace("id: p\n", f"id: p{index}\n"))
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: 200 of one gate")
def _(folder: Path) -> list[str]:
    for index in range(199):
        write(folder, f"policies/p{index}.yaml", gates(1).replace("id: p\n", f"id: p{index}\n"))
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policy diff: 2,400 gates renamed")
def _(folder: Path) -> list[str]:
    write(folder, "a.yaml", gates(2400))
    write(folder, "b.yaml", gates(2400).replace("  g", "  h"))
    return ["policy", "diff", "a.yaml", "b.yaml"]


def policy(name: str, text: str) -> None:
    """Add a case of one policy."""
    CASES.append(Case(f"policy: {name}", lambda folder: check(folder, SUMMARY, policy=text)))


HEAD = "schema: gatekit.policy/1\nid: p\ngates:\n"
RULE = "{from: random_model, measure: r2, at_least: 0.5}"
policy("any_of nested 30 deep", HEAD + "  g: " + "{any_of: [" * 30 + RULE + "]}" * 30)
policy("any_of nested 20,000 deep", HEAD + "  g: " + "{any_of: [" * 20_000)
policy("any_of of 1,500 rules", HEAD + "  g: {any_of: [" + ", ".join([RULE] * 1500) + "]}\n")
policy(
    "any_of nested, seven deep and wide",
    HEAD + "  g: " + "{any_of: [" * 6 + ", ".join([RULE] * 1500) + (", " + RULE + "]}") * 6,
)
policy("aliases of aliases", HEAD + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 3000)))
policy("flow sequences", "[" * 250_000)
policy("a line of 250 KiB", "id: " + "a" * 250 * KIB)
policy("a key of 250 KiB", "? " + "a" * 250 * KIB + "\n: 1\n")
policy("a number of 250 KiB", "id: " + "1" * 250 * KIB)
policy("19,000 unknown keys", HEAD.replace("gates:\n", "") + "".join(f"k{i}: 1\n" for i in range(9_000)))
policy("a key twice, 9,000 times", "a: 1\n" * 9_000)
policy("gates with a misspelt measure", gates(2400).replace("measure: r2", "measure: r22"))
policy("gates with an unknown key", gates(2400).replace("at_least", "atleast"))
policy("comments", "#\n" * 120_000 + POLICY)
policy("blank lines", "\n" * 250_000 + POLICY)
policy("tabs", "\t" * 250_000)
policy("dashes", "- " * 125_000)
policy("question marks", "? " * 125_000)
policy("quotes", '"' * 250_000)
policy("escapes", 'id: "' + "\\n" * 120_000 + '"')
policy("block scalar", "id: |\n" + "  a\n" * 60_000)
policy("folded scalar", "id: >\n" + "  a\n\n" * 50_000)
policy("plain scalar over lines", "id:\n" + "  a\n" * 60_000)
policy("colons", "a:" * 125_000)
policy("anchors", "&a " * 80_000)
policy("tags", "!!a " * 60_000)


# Claims


@case("claims: 1,000 in one registry")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    entry = "  - {{id: c{0}, sentence: It agrees {0}., status: pending, policy: p, gates: [g]}}\n"
    text = (CLAIMS % "x.md").split("  - ")[0] + "".join(map(entry.format, range(1000)))
    write(folder, "claims.yaml", text)
    write(folder, "x.md", "".join(map(BLOCK.format, range(1000))))
    return ["claims", "check"]


@case("claims: 1,000 supported, with evidence folders")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    entry = (
        "  - {{id: c{0}, sentence: It agrees {0}., status: supported, policy: p, gates: [g], evidence: [evidence]}}\n"
    )
    text = (CLAIMS % "x.md").split("  - ")[0] + "".join(map(entry.format, range(1000)))
    write(folder, "claims.yaml", text)
    write(folder, "x.md", "".join(map(BLOCK.format, range(1000))))
    return ["claims", "check"]


@case("claims: 1,000 whose blocks are missing")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    entry = "  - {{id: c{0}, sentence: It agrees {0}., status: supported, policy: q, gates: [h]}}\n"
    write(folder, "claims.yaml", (CLAIMS % "x.md").split("  - ")[0] + "".join(map(entry.format, range(1000))))
    return ["claims", "check"]


@case("claims: 50 document patterns with **")
def _(folder: Path) -> list[str]:
    claims(folder, "", "a/b/x.md")
    patterns = ", ".join(f'"**/b*/**/x{i}*.md"' for i in range(50))
    write(folder, "claims.yaml", CLAIMS % patterns)
    for index in range(2000):
        write(folder, f"a/b{index}/x{index}.md", "x\n")
    return ["claims", "check"]


# Git


def repository(folder: Path, fast_import: bytes) -> list[str]:
    """Make a repository of what `git fast-import` reads: branches main and feature."""
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q", "-b", "start"], check=True)
    subprocess.run([*git, "fast-import", "--quiet"], input=fast_import, check=True)
    return ["pr", "--base", "main", "--head", "feature", "--now", builders.NOW]


def commit(branch: str, files: dict[str, bytes], start: str = "") -> bytes:
    """A commit as `git fast-import` reads it."""
    parts = [f"commit refs/heads/{branch}\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n".encode()]
    parts += [f"from refs/heads/{start}\n".encode()] if start else []
    for name, data in files.items():
        parts.append(f"M 100644 inline {name}\ndata {len(data)}\n".encode() + data + b"\n")
    return b"".join(parts) + b"\n"


BASE = {
    "policies/p.yaml": POLICY.encode(),
    "evidence/a.json": json.dumps(SUMMARY).encode(),
    "claims.yaml": (CLAIMS % "x.md").encode(),
    "x.md": b"<!-- gatekit:claim c -->It agrees.<!-- /gatekit:claim -->\n",
}


@case("git: one file under 1,500 folders of 4,000 letters")
def _(folder: Path) -> list[str]:
    git = ["git", "-C", str(folder)]
    repository(folder, commit("main", BASE) + commit("feature", {"y.md": b"x"}, "main"))

    def made(listing: bytes) -> str:
        done = subprocess.run([*git, "mktree", "-z"], input=listing, capture_output=True, check=True)
        return done.stdout.decode().strip()

    blob = subprocess.run([*git, "hash-object", "-w", "--stdin"], input=b"x", capture_output=True, check=True).stdout
    tree = made(b"100644 blob " + blob.strip() + b"\tf\0")
    for _ in range(1500):
        tree = made(f"040000 tree {tree}\t{'a' * 4000}\0".encode())
    listing = subprocess.run([*git, "ls-tree", "-z", "main"], capture_output=True, check=True).stdout
    tree = made(listing + f"040000 tree {tree}\tzz\0".encode())
    done = subprocess.run(
        [*git, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", tree, "-p", "main", "-m", "x"],
        capture_output=True,
        check=True,
    )
    subprocess.run([*git, "update-ref", "refs/heads/feature", done.stdout.decode().strip()], check=True)
    return ["pr", "--base", "main", "--head", "feature", "--now", builders.NOW]


@case("git: 100,000 files")
def _(folder: Path) -> list[str]:
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(100_000)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: 100,000 files added")
def _(folder: Path) -> list[str]:
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(100_000)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 200,000 files")
def _(folder: Path) -> list[str]:
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(199_000)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: 3,000 summaries added")
def _(folder: Path) -> list[str]:
    many = {}
    for i in range(3000):
        document = builders.summary("random_model", {"r2": [0.8] * 5}, of=builders.subject(model=f"model-{i}"))
        many[f"evidence/{i}.json"] = json.dumps(document).encode()
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 25 policies of 150 gates, all changed")
def _(folder: Path) -> list[str]:
    base = {f"policies/p{i}.yaml": gates(150).replace("id: p\n", f"id: p{i}\n").encode() for i in range(25)}
    head = {name: data.replace(b"at_least: 0.", b"at_least: 0.0") for name, data in base.items()}
    return repository(folder, commit("main", BASE | base) + commit("feature", head, "main"))


@case("git: 40 policies of 2,400 gates")
def _(folder: Path) -> list[str]:
    many = {f"policies/p{i}.yaml": gates(2400).replace("id: p\n", f"id: p{i}\n").encode() for i in range(40)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 40 policies of 2,400 gates on the base")
def _(folder: Path) -> list[str]:
    many = {f"policies/p{i}.yaml": gates(2400).replace("id: p\n", f"id: p{i}\n").encode() for i in range(40)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: a document of decimals on one line")
def _(folder: Path) -> list[str]:
    return repository(folder, commit("main", BASE) + commit("feature", {"x.md": filled("0.12 ").encode()}, "main"))


@case("git: CODEOWNERS of 3 MB")
def _(folder: Path) -> list[str]:
    owners = b"".join(b"/a%d/**/b*c*d*e*f*g @x\n" % i for i in range(120_000))
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(10_000)}
    base = BASE | {"CODEOWNERS": owners} | many
    return repository(folder, commit("main", base) + commit("feature", {"y.md": b"x"}, "main"))


# Other files


@case("kinds: a table of 2,000 measures")
def _(folder: Path) -> list[str]:
    measures = "".join(
        f"  m{i}: {{unit: a, direction: higher, range: [0, 1], design: per_seed, about: x}}\n" for i in range(2000)
    )
    write(folder, "kinds/mine.yaml", f"schema: gatekit.kind/1\nid: mine\nabout: x\nmeasures:\n{measures}")
    return ["lint", "kinds"]


@case("keys: 2,000")
def _(folder: Path) -> list[str]:
    keys = "".join(f"  k{i}: {{public: {'A' * 43}=, roles: [measure]}}\n" for i in range(2000))
    write(folder, "trust/keys.yaml", f"schema: gatekit.keys/1\nkeys:\n{keys}")
    check(folder, SUMMARY)
    return ["verify", "evidence"]


@case("signatures: 20,000 beside one summary")
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY)
    key = "A" * 43 + "="
    write(folder, "trust/keys.yaml", f"schema: gatekit.keys/1\nkeys:\n  k: {{public: {key}, roles: [measure]}}\n")
    envelope = {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{"sig": "AA=="}]}
    for index in range(20_000):
        write(folder, f"evidence/00000.x{index}.dsse.json", json.dumps(envelope))
    return ["verify", "evidence"]


@case("signature: a payload of 1 MiB")
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY)
    key = "A" * 43 + "="
    write(folder, "trust/keys.yaml", f"schema: gatekit.keys/1\nkeys:\n  k: {{public: {key}, roles: [measure]}}\n")
    envelope = {
        "payloadType": "application/vnd.in-toto+json",
        "payload": "A" * 1_000_000,
        "signatures": [{"sig": "AA=="}],
    }
    write(folder, "evidence/00000.k.dsse.json", json.dumps(envelope))
    return ["verify", "evidence"]


@case("import saebench: 2,000,000 values", codes=(4, 64), peer=PLAIN_JSON.format("r.json"))
def _(folder: Path) -> list[str]:
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, "r.json", '{"a": [' + "0.12345678901234567890," * 1_990_000 + "1]}")
    return ["import", "saebench", "--subject", "s.json", "r.json"]


@case("import lm_eval: 2,000,000 values", codes=(4, 64), peer=PLAIN_JSON.format("r.json"))
def _(folder: Path) -> list[str]:
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, "r.json", '{"results": [' + "0.12345678901234567890," * 1_990_000 + "1]}")
    return ["import", "lm_eval", "--subject", "s.json", "0=r.json"]


@case("import inspect: 2,000,000 values in 96 MB", codes=(4, 64), peer=PLAIN_JSON.format("r.json"))
def _(folder: Path) -> list[str]:
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, "r.json", '{"a": [' + "0.1234567890123456789012345678," * 1_990_000 + "1]}")
    return ["import", "inspect", "--subject", "s.json", "0=r.json"]


def table(folder: Path, name: str, text: bytes) -> list[str]:
    """Import one table."""
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, name, text)
    return ["import", "table", "--kind", "random_model", "--measure", "r2", "--subject", "s.json", name]


@case("import table: CSV of 1,000,000 rows", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return table(folder, "t.csv", b"seed,candidate\n" + b"".join(b"%d,0.5\n" % i for i in range(1_000_000)))


@case("import table: CSV of 200 columns", codes=(4, 64))
def _(folder: Path) -> list[str]:
    head = ",".join(f"c{i}" for i in range(200))
    return table(folder, "t.csv", (head + "\n" + (",".join(["1"] * 200) + "\n") * 19_000).encode())


@case("import table: CSV, one quoted field", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return table(folder, "t.csv", b'seed,candidate\n0,"' + b"a" * (60 << 20))


@case("import table: 1,000,000 JSON lines", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return table(folder, "t.jsonl", b'{"seed": 1, "candidate": 0.5}\n' * 1_000_000)


@case("digest: a safetensors file whose header says 2^60 bytes", codes=(4, 64))
def _(folder: Path) -> list[str]:
    write(folder, "sae/cfg.json", '{"architecture": "standard", "d_in": 4, "d_sae": 8, "hook_name": "x"}')
    write(folder, "sae/sae_weights.safetensors", (1 << 60).to_bytes(8, "little") + b"{}")
    return ["digest", "sae"]


@case("digest: a safetensors header of 90 MB", codes=(0, 4, 64))
def _(folder: Path) -> list[str]:
    write(folder, "sae/cfg.json", '{"architecture": "standard", "d_in": 4, "d_sae": 8, "hook_name": "x"}')
    entries = ",".join(f'"t{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(1_500_000))
    header = ("{" + entries + "}").encode()
    write(folder, "sae/sae_weights.safetensors", len(header).to_bytes(8, "little") + header)
    return ["digest", "sae"]
