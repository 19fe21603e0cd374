"""Limits of single readers: what is at one is read, and one beyond is refused with an error of its own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from growth import grows_evenly

from gatekit.cache import wholeness
from gatekit.claims import paths
from gatekit.cli.register import MOST_SEEDS, _seeds
from gatekit.cycles import branches, lease, ledger, pieces
from gatekit.cycles.reading import LIMITS as CYCLE_LIMITS
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import listing, several_files
from gatekit.evidence.adapters import stated_families
from gatekit.evidence.adapters.downstream import inspect_archive
from gatekit.evidence.adapters.table.csv_table import parse_csv
from gatekit.evidence.adapters.table.rows import CELL
from gatekit.evidence.folder_limits import FolderLimits
from gatekit.evidence.strict_json import MAX_INTEGER, Document, JsonLimits, parse_json, parse_plain_json
from gatekit.evidence.strict_yaml import parse_yaml
from gatekit.github import doctor
from gatekit.github.doctor import WORKFLOW_LIMIT, _text
from gatekit.github.event import MAX_LABELS, _Fields, is_branch_name
from gatekit.policy import evidence_folders
from gatekit.pull_request import gate_sources
from gatekit.repo.paths import MAX_PATH, _path_problem
from gatekit.signing import discovery
from gatekit.signing.discovery import find_attestations
from gatekit.signing.private_key import SIZE_LIMIT, private_key_from_environment, read_private_key


def error_of(call: Callable[[], Any]) -> str | None:
    """Return the id of the error that a reader raises; None where it reads."""
    try:
        call()
    except GatekitError as error:
        assert int(error.exit_code) in (4, 64)
        return error.error_id
    return None


def labels(count: int, length: int = 3) -> Callable[[], Any]:
    value = {"labels": [{"name": str(index).rjust(length, "x")} for index in range(count)]}
    return lambda: _Fields(Document("event.json", value, "0" * 64, 10)).labels("labels")


def evidence_paths(count: int, length: int) -> Callable[[], Any]:
    stem = "evidence/"
    text = "".join(f"- {stem}{str(index).rjust(length - len(stem), 'x')}\n" for index in range(count))
    document = parse_yaml(text.encode(), "p.yaml")
    return lambda: evidence_folders.evidence_from(document, document.root)


def vary(count: int) -> Callable[[], Any]:
    document = parse_yaml(f"sae.k: {list(range(count))}\n".encode(), "c.yaml", CYCLE_LIMITS)
    return lambda: branches.varied(document, document.root)


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any], str]] = {
    "characters of a cell": (
        lambda: parse_csv(b"a\n" + b"x" * CELL, "t.csv"),
        lambda: parse_csv(b"a\n" + b"x" * (CELL + 1), "t.csv"),
        "table.cell",
    ),
    "an integer": (
        lambda: parse_json(str(MAX_INTEGER).encode(), "a.json"),
        lambda: parse_json(str(MAX_INTEGER + 1).encode(), "a.json"),
        "json.integer_range",
    ),
    "labels of an event": (labels(MAX_LABELS), labels(MAX_LABELS + 1), "event.field"),
    "characters of a label": (labels(1, 200), labels(1, 201), "event.field"),
    "paths of evidence in a policy": (
        evidence_paths(evidence_folders.MOST, 20),
        evidence_paths(evidence_folders.MOST + 1, 20),
        "policy.value",
    ),
    "characters of one": (
        evidence_paths(1, evidence_folders.LONGEST),
        evidence_paths(1, evidence_folders.LONGEST + 1),
        "policy.value",
    ),
    "branches of vary": (vary(branches.MOST_BRANCHES), vary(branches.MOST_BRANCHES + 1), "policy.limit"),
    "bytes of a cycle": (
        lambda: parse_yaml(b"a: 1\n#".ljust(CYCLE_LIMITS.size, b"x"), "c.yaml", CYCLE_LIMITS),
        lambda: parse_yaml(b"a: 1\n#".ljust(CYCLE_LIMITS.size + 1, b"x"), "c.yaml", CYCLE_LIMITS),
        "yaml.size",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_at_a_limit_is_read_and_one_beyond_is_refused(what: str) -> None:
    at, beyond, error_id = CASES[what]
    assert (error_of(at), error_of(beyond)) == (None, error_id)


def test_a_path_has_at_most_so_many_characters() -> None:
    assert _path_problem("a" * MAX_PATH) is None
    assert str(MAX_PATH) in (_path_problem("a" * (MAX_PATH + 1)) or "")


def test_the_name_of_a_branch_has_at_most_255_bytes() -> None:
    assert is_branch_name("b" * 255)
    assert not is_branch_name("b" * 254 + "é")


def test_a_registration_names_at_most_so_many_seeds_in_one_list_or_several() -> None:
    assert len(_seeds(f"0-{MOST_SEEDS - 1}")) == MOST_SEEDS
    for beyond in (f"0-{MOST_SEEDS}", f"0-{MOST_SEEDS - 1},{MOST_SEEDS}"):
        with pytest.raises(UsageError, match=f"more than {MOST_SEEDS} seeds"):
            _seeds(beyond)
    with pytest.raises(UsageError, match="goes from 3 to 1"):
        _seeds("3-1")


@pytest.mark.parametrize(
    ("read", "limit", "error_id"),
    [(read_private_key, SIZE_LIMIT, "key.size"), (_text, WORKFLOW_LIMIT, "doctor.size")],
)
def test_a_file_of_one_byte_more_is_refused(
    tmp_path: Path, read: Callable[[str], Any], limit: int, error_id: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * limit)
    assert error_of(lambda: read(str(path))) != error_id
    path.write_bytes(b"x" * (limit + 1))
    assert error_of(lambda: read(str(path))) == error_id


def test_a_table_of_families_of_one_byte_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "families.csv"
    path.write_text("dataset,family\na,b\n")
    monkeypatch.setattr(stated_families, "LARGEST_FILE", path.stat().st_size)
    assert error_of(lambda: stated_families.read_families(str(path))) is None
    monkeypatch.setattr(stated_families, "LARGEST_FILE", path.stat().st_size - 1)
    assert error_of(lambda: stated_families.read_families(str(path))) == "table.size"


def test_a_folder_is_listed_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).touch()
    (tmp_path / "c").mkdir()
    for readers in (
        lambda: listing.visible_files(str(tmp_path), lambda _: True),
        lambda: listing.all_files(tmp_path),
        lambda: find_attestations([str(tmp_path)]),
    ):
        monkeypatch.setattr(listing, "MOST_ENTRIES", 3)
        assert error_of(readers) is None
        monkeypatch.setattr(listing, "MOST_ENTRIES", 2)
        assert error_of(readers) == "folder.too_many_entries"


def test_documents_are_looked_for_among_so_many_files_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.md", "b.md", "c.txt"):
        (tmp_path / name).touch()
    monkeypatch.setattr(paths, "MOST_ENTRIES", 3)
    assert sorted(paths.find(["*.md"], str(tmp_path))[0]) == ["a.md", "b.md", "c.txt"]
    monkeypatch.setattr(paths, "MOST_ENTRIES", 2)
    assert error_of(lambda: paths.find(["*.md"], str(tmp_path))) == "document.too_many_entries"


def test_a_folder_where_no_pattern_has_a_place_is_not_looked_into(tmp_path: Path) -> None:
    for name in ("docs/a.md", "DOCS/b.md", "node_modules/x/y.md", ".venv/z.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(paths.find(["docs/*.md"], str(tmp_path))[0]) == ["DOCS/b.md", "docs/a.md"]
    assert sorted(paths.find(["**/*.md"], str(tmp_path))[0]) == ["DOCS/b.md", "docs/a.md", "node_modules/x/y.md"]


def test_a_key_in_the_environment_has_at_most_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "x" * SIZE_LIMIT)
    assert error_of(lambda: private_key_from_environment("KEY")) == "key.malformed"
    monkeypatch.setenv("KEY", "x" * (SIZE_LIMIT + 1))
    assert error_of(lambda: private_key_from_environment("KEY")) == "key.size"


def test_signatures_are_read_up_to_their_number_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [str(tmp_path / name) for name in ("a", "b")]
    for name in names:
        Path(name).write_bytes(b"12345")
    for limits, error_id in (((2, 10), None), ((1, 10), "signature.too_many_files"), ((2, 9), "signature.total_size")):
        monkeypatch.setattr(discovery, "LOCAL_ATTESTATION_FILES", FolderLimits("signature", *limits))
        errors = discovery.read_attestations(names)[1]
        assert [error.error_id for error in errors] == ([] if error_id is None else [error_id])


def record(event: str) -> bytes:
    return ledger.line_of({"event": event, "time": "t"})


def test_a_ledger_has_so_many_bytes_and_records_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(record("a") + record("b"))
    read = ledger.Ledger(path).read
    monkeypatch.setattr(ledger, "MOST_RECORDS", 2)
    monkeypatch.setattr(ledger, "LARGEST", path.stat().st_size)
    assert [one["event"] for one in read()] == ["a", "b"]
    monkeypatch.setattr(ledger, "MOST_VALUES", 6)
    assert len(read()) == 2
    monkeypatch.setattr(ledger, "MOST_VALUES", 5)
    assert error_of(read) == "ledger.too_many_values"
    monkeypatch.setattr(ledger, "MOST_RECORDS", 1)
    assert error_of(read) == "ledger.too_many_records"
    monkeypatch.setattr(ledger, "LARGEST", path.stat().st_size - 1)
    assert error_of(read) == "ledger.size"


def test_a_record_of_too_many_values_or_too_deep_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    most = ledger.LONGEST_RECORD.values
    for values, kept in ((most - 4, 1), (most - 3, 0)):
        path.write_bytes(ledger.line_of({"event": "a", "time": "t", "x": [0] * (values - 1)}))
        assert len(ledger.Ledger(path).read()) == kept
    path.write_bytes(b'{"event": "a", "time": "t", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    assert ledger.Ledger(path).read() == []


def test_a_lease_of_more_bytes_than_one_has_is_nobodys(tmp_path: Path) -> None:
    text = json.dumps({"host": "another", "pid": 1, "born": "x"}).encode()
    for size, is_held in ((lease.LIMITS.size, True), (lease.LIMITS.size + 1, False)):
        (tmp_path / lease.NAME).write_bytes(text.ljust(size))
        assert (lease.holder(tmp_path) is not None) is is_held


def test_pieces_are_taken_from_the_end_of_what_a_runner_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    listed = b'{"units": [{"key": "a", "after": []}]}\n'
    log.write_bytes(b"{x\n" * 50 + listed + b"{y\n" * 3)
    monkeypatch.setattr(pieces, "MOST_STARTS", 4)
    assert pieces._units(log) == [{"key": "a", "after": []}]
    monkeypatch.setattr(pieces, "MOST_STARTS", 3)
    assert pieces._units(log) == []
    monkeypatch.setattr(pieces, "MOST_STARTS", 100)
    monkeypatch.setattr(pieces, "LARGEST_LISTING", len(listed) + 9)
    assert pieces._units(log) == [{"key": "a", "after": []}]
    monkeypatch.setattr(pieces, "LARGEST_LISTING", len(listed) + 8)
    assert pieces._units(log) == []


PLAIN = JsonLimits(size=20, depth=2, values=3)


@pytest.mark.parametrize(
    ("at", "beyond", "error_id"),
    [
        (b"[0]".ljust(20), b"[0]".ljust(21), "json.size"),
        (b"[[0]]", b"[[[0]]]", "json.depth"),
        (b"[0,0]", b"[0,0,0]", "json.too_many_values"),
        (b"NaN", b"nan", "json.syntax"),
    ],
)
def test_json_that_is_read_as_any_reader_would_has_limits_too(at: bytes, beyond: bytes, error_id: str) -> None:
    assert error_of(lambda: parse_plain_json(at, "x", PLAIN)) is None
    assert error_of(lambda: parse_plain_json(beyond, "x", PLAIN)) == error_id


def workflow(values: int) -> str:
    """A mapping of so many values: the root, `jobs`, its list and what is in it."""
    return "jobs:\n" + "- a\n" * (values - 2)


def test_a_workflow_has_so_many_values_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MOST_NODES", 10)
    path = tmp_path / "w.yml"
    path.write_text(workflow(10))
    assert error_of(lambda: doctor.read_workflows(str(tmp_path))) is None
    path.write_text(workflow(11))
    assert error_of(lambda: doctor.read_workflows(str(tmp_path))) == "doctor.too_many_nodes"


def test_aliases_of_aliases_are_counted_as_often_as_they_stand_for(tmp_path: Path) -> None:
    lines = ["jobs: {}", "a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40))]
    (tmp_path / "w.yml").write_text("\n".join(lines))
    assert error_of(lambda: doctor.read_workflows(str(tmp_path))) == "doctor.too_many_nodes"


def test_a_workflow_is_as_deep_as_it_may_be_and_no_deeper(tmp_path: Path) -> None:
    def written(deep: int) -> None:
        (tmp_path / "w.yml").write_text(f"jobs: {'[' * (deep - 1)}{']' * (deep - 1)}\n")

    written(doctor.DEEPEST)
    assert error_of(lambda: doctor.read_workflows(str(tmp_path))) is None
    written(doctor.DEEPEST + 1)
    assert error_of(lambda: doctor.read_workflows(str(tmp_path))) == "doctor.depth"


def test_workflows_are_read_up_to_their_number_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text("jobs: {}")
    for limits, error_id in (((2, 16), None), ((1, 16), "workflow.too_many_files"), ((2, 15), "workflow.total_size")):
        monkeypatch.setattr(doctor, "WORKFLOW_FILES", FolderLimits("workflow", *limits))
        assert error_of(lambda: doctor.read_workflows(str(tmp_path))) == error_id


class OneFile(dict[str, SimpleNamespace]):
    """As much of a git tree as the sources of a gate ask for."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__({path: SimpleNamespace(path=path, mode="100644")})
        self.entries, self.text = self, text

    def under(self, folder: str) -> list[SimpleNamespace]:
        return [entry for path, entry in self.items() if path.startswith(f"{folder}/")]

    def read(self, _path: str, _limit: int) -> bytes:
        return self.text.encode()


