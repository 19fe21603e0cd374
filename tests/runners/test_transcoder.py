from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import r2_score
from tiny_stage import SAES, arguments

from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from gatekit.exit_codes import ExitCode
from gatekit.kinds import INSTALLED
from gatekit.stats import per_seed_pair
from runners.arms import activations as arms
from runners.saes.architecture_plan import ArchitecturePlan
from runners.seeding import generator
from runners.stage import lifecycle
from runners.stages.ablation import stage as ablation
from runners.stages.transcoder import stage as transcoder
from runners.stages.transcoder.measuring import matched_compute
from runners.subjects.language_model import activations

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TINY = SAES.replace("blocks.0", "blocks.1") + "transcoder: {input_hook: blocks.0.hook_resid_post, gaussian_draws: 1}\n"
SWEEP = """\
sweep:
  d_saes: [40, 48]
  ks: [4]
  steps: [8, 12]
  learning_rates: [2.0e-3]
  confirmation_seeds: [7, 8, 9]
"""
SEARCHING = TINY.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1, 2]") + SWEEP


@pytest.fixture(autouse=True)
def corpus_read_once(corpus, monkeypatch):
    monkeypatch.setattr(arms, "read_corpus", lambda _: corpus)


def finished(corpus, folder: Path, text: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arms, "read_corpus", lambda _: corpus)
        assert transcoder.main(arguments(folder, text)) == 0
    return folder


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    """One finished condition: `out/transcoder.json` and `cache/`."""
    return finished(corpus, tmp_path_factory.mktemp("run"), TINY)


@pytest.fixture(scope="module")
def document(done) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((done / "out" / "transcoder.json").read_text())
    return parsed


@pytest.fixture(scope="module")
def weights(done) -> dict[str, list[dict[str, np.ndarray]]]:
    """Arm -> the parameters in each seed's checkpoint, as float64."""
    run = next((done / "cache" / "runs" / "transcoder").iterdir())
    return {
        arm: [
            {name: value.astype(float) for name, value in load_file(run / arm / f"seed_{seed}.safetensors").items()}
            for seed in range(5)
        ]
        for arm in ("model", "transcoder")
    }


