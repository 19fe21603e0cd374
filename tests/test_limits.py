"""docs/limits.md: the table is what the code does, and each limit of many files holds at it and one beyond."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import builders
import pytest

from gatekit.claims import document_formats
from gatekit.claims import documents as claims_documents
from gatekit.claims import registry as claims_registry
from gatekit.claims.documents import parse_document
from gatekit.claims.finding_documents import read_documents
from gatekit.claims.paths import matching
from gatekit.claims.registry import parse_registry
from gatekit.errors import GatekitError, Location, did_you_mean, first_few
from gatekit.evidence import folder_limits, reading
from gatekit.evidence.checks import _check_keys
from gatekit.evidence.folder_limits import FolderLimits, beyond
from gatekit.evidence.strict_json import JsonLimits, parse_json
from gatekit.policy import loading
from gatekit.repo import tree
from gatekit.report.first_problems import MOST_OF_A_FILE, MOST_PRINTED, first_errors

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<number>[0-9]+) \| (?P<error>[^|]+) \| `(?P<constant>[^`]+)` \|$", re.M)
ROWS = [found.groupdict() for found in ROW.finditer((ROOT / "docs" / "limits.md").read_text(encoding="utf-8"))]
SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (
        *sorted((ROOT / "gatekit").rglob("*.py")),
        ROOT / "runners" / "config.py",
        ROOT / "runners" / "config_text.py",
        ROOT / "runners" / "subjects" / "text_forms" / "unpacking.py",
    )
)


@pytest.mark.parametrize("row", ROWS, ids=[row["constant"] for row in ROWS])
def test_the_table_says_what_the_constant_is(row: dict[str, str]) -> None:
    module, _, path = row["constant"].partition(":")
    value: Any = importlib.import_module(module if module.startswith("runners.") else f"gatekit.{module}")
    for name in path.split("."):
        value = getattr(value, name)
    assert value == int(row["number"])


@pytest.mark.parametrize("row", ROWS, ids=[row["constant"] for row in ROWS])
def test_the_error_of_the_table_is_one_that_the_code_raises(row: dict[str, str]) -> None:
    if row["error"].startswith("none: "):
        return
    name = row["error"].strip("`").partition(".")[2]
    assert re.search(rf"[\".]{name}\"", SOURCE), row["error"]


def test_the_limits_of_files_are_all_in_the_table() -> None:
    named = {row["constant"] for row in ROWS}
    for name, value in vars(folder_limits).items():
        if isinstance(value, FolderLimits):
            assert f"evidence.folder_limits:{name}.files" in named
            assert f"evidence.folder_limits:{name}.size" in named


LIMITS = FolderLimits("policy", files=3, size=100)


def test_as_many_files_as_allowed_are_read_and_one_more_is_refused() -> None:
    assert beyond({"a": 1, "b": 1, "c": 1}, LIMITS) == []
    [error] = beyond({"a": 1, "b": 1, "c": 1, "d": 1}, LIMITS)
    assert (error.error_id, str(error.location), int(error.exit_code)) == ("policy.too_many_files", "d", 4)


def test_as_many_bytes_as_allowed_are_read_and_one_more_is_refused() -> None:
    assert beyond({"a": 50, "b": 50}, LIMITS) == []
    [error] = beyond({"a": 50, "b": 51}, LIMITS)
    assert (error.error_id, str(error.location)) == ("policy.total_size", "b")


def test_summaries_of_more_observations_than_allowed_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = builders.write(
        tmp_path / "evidence",
        {f"{i}.json": builders.summary("random_model", {"r2": [0.8] * 5}, of=subject(i)) for i in range(3)},
    )
    paths = sorted(map(str, folder.iterdir()))
    monkeypatch.setattr(reading, "LOCAL_OBSERVATIONS", 15)
    assert reading.read_summaries(paths)[1] == []
    monkeypatch.setattr(reading, "LOCAL_OBSERVATIONS", 14)
    [error] = reading.read_summaries(paths)[1]
    assert error.error_id == "summary.too_many_observations"


def subject(index: int) -> Any:
    return builders.subject(model=f"model-{index}")


POLICY = "schema: gatekit.policy/1\nid: {}\ngates:\n  g: {{from: random_model, measure: r2, at_least: 0.5}}\n"


def test_policies_of_more_thresholds_than_allowed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).write_text(POLICY.format(name))
        paths.append(str(tmp_path / name))
    monkeypatch.setattr(loading, "MOST_RULES", 2)
    assert loading.read_policies(paths)[1] == []
    monkeypatch.setattr(loading, "MOST_RULES", 1)
    [error] = loading.read_policies(paths)[1]
    assert (error.error_id, error.location) == ("policy.too_many_rules", Location(paths[1], 1))


CLAIM = "  - {{id: c{0}, sentence: It agrees {0}., status: pending, policy: p, gates: [g]}}\n"


def registry(claims: int = 1, patterns: str = "x.md") -> bytes:
    rules = f"rules: {{documents: [{patterns}]}}\n"
    text = f"schema: gatekit.claims/1\n{rules}claims:\n" + "".join(CLAIM.format(index) for index in range(claims))
    return text.encode()


def refused(data: bytes) -> str:
    with pytest.raises(GatekitError) as caught:
        parse_registry(data, "claims.yaml")
    assert caught.value.location is not None
    return caught.value.error_id


def test_a_registry_has_as_many_claims_as_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_registry, "MOST_CLAIMS", 3)
    assert len(parse_registry(registry(3), "claims.yaml").claims) == 3
    assert refused(registry(4)) == "claims.too_many"


def test_a_registry_has_as_many_patterns_as_allowed_and_no_more() -> None:
    parse_registry(registry(patterns=", ".join(f"{i}.md" for i in range(50))), "claims.yaml")
    assert refused(registry(patterns=", ".join(f"{i}.md" for i in range(51)))) == "claims.too_many_patterns"


def test_a_pattern_has_as_many_stars_as_allowed_and_no_more() -> None:
    parse_registry(registry(patterns='"**/a*/**/*.md"'), "claims.yaml")
    assert refused(registry(patterns='"**/a*/**/*b*.md"')) == "claims.pattern"
    assert refused(registry(patterns='"**/**/a.md"')) == "claims.pattern"


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*a*b*.md", "xaxbx.md", True),
        ("*a*a*.md", "a.md", False),
        ("*a*a*.md", "aa.md", True),
        ("**/a/**/b.md", "x/a/y/b.md", True),
        ("**/a/**/b.md", "a/b.md", True),
        ("**/a/**/b.md", "a/a/.x/b.md", False),
        ("**/a/**/b.md", "a/x/a/b.md", True),
        ("**/a/*.md", "a/x/a/b.md", True),
        ("**/a*/*/b.md", "a/ab/c/b.md", True),
        ("docs/*.md", "docs/x/y.md", False),
        ("**/*.md", ".x/y.md", False),
        ("?.md", ".md", False),
    ],
)
def test_a_star_matches_as_before_without_going_back(pattern: str, path: str, matches: bool) -> None:
    assert matching([pattern], [path]) == ([path] if matches else [])


def test_a_pattern_of_many_stars_is_matched_at_once() -> None:
    assert matching(["*a*a*a*a*a*a*a*a*b"], ["a" * 5000]) == []
    assert matching(["**/a/**/a/**/a/**/b"], ["a/" * 2000 + "c"]) == []


def test_a_document_has_as_many_markers_as_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_documents, "MOST_MARKERS", 4)
    literal = "<!-- gatekit:literal -->0.1<!-- /gatekit:literal -->\n\n"
    assert parse_document((literal * 2).encode(), "x.md").errors == ()
    with pytest.raises(GatekitError) as caught:
        parse_document((literal * 2 + "<!-- gatekit:literal -->").encode(), "x.md")
    assert caught.value.error_id == "document.markers"
    assert str(caught.value.location) == "x.md:5:6"


def test_documents_have_as_many_lines_together_as_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_formats, "MOST_LINES", 5)
    for text in (b"a\nb\nc", b"a\r\nb\r\nc", b"a\rb\rc"):
        formats = document_formats.FormatLookup()
        parse_document(text, "x.md", formats)
        parse_document(b"a\nb", "y.tex", formats)
        with pytest.raises(GatekitError) as caught:
            parse_document(b"a", "z.md", formats)
        assert (caught.value.error_id, str(caught.value.location)) == ("document.too_many_lines", "z.md")


def test_documents_have_as_many_brackets_alone_and_together_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_documents, "MOST_BRACKETS", 3)
    monkeypatch.setattr(document_formats, "MOST_BRACKETS", 5)
    formats = document_formats.FormatLookup()
    parse_document(b"[[[", "x.md", formats)
    parse_document(b"[[", "y.md", formats)
    for text, lookup in ((b"[", formats), (b"[[[[", None)):
        with pytest.raises(GatekitError) as caught:
            parse_document(text, "z.md", lookup)
        assert (caught.value.error_id, str(caught.value.location)) == ("document.brackets", "z.md")


def test_documents_of_a_folder_share_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.md", "b.md"):
        (tmp_path / name).write_text("a\nb\n")
    rules = parse_registry(registry(patterns="a.md, b.md"), "claims.yaml")
    monkeypatch.setattr(document_formats, "MOST_LINES", 6)
    assert read_documents(rules, str(tmp_path))[1] == []
    monkeypatch.setattr(document_formats, "MOST_LINES", 5)
    [error] = read_documents(rules, str(tmp_path))[1]
    assert (error.error_id, str(error.location)) == ("document.too_many_lines", str(tmp_path / "b.md"))


def test_a_document_keeps_its_first_problems_and_counts_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_documents, "MOST_PROBLEMS", 2)
    text = "<!-- /gatekit:literal -->\n\n" * 5
    errors = parse_document(text.encode(), "x.md").errors
    assert [error.error_id for error in errors] == ["claims.unopened", "claims.unopened", "document.more_problems"]
    assert errors[2].message.startswith("3 more problems")


def listing(*paths: str) -> Any:
    records = b"".join(b"100644 blob " + b"0" * 40 + b"       1\t" + path.encode() + b"\0" for path in paths)
    return tree.parse_listing(records, "0" * 40, SimpleNamespace())  # type: ignore[arg-type]


def test_a_path_has_as_many_bytes_as_a_file_system_takes_and_no_more() -> None:
    assert listing("a" * 4095).entries
    with pytest.raises(GatekitError) as caught:
        listing("a" * 4096)
    assert caught.value.error_id == "repo.path_length"
    assert len(str(caught.value)) < 300


def test_a_file_that_is_also_a_folder_is_found_whatever_stands_between() -> None:
    with pytest.raises(GatekitError) as caught:
        listing("a/b", "a/b-c", "a/b.d", "a/b/c")
    assert caught.value.error_id == "repo.malformed_tree"
    assert listing("a-b", "a/b", "a0").entries


def test_text_between_strings_is_no_string() -> None:
    document = parse_json(b"[" + b"0," * 50 + b'"ab"]', "x.json", JsonLimits(string=2))
    assert document.value[-1] == "ab"
    with pytest.raises(GatekitError) as caught:
        parse_json(b'["abc"]', "x.json", JsonLimits(string=2))
    assert caught.value.error_id == "json.string_length"


def check_keys(design: str, columns: dict[str, list[int]], seeds: list[int]) -> str:
    def refuse(error_id: str, message: str, pointer: str) -> GatekitError:
        return GatekitError(error_id, message, Location("x.json", pointer=pointer))

    with pytest.raises(GatekitError) as caught:
        _check_keys(design, columns, seeds, [], "/columns", refuse)
    return caught.value.message


def test_what_is_missing_is_found_without_listing_all_that_was_planned() -> None:
    # 50,000 seeds with a row of their own each: 2.5 thousand million keys, of which the second is missing.
    count = 50_000
    columns = {"seed": list(range(count)), "row": list(range(count))}
    assert check_keys("per_seed_row", columns, list(range(count))) == "the observation (0, 1) is missing"
    pairs = {"seed_a": [0], "seed_b": [1]}
    assert check_keys("per_seed_pair", pairs, list(range(count))) == "the observation (0, 2) is missing"


def test_an_observation_that_was_not_planned_is_named() -> None:
    assert check_keys("per_seed", {"seed": [0, 1, 7]}, [0, 1]) == "the observation (7) was not planned"
    pairs = {"seed_a": [0, 0], "seed_b": [1, 7]}
    assert check_keys("per_seed_pair", pairs, [0, 1]) == "the observation (0, 7) was not planned"


def errors(path: str, count: int) -> list[GatekitError]:
    return [GatekitError("x", "wrong", Location(path, index + 1)) for index in range(count)]


def test_the_first_problems_of_a_file_are_printed_and_the_others_counted() -> None:
    shown, more = first_errors([*errors("a", MOST_OF_A_FILE), *errors("b", 1)])
    assert (len(shown), more) == (MOST_OF_A_FILE + 1, [])
    shown, more = first_errors([*errors("a", MOST_OF_A_FILE + 7), *errors("b", 1)])
    assert (len(shown), more) == (MOST_OF_A_FILE + 1, ["a: 7 more"])


def test_the_first_problems_of_all_files_are_printed_and_the_others_counted() -> None:
    all_of_them = [error for index in range(MOST_PRINTED + 9) for error in errors(f"f{index}", 1)]
    shown, more = first_errors(all_of_them)
    assert (len(shown), more) == (MOST_PRINTED, ["9 more in other files"])


def test_a_long_list_of_names_is_shortened_in_a_message() -> None:
    assert first_few(["a", "b"]) == "a, b"
    assert first_few(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_the_nearest_name_is_found_among_many_and_not_looked_for_beside_a_long_one() -> None:
    known = [f"gate_{index}" for index in range(5000)]
    assert did_you_mean("r22", ["r2", "l0"]) == "did you mean 'r2'?"
    assert did_you_mean("gate_1x", known) is not None
    assert did_you_mean("g" * 101, known) is None


LIMIT = re.compile(
    r"_?((MOST|MAX|LARGEST|LONGEST|DEEPEST)(_[A-Z_]+)?|[A-Z_]*(LIMITS?|TIMEOUT(_SECONDS)?)|CELL|UNPACKED)"
)
NO_INPUT = {
    # What is printed, named or tried, of input that other limits bound.
    "evidence.quick_bounds:_LARGEST",
    *("errors:LONGEST_NAME", "errors:MOST_SORTED", "errors:MOST_NAMES", "evidence.divergence:MOST_NAMED"),
    *("evidence.schemas:MOST_VALUES", "evidence.schemas:MOST_ITEMS", "evidence.adapters.recorded_settings:_LONGEST"),
    *("report.json_values:MAX_TEXT", "report.badge:LABEL_LIMIT", "report.inert:NAME_LIMIT", "report.inert:TEXT_LIMIT"),
    *(
        "report.explanation.terminal:MOST_ROWS",
        "report.explanation.outlook:MOST",
        "report.explanation.policy_plan:MOST",
    ),
    *("report.verdict.terminal:LONGEST", "report.verdict.next_steps:MOST", "report.verdict.markdown:DEFAULT_LIMIT"),
    *("report.verdict.markdown:LONGEST", "report.verdict.junit:LONGEST", "report.selection.markdown:LONGEST"),
    *("report.policy_page.html:MOST_FILES", "cli.report:MOST_COMMITS", "gates.sensitivity:MOST_SUBJECTS"),
    "gates.sensitivity:OF_LIMITS",
    *("gates.base_differences:MOST_TOLD", "gates.base_differences:LONGEST_VALUE", "gates.plausible:LONGEST_RUN"),
    *("cycles.stopping:MOST_REASONS", "cycles.running:MOST_NAMED", "cycles.branches:LONGEST_LABEL"),
    *("cycles.pieces:MOST_TOGETHER", "registration.left_out:MOST_NAMED"),
    *("cycles.endings:MOST_LOSSES", "cycles.endings:LONGEST_END", "cycles.endings:LONGEST_WORDS"),
    # Of what one process hands to another, which does it itself beyond that.
    "second_process:LARGEST_HANDED",
    *("candidates.pareto:MOST_DOMINATORS", "repo.names:_MOST_OBJECTS", "claims.latex:_MOST_ERRORS"),
    *(
        "claims.typst:_MOST_ERRORS",
        "claims.markdown:_MOST_BROUGHT",
        "github.check_run:SUMMARY_LIMIT",
        "github.check_run:MOST",
        "github.annotations:LIMIT",
    ),
    *("github.summary:COMMENT_LIMIT", "github.project_names:_LONGEST", "github.api:LONGEST_WAIT"),
    *("pull_request.continuity_claims:MOST_JUDGED", "dossier.conclusion:LIMITS", "cli.history:MOST"),
    # Of what one character is read as, which no input makes longer.
    "claims.plain_letters:_MOST_LETTERS",
    # Of folders above the one that a command was given in, looked into for a remedy.
    "cli.project_above:MOST",
    # Of numbers, and of what is computed.
    *("policy.settings:MOST_RANDOM_MODELS", "gates.looks:MOST_CHOICES"),
    *("kinds.checking:LARGEST", "policy.operators:LARGEST", "policy.selection:MAX_WEIGHT", "policy.selection:MAX_SEED"),
    *("registration.reading:LARGEST_SEED", "cycles.reading:LARGEST_SEED", "cycles.reading:MOST_RETRIES"),
    *("evidence.observations:LARGEST", "evidence.canonical:_LARGEST", "stats.binomial:MOST_TRIALS"),
    *("stats.planned_looks:MOST_SEEDS", "stats.student_t:_MAX_TERMS", "stats.planning:MOST_SEEDS"),
    # Of the name of a part, which a plug-in gives, and of an entry of a cache, which is computed again.
    *("claims.document_formats:LONGEST_NAME", "evidence.object_files:_LONGEST_TEXT"),
    # Of digests that are remembered: what is larger, or one too many, is worked out again.
    *("evidence.canonical:_MOST_KNOWN", "evidence.canonical:_LARGEST_KNOWN"),
    # Of git's own objects, whose refusal is `repo.object_kind`, `repo.corrupt` or `repo.ref`.
    *("repo.repository:_COMMIT_LIMIT", "repo.repository:_CACHE_LIMIT", "repo.repository:_REF_LIMIT"),
}


def limits_in_the_code() -> set[str]:
    found = set()
    for path in sorted((ROOT / "gatekit").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "gatekit").with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found |= {f"{module}:{name}" for name in names if LIMIT.fullmatch(name)}
    return found


def test_every_limit_in_the_code_is_in_the_table_or_bounds_no_input() -> None:
    tabled = {row["constant"].partition(":")[0] + ":" + row["constant"].partition(":")[2].split(".")[0] for row in ROWS}
    assert limits_in_the_code() - tabled == NO_INPUT
