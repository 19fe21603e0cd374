"""Every stage on a language model runs on a small causal model too, GPT-2-like and Llama-like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import D_MODEL, FAMILIES
from tiny_runs import OWN, configuration
from tiny_stage import arguments, stage_of

from gatekit.evidence.reading import read_summary
from runners.stage.lifecycle import run_stage
from runners.stages.layer_routing import measuring as layer_routing_measuring

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("corpus_read_once")]

QUICK = [("llama", name) for name in OWN] + [("gpt2", "random_model"), ("gpt2", "saebench")]
CASES = [
    pytest.param(family, name, marks=[] if (family, name) in QUICK else [pytest.mark.slow])
    for family in FAMILIES
    for name in OWN
]


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory) -> Path:
    """Stages of one model find each other's activations, SAEs and probes."""
    folder: Path = tmp_path_factory.mktemp("cache")
    return folder


@pytest.fixture
def run(tiny_models, tmp_path, shared_cache, monkeypatch):
    """Run a stage and return every summary that it wrote."""
    # Which architecture is the best of a layer is chance after eight steps; here the two assignments differ.
    chosen = layer_routing_measuring.Assignment(("topk", "batch_topk"), "topk")
    monkeypatch.setattr(layer_routing_measuring, "assign", lambda *_: chosen)

    def go(family: str, name: str) -> list[dict[str, Any]]:
        text = configuration(tiny_models[family].folder, name)
        assert run_stage(stage_of(name), arguments(tmp_path, text, cache=str(shared_cache))) == 0
        found = []
        for path in sorted((tmp_path / "out").rglob("*.json")):
            assert read_summary(str(path)).status == "ok"
            found.append(json.loads(path.read_text()))
        return found

    return go


@pytest.mark.parametrize(("family", "name"), CASES)
def test_a_stage_measures_a_causal_model(run, family, name):
    summaries = run(family, name)
    assert summaries
    for summary in summaries:
        assert summary["subject"]["model"]["name"] == f"tiny-{family}"
        assert summary["subject"]["d_model"] == D_MODEL
        assert summary["measurements"]
    if name == "candidates":
        assert len({json.dumps(summary["subject"], sort_keys=True) for summary in summaries}) == 1
        assert len(summaries) == 5


# What TransformerLens calls so is the output of these modules.
MODULES = {
    "blocks.0.hook_resid_pre": "{module: model.embed_tokens, output: 0}",
    "blocks.0.hook_resid_post": "{module: model.layers.0, output: 0}",
    "blocks.1.hook_resid_post": "{module: model.layers.1, output: 0}",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_a_stage_measures_the_same_at_modules_without_transformer_lens(tiny_models, tmp_path, monkeypatch, name):
    chosen = layer_routing_measuring.Assignment(("topk", "batch_topk"), "topk")
    monkeypatch.setattr(layer_routing_measuring, "assign", lambda *_: chosen)
    found: dict[str, list[Any]] = {}
    for way in ("hooks", "modules"):
        text = configuration(tiny_models["llama"].folder, name).replace("core: {", "# core: {")
        if way == "modules":
            for hook, module in MODULES.items():
                text = text.replace(hook, module)
        assert run_stage(stage_of(name), arguments(tmp_path, text, way)) == 0
        summaries = [json.loads(path.read_text()) for path in sorted((tmp_path / way).rglob("*.json"))]
        assert all(("hf:model.layers.0:0" in each["subject"]["hook"]) == (way == "modules") for each in summaries)
        assert summaries
        measured = [each["measurements"] for each in summaries]
        found[way] = [each["r2"]["columns"]["candidate"] for each in measured if "r2" in each]
    # Half precision rounds the two ways apart where they differ in the last digit of single precision.
    assert len(found["modules"]) == len(found["hooks"])
    for theirs, ours in zip(found["hooks"], found["modules"], strict=True):
        assert ours == pytest.approx(theirs, abs=5e-3)


def test_every_stage_is_among_them_but_those_with_a_model_of_their_own():
    names = {path.parent.name for path in (Path(stage_of("ood").smoke_config).parents[1]).glob("*/smoke.yaml")}
    assert set(OWN) == names - {"known_circuit", "saebench_absorption"}


@pytest.mark.parametrize("family", FAMILIES)
def test_saebench_s_core_is_measured_of_every_seed(run, family):
    (summary,) = run(family, "saebench")
    for measure in ("ce_loss_score", "kl_div_score", "cossim"):
        columns = summary["measurements"][measure]["columns"]
        assert columns["seed"] == [0, 1, 2]
        assert all(0 < value <= 1 for value in columns["candidate"])


def test_saebench_with_blocks_of_scr_and_tpp_writes_a_summary_of_each_about_one_subject(
    tiny_models, tmp_path, shared_cache
):
    text = configuration(tiny_models["llama"].folder, "saebench") + OWN["saebench_scr"] + OWN["saebench_tpp"]
    assert run_stage(stage_of("saebench"), arguments(tmp_path, text, cache=str(shared_cache))) == 0
    found = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json")}
    assert set(found) == {"saebench", "saebench_scr", "saebench_tpp"}
    assert len({json.dumps(summary["subject"], sort_keys=True) for summary in found.values()}) == 1
    assert not {"scr", "tpp"} & set(found["saebench"]["producer"]["config"])