@pytest.fixture(scope="module")
def swept(corpus, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """Folder name -> summary of a finished sweep."""
    folder = finished(corpus, tmp_path_factory.mktemp("sweep"), SEARCHING)
    return {path.parent.name: json.loads(path.read_text()) for path in (folder / "out").rglob("*.json")}


def matched(a: np.ndarray, b: np.ndarray) -> float:
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    return float(cosine[linear_sum_assignment(1 - cosine)].mean())


def test_the_gate_reads_the_summary_and_finds_every_measure_but_the_imported_one(done):
    summary = read_summary(str(done / "out" / "transcoder.json"))
    assert summary.status == "ok"
    assert set(summary.measurements) == set(INSTALLED.measures("transcoder")) - {"mmcs_transcoder_minus_sae"}
    assert summary.protocol.baseline_subject.architecture == "transcoder"


def test_the_candidate_is_the_sae_so_that_more_agreement_of_saes_raises_the_difference(document, weights):
    columns = document["measurements"]["sae_minus_transcoder"]["columns"]
    place = list(zip(columns["seed_a"], columns["seed_b"], strict=True)).index((1, 3))
    for arm, column in (("model", "candidate"), ("transcoder", "baseline")):
        expected = matched(weights[arm][1]["W_dec"], weights[arm][3]["W_dec"])
        assert columns[column][place] == pytest.approx(expected, abs=1e-6)
    assert INSTALLED.measures("transcoder")["sae_minus_transcoder"].direction == "higher"


def test_both_arms_have_the_parameters_that_the_protocol_says(document, weights):
    stated = document["protocol"]["settings"]["parameters_per_seed"]
    for arm in ("model", "transcoder"):
        learned = [weights[arm][0][name].size for name in ("W_enc", "b_enc", "W_dec", "b_dec")]
        assert sum(learned) == stated == 2 * 384 * 48 + 48 + 384
    assert document["protocol"]["settings"]["training_tokens_per_seed"] == 8 * 64


def arm(plan: ArchitecturePlan, d_out: int | None) -> SimpleNamespace:
    """What the matching of two arms looks at, of three untrained seeds."""
    shapes = plan.build(16, d_out).shapes()
    parameters = {name: torch.zeros((3, *shape)) for name, shape in shapes.items()}
    stack = SimpleNamespace(parameters=parameters, plan=SimpleNamespace(steps=10, batch_tokens=64))
    return SimpleNamespace(stack=stack, plan=plan)


def test_arms_of_equal_shape_are_matched_and_those_of_any_other_are_refused():
    sae = arm(ArchitecturePlan("topk", d_sae=20, k=4, auxiliary_k=8), None)
    counts = matched_compute(sae, arm(ArchitecturePlan("transcoder", d_sae=20, k=4, auxiliary_k=8), 16))
    assert counts["parameters_per_seed"] == 2 * 16 * 20 + 20 + 16
    for other in ({"d_sae": 21, "k": 4}, {"d_sae": 20, "k": 5}, {"d_sae": 20, "k": 4, "skip": True}):
        with pytest.raises(GatekitError, match="the SAE took"):
            matched_compute(sae, arm(ArchitecturePlan("transcoder", auxiliary_k=8, **other), 16))


def test_both_arms_start_from_the_same_decoders():
    drawn = [
        ArchitecturePlan(name, d_sae=20, k=4, auxiliary_k=8)
        .build(16, d_out)
        .initial(generator("sae initial weights", 3), torch.zeros(16))["W_dec"]
        for name, d_out in (("topk", None), ("transcoder", 16))
    ]
    assert torch.equal(*drawn)


def test_both_arms_are_measured_on_the_same_rows_of_the_subjects_hook(done, document, weights):
    stores = {}
    for folder in (done / "cache" / "activations").iterdir():
        key = json.loads((folder / "manifest.json").read_text())["key"]
        if key["rows"] == 200:
            stores[key["hook"]] = np.load(folder / "activations.npy").astype(float)
    aims = stores["blocks.1.hook_resid_post"]
    columns = document["measurements"]["r2_minus_transcoder"]["columns"]
    for arm, hook, column in (
        ("model", "blocks.1.hook_resid_post", "candidate"),
        ("transcoder", "blocks.0.hook_resid_post", "baseline"),
    ):
        each = weights[arm][2]
        x = stores[hook] * each["scale"]
        centred = x - each["b_dec"] if arm == "model" else x
        latents = np.maximum(centred @ each["W_enc"] + each["b_enc"], 0)
        latents[np.arange(len(x))[:, None], np.argsort(latents, axis=1)[:, :-4]] = 0
        restored = (latents @ each["W_dec"] + each["b_dec"]) / each.get("target_scale", each["scale"])
        expected = r2_score(aims, restored, multioutput="variance_weighted")
        assert columns[column][2] == pytest.approx(expected, abs=1e-4)


def test_the_subject_is_the_one_that_every_stage_measures_under_these_settings(document, done, tmp_path):
    (tmp_path / "cache").symlink_to(done / "cache")
    other = TINY.replace(
        "transcoder: {input_hook: blocks.0.hook_resid_post, gaussian_draws: 1}", "chance: {gaussian_draws: 1}"
    )
    assert ablation.main(arguments(tmp_path, other)) == 0
    assert json.loads((tmp_path / "out" / "ablation.json").read_text())["subject"] == document["subject"]


def test_an_input_hook_of_another_width_is_refused(tmp_path):
    wider = TINY.replace("input_hook: blocks.0.hook_resid_post", "input_hook: blocks.1.mlp.hook_post")
    assert transcoder.main(arguments(tmp_path, wider)) == 4
    summary = read_summary(str(tmp_path / "out" / "transcoder.json"))
    assert "1536 wide" in summary.reason


def test_what_the_mlp_hooks_hold_is_what_the_models_own_mlp_reads_and_adds(minilm, minilm_files):
    encoded = minilm.tokenizer(["A cat sat on the mat, which was warm."], return_tensors="pt")
    read, added = (
        activations(minilm, f"blocks.3.{hook}", encoded["input_ids"], encoded["attention_mask"])[0].numpy()
        for hook in ("hook_mlp_in", "hook_mlp_out")
    )
    stored = load_file(next(minilm_files.folder.glob("*.safetensors")))
    layer = {name.partition("layer.3.")[2]: value for name, value in stored.items() if "encoder.layer.3." in name}
    inner = torch.nn.functional.gelu(
        torch.from_numpy(read @ layer["intermediate.dense.weight"].T + layer["intermediate.dense.bias"])
    ).numpy()
    expected = inner @ layer["output.dense.weight"].T + layer["output.dense.bias"]
    assert added == pytest.approx(expected, abs=1e-4)


def test_a_sweep_measures_every_condition_on_the_searchs_seeds_and_confirms_on_others(swept):
    shapes = [(d_sae, steps) for d_sae in (40, 48) for steps in (8, 12)]
    assert set(swept) == {f"d_sae-{d}-k-4-steps-{s}-rate-0.002" for d, s in shapes} | {"confirmed"}
    for name, document in swept.items():
        protocol = document["protocol"]
        assert protocol["selection"] == {"candidates": 4, "seeds": [0, 1, 2]}
        assert protocol["seeds"] == ([7, 8, 9] if name == "confirmed" else [0, 1, 2])


def test_the_condition_confirmed_is_the_one_with_the_largest_lower_bound_by_the_gates_own_formula(swept):
    bounds = {}
    for name, document in swept.items():
        if name != "confirmed":
            columns = document["measurements"]["sae_minus_transcoder_chance_corrected"]["columns"]
            effect = [a - b for a, b in zip(columns["candidate"], columns["baseline"], strict=True)]
            bounds[name] = per_seed_pair(columns["seed_a"], columns["seed_b"], effect, 0.95).lower
    best = max(bounds, key=bounds.__getitem__)
    confirmed = swept["confirmed"]
    assert confirmed["protocol"]["settings"]["search_chose"] == best
    assert confirmed["subject"]["d_sae"] == swept[best]["subject"]["d_sae"]
    assert confirmed["protocol"]["settings"]["steps"] == swept[best]["protocol"]["settings"]["steps"]


def test_a_policy_judges_the_confirmation_and_not_the_conditions_that_were_searched(tmp_path, monkeypatch):
    judged = []

    def judge(policy: str, folder: Path) -> ExitCode:
        judged.append(folder.name)
        return ExitCode.BLOCKED

    monkeypatch.setattr(lifecycle, "check", judge)
    small = SEARCHING.replace("d_saes: [40, 48]", "d_saes: [48]")
    assert transcoder.main(arguments(tmp_path, small, "out", "cache", "--policy", "policy.yaml")) == 2
    assert judged == ["confirmed"]


@pytest.mark.parametrize(
    ("line", "changed", "complaint"),
    [
        ("[7, 8, 9]", "[2, 8, 9]", "a seed that was searched on cannot confirm"),
        ("d_saes: [40, 48]", "d_saes: [40, 40]", "at least two different conditions"),
        ("ks: [4]", "ks: [41]", "k=41 exceeds d_sae=40"),
        ("seeds: [0, 1, 2]", "seeds: [0, 1]", "at least three seeds to search on"),
        ("topk, d_sae: 48, k: 4, auxiliary_k: 16", "relu, d_sae: 48, l1_coefficient: 1.0", "'relu' does not fix"),
        ("sweep:", "selection: {candidates: 2, seeds: [0]}\nsweep:", "states the selection of its conditions itself"),
    ],
)
def test_a_sweep_that_does_not_fit_together_is_refused_before_anything_runs(tmp_path, capsys, line, changed, complaint):
    assert transcoder.main(arguments(tmp_path, SEARCHING.replace(line, changed, 1))) == 4
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()
