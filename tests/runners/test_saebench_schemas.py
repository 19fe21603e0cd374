"""The recorded SAEBench results follow the schemas that the installed SAEBench publishes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from saebench_results import RESULTS

from gatekit.errors import GatekitError
from gatekit.evidence.adapters import ImportOptions, import_summaries
from gatekit.evidence.adapters.saebench.published_schemas import FILES, _installed, check_published
from gatekit.evidence.adapters.saebench.sources import read_sources

pytestmark = pytest.mark.runners
RECORDED = Path(__file__).parents[1] / "data" / "saebench"


def recorded(kind: str, seed: int) -> Path:
    return RECORDED / kind / f"tiny_topk_seed{seed}_custom_sae_eval_results.json"


@pytest.mark.parametrize("kind", ["core", "sparse_probing"])
def test_the_recorded_files_follow_the_installed_schemas(kind: str) -> None:
    assert kind in FILES
    assert _installed(kind) is not None, "sae-bench is not installed, or its schemas have moved"
    for source in read_sources([f"{seed}={recorded(kind, seed)}" for seed in (11, 12, 13)]):
        check_published(source.file, kind)


def test_the_installed_schema_refuses_a_metric_that_is_a_string(tmp_path: Path) -> None:
    value = json.loads(recorded("core", 11).read_text())
    value["eval_result_metrics"]["reconstruction_quality"]["explained_variance"] = "0.9"
    path = tmp_path / "core.json"
    path.write_text(json.dumps(value))
    with pytest.raises(GatekitError, match="SAEBench's schema of core"):
        import_summaries("saebench", [str(path)], ImportOptions())


@pytest.mark.parametrize("kind", sorted(RESULTS))
def test_the_files_that_our_tests_make_follow_the_installed_schemas(tmp_path: Path, kind: str) -> None:
    value = RESULTS[kind](1)
    assert _installed(value["eval_type_id"]) is not None
    path = tmp_path / "result.json"
    path.write_text(json.dumps(value))
    (source,) = read_sources([str(path)])
    check_published(source.file, value["eval_type_id"])
