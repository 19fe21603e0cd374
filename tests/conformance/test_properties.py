"""What holds for any evidence: leaving something away never helps, and no order is a hidden input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conformance.cases import NOW, Files, fixture, lay_out
from conformance.process import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RELEASE = fixture("release")
NEEDED = {
    "random_model": (
        *("pw_mcc_above_control", "pw_mcc_above_untrained", "pw_mcc_above_gaussian"),
        *("r2", "l0", "dead_fraction"),
    ),
    "transcoder": ("sae_minus_transcoder",),
    "ood": ("auc_drop", "id_auc"),
    "saebench": ("auc_delta",),
    "cebench": ("interpretability_delta",),
}
"""What policies/release.yaml asks for."""


def document(kind: str) -> dict[str, Any]:
    data = RELEASE[f"evidence/{kind}.json"]
    assert isinstance(data, bytes)
    loaded: dict[str, Any] = json.loads(data)
    return loaded


def judged(files: Files, folder: Path) -> tuple[int, dict[str, Any]]:
    lay_out(files, folder)
    done = run(["check", "--now", NOW, "--output", "json=../report.json"], folder)
    return done.code, json.loads((folder.parent / "report.json").read_bytes())


@pytest.mark.parametrize("kind", NEEDED)
def test_without_one_file_it_is_inconclusive(tmp_path: Path, kind: str) -> None:
    files = {name: data for name, data in RELEASE.items() if name != f"evidence/{kind}.json"}
    code, report = judged(files, tmp_path / "work")
    assert (code, report["verdict"]) == (3, "inconclusive")


@pytest.mark.parametrize(("kind", "measure"), [(kind, name) for kind in NEEDED for name in NEEDED[kind]])
def test_without_one_measurement_it_does_not_pass(tmp_path: Path, kind: str, measure: str) -> None:
    left = document(kind)
    del left["measurements"][measure]
    code, _ = judged({**RELEASE, f"evidence/{kind}.json": json.dumps(left).encode()}, tmp_path / "work")
    assert code == (3 if left["measurements"] else 4)


@pytest.mark.parametrize("field", ["subject", "producer", "protocol", "status", "kind", "schema", "artifacts"])
def test_without_one_field_it_is_refused(tmp_path: Path, field: str) -> None:
    left = document("random_model")
    del left[field]
    code, _ = judged({**RELEASE, "evidence/random_model.json": json.dumps(left).encode()}, tmp_path / "work")
    assert code == 4


def reordered(value: Any, draw: st.DrawFn) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key], draw) for key in draw(st.permutations(sorted(value)))}
    return value


@st.composite
def shuffled(draw: st.DrawFn) -> Files:
    """The release fixture with keys in any order, observations in any order, and files under other names."""
    files = dict(RELEASE)
    names = draw(st.permutations(["a", "b/c", "d", "e", "z"]))
    for kind, name in zip(NEEDED, names, strict=True):
        del files[f"evidence/{kind}.json"]
        changed = reordered(document(kind), draw)
        for measurement in changed["measurements"].values():
            columns = measurement["columns"]
            order = draw(st.permutations(range(len(columns["candidate"]))))
            measurement["columns"] = {key: [values[i] for i in order] for key, values in columns.items()}
        files[f"evidence/{name}.json"] = json.dumps(changed).encode()
    return files


def numbers(report: dict[str, Any]) -> Any:
    """What was decided and computed, without the names and digests of files."""
    return [[gate["name"], gate["outcome"], figures(gate["result"])] for gate in report["policies"][0]["gates"]]


def figures(result: dict[str, Any]) -> Any:
    return result["measured"] if result["type"] == "threshold" else [figures(child) for child in result["children"]]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=shuffled())
def test_the_order_of_keys_observations_and_files_changes_no_bit(
    tmp_path_factory: pytest.TempPathFactory, files: Files
) -> None:
    _, plain = judged(RELEASE, tmp_path_factory.mktemp("plain") / "work")
    _, other = judged(files, tmp_path_factory.mktemp("other") / "work")
    assert numbers(plain) == numbers(other)
