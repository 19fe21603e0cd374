"""How adapters are found, and what is demanded of what they return."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.adapters import ImportedSummary, ImportOptions, adapter_names, import_summaries, load_adapter
from gatekit.evidence.adapters.saebench import import_files as saebench_adapter
from gatekit_husai.importing import import_files as husai_adapter

RECORDED = (
    Path(__file__).parents[2] / "data/husai/phase4e_stress_gated_release/run_20260213T204120Z_release_policy.json"
)


def with_entry_points(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Pretend that installed packages register these adapters and no others."""
    points = EntryPoints(EntryPoint(name, value, "gatekit.adapters") for name, value in values.items())
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **kwargs: points.select(**kwargs))


def good_adapter(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    """A third party's adapter: what ours makes, under its own name."""
    return [ImportedSummary("third.json", one.document) for one in husai_adapter(paths, options)]


def bad_document(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    return [ImportedSummary("bad.json", {"schema": "gatekit.summary/1"})]


def bad_name(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    return [ImportedSummary("../../escape.json", one.document) for one in husai_adapter(paths, options)]


def two_of_one_name(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    (one,) = husai_adapter(paths, options)
    other = {**one.document, "artifacts": [{"name": "log", "sha256": "0" * 64, "bytes": 1, "uri": "log.txt"}]}
    return [ImportedSummary("same.json", one.document), ImportedSummary("same.json", other)]


def nothing(paths: Sequence[str], options: ImportOptions) -> list[ImportedSummary]:
    return []


NOT_CALLABLE = 3


def test_our_adapters_are_found_without_any_package_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    with_entry_points(monkeypatch)
    assert load_adapter("husai") is husai_adapter
    assert load_adapter("saebench") is saebench_adapter
    assert adapter_names() == ("cebench", "husai", "inspect", "lm_eval", "saebench", "table")


def test_an_unknown_name_is_answered_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    with_entry_points(monkeypatch)
    with pytest.raises(UsageError, match=r"no adapter 'saebnech'; did you mean 'saebench'\?"):
        load_adapter("saebnech")
    with pytest.raises(UsageError, match="known: cebench, husai, inspect, lm_eval, saebench, table"):
        load_adapter("zzz")


def test_a_third_partys_adapter_is_loaded_and_its_summaries_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "third_party", sys.modules[__name__])
    with_entry_points(monkeypatch, third="third_party:good_adapter")
    assert adapter_names() == ("cebench", "husai", "inspect", "lm_eval", "saebench", "table", "third")
    files = import_summaries("third", [str(RECORDED)], ImportOptions())
    assert list(files) == ["third.json"]


@pytest.mark.parametrize(
    ("attribute", "error_id"),
    [
        ("bad_document", "schema.required"),
        ("bad_name", "adapter.name"),
        ("two_of_one_name", "adapter.name"),
        ("nothing", "adapter.nothing"),
        ("NOT_CALLABLE", "adapter.unusable"),
        ("absent", "adapter.unusable"),
    ],
)
def test_what_a_third_party_does_wrong_is_refused(
    monkeypatch: pytest.MonkeyPatch, attribute: str, error_id: str
) -> None:
    monkeypatch.setitem(sys.modules, "third_party", sys.modules[__name__])
    with_entry_points(monkeypatch, third=f"third_party:{attribute}")
    with pytest.raises(GatekitError) as refused:
        import_summaries("third", [str(RECORDED)], ImportOptions())
    assert refused.value.error_id == error_id


def test_another_package_cannot_take_over_our_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with_entry_points(monkeypatch, husai="third_party:bad_document")
    with pytest.raises(GatekitError, match="register the adapter 'husai': gatekit-sae, third_party:bad_document"):
        load_adapter("husai")
    assert load_adapter("saebench") is saebench_adapter


def test_two_packages_with_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(EntryPoint("third", value, "gatekit.adapters") for value in ("one:run", "two:run"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **kwargs: points.select(**kwargs))
    with pytest.raises(GatekitError, match="several packages register the adapter 'third': one:run, two:run"):
        load_adapter("third")


def test_no_files_is_an_error_of_usage() -> None:
    with pytest.raises(UsageError, match="no result files"):
        import_summaries("husai", [], ImportOptions())


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(GatekitError) as refused:
        import_summaries("husai", ["nowhere.json"], ImportOptions())
    assert refused.value.error_id == "json.missing"


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-02-30T00:00:00Z",
        "2026-02-16",
        "2026-02-16T01:48:20+00:00",
        "2026-2-16T01:48:20Z",
        "２０２６-02-16T01:48:20Z",
    ],
)
def test_a_stated_time_must_be_a_utc_time_that_exists(text: str) -> None:
    with pytest.raises(UsageError, match="is not a UTC time to the second"):
        import_summaries("husai", [str(RECORDED)], ImportOptions(finished=text))


def test_importing_reads_no_clock_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any) -> Any:
        raise AssertionError("an import asked for the time")

    monkeypatch.setattr("time.time", forbidden)
    monkeypatch.chdir(tmp_path)
    first = import_summaries("husai", [str(RECORDED)], ImportOptions())
    assert first == import_summaries("husai", [str(RECORDED)], ImportOptions())
    assert list(tmp_path.iterdir()) == []


def test_adapters_load_neither_numpy_nor_scipy_nor_sae_bench() -> None:
    code = (
        "import sys; from gatekit.evidence.adapters import load_adapter; load_adapter('husai'); "
        "load_adapter('saebench'); print([m for m in ('numpy', 'scipy', 'torch', 'sae_bench') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
