"""Limits of single readers: what is at one is read, and one beyond is refused with an error of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatekit.cli.register import MOST_SEEDS, _seeds
from gatekit.cycles import branches
from gatekit.cycles.reading import LIMITS as CYCLE_LIMITS
from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.adapters import stated_families
from gatekit.evidence.adapters.table.csv_table import parse_csv
from gatekit.evidence.adapters.table.rows import CELL
from gatekit.evidence.strict_json import MAX_INTEGER, Document, parse_json
from gatekit.evidence.strict_yaml import parse_yaml
from gatekit.github.doctor import WORKFLOW_LIMIT, _text
from gatekit.github.event import MAX_LABELS, _Fields, is_branch_name
from gatekit.policy import evidence_folders
from gatekit.repo.paths import MAX_PATH, _path_problem
from gatekit.signing.private_key import SIZE_LIMIT, read_private_key


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


def evidence(count: int, length: int) -> Callable[[], Any]:
    stem = "evidence/"
    paths = "".join(f"- {stem}{str(index).rjust(length - len(stem), 'x')}\n" for index in range(count))
    document = parse_yaml(paths.encode(), "p.yaml")
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
        evidence(evidence_folders.MOST, 20),
        evidence(evidence_folders.MOST + 1, 20),
        "policy.value",
    ),
    "characters of one": (
        evidence(1, evidence_folders.LONGEST),
        evidence(1, evidence_folders.LONGEST + 1),
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