def project(text: str) -> Any:
    return OneFile("pyproject.toml", f'[project]\nname = "another"\n{text}')


def test_a_project_that_is_too_large_to_be_parsed_is_taken_for_the_gates_own() -> None:
    size = gate_sources.LARGEST_PROJECT - len('[project]\nname = "another"\n')
    assert not gate_sources.runs_from_source(project("#" * size))
    assert gate_sources.runs_from_source(project("#" * (size + 1)))
    most = gate_sources.MOST_DOTS
    assert not gate_sources.runs_from_source(project("a." * most + "b = 1"))
    assert gate_sources.runs_from_source(project("a." * (most + 1) + "b = 1"))
    assert not gate_sources.runs_from_source(project('text = "' + "." * 500 + '"'))


def test_blank_lines_of_a_workflow_cost_each_the_same_however_many_there_are() -> None:
    def read(lines: int) -> None:
        tree: Any = OneFile(".github/workflows/w.yml", "\n" * lines + "      - uses: ./here\n")
        assert gate_sources.runs_from_source(tree)

    assert grows_evenly(read, 50_000)


def test_an_archive_lists_so_many_members_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("other", "")
    monkeypatch.setattr(inspect_archive, "MOST_MEMBERS", 2)
    assert error_of(lambda: inspect_archive.read_archive(str(path), JsonLimits())) is None
    monkeypatch.setattr(inspect_archive, "MOST_MEMBERS", 1)
    assert error_of(lambda: inspect_archive.read_archive(str(path), JsonLimits())) == "adapter.size"


def test_a_file_that_would_be_replaced_is_kept_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"

    def replace() -> None:
        path.write_bytes(b"12345")
        several_files.write_together({path: b"new"}, replace=True, remedy="")

    monkeypatch.setattr(several_files, "LARGEST_REPLACED", 5)
    assert error_of(replace) is None
    monkeypatch.setattr(several_files, "LARGEST_REPLACED", 4)
    assert error_of(replace) == "output.unwritable"


def npy(length: int) -> bytes:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}".ljust(length)
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header


def test_the_header_of_an_array_has_as_many_bytes_as_numpy_reads() -> None:
    most = wholeness.LONGEST_NPY_HEADER
    assert wholeness._npy_header(BytesIO(npy(most)))["shape"] == (1,)
    with pytest.raises(ValueError, match="no header"):
        wholeness._npy_header(BytesIO(npy(most + 1)))
