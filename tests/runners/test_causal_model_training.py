from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gatekit.errors import GatekitError
from runners.benchmarks.saebench_core import measure_core, why_not
from runners.benchmarks.saebench_plan import CorePlan
from runners.saes.sae import Sae
from runners.saes.topk import TopK
from runners.seeding import generator
from runners.subjects.activation_store import TokenSet
from runners.subjects.causal_model_training import CausalRecipe, train_causal_model, write_causal_model
from runners.subjects.language_model import load, tokenize
from runners.subjects.model_files import find_model

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

RECIPE = CausalRecipe(d_model=32, layers=1, heads=2, vocabulary=300, context=16, batch=16, steps=150)
TEXTS = [
    f"the {animal} sat on the {place} and looked at the {other}"
    for animal in ("cat", "dog", "cow", "hen", "fox")
    for place in ("mat", "hill", "road", "roof", "step")
    for other in ("moon", "sun", "tree", "barn")
]
HOOK = "blocks.0.hook_resid_post"


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("causal") / "model"
    trained = train_causal_model(RECIPE, TEXTS, "cpu")
    assert trained.held_out_loss < trained.frequency_loss - 0.5
    return folder, write_causal_model(trained, RECIPE, "cpu", folder)


def test_the_same_recipe_gives_the_same_digest_which_is_that_of_a_summary_s_subject(written, tmp_path):
    folder, digest = written
    again = train_causal_model(RECIPE, TEXTS, "cpu")
    assert write_causal_model(again, RECIPE, "cpu", tmp_path / "again") == digest
    assert find_model("folder", str(folder)).digest == digest
    assert json.loads((folder / "recipe.json").read_text())["model_sha256"] == digest
    other = train_causal_model(replace(RECIPE, seed=1), TEXTS, "cpu")
    assert write_causal_model(other, RECIPE, "cpu", tmp_path / "other") != digest


def test_core_measures_what_an_sae_loses_of_it(written, tmp_path):
    files = find_model("folder", str(written[0]))
    architecture = TopK(32, 64, 8, 0)
    sae = Sae(architecture, architecture.initial(generator("test", 0), torch.zeros(32)))
    assert why_not(files, sae) is None
    model = load(files, "cpu")
    texts = tokenize(model, TEXTS, TEXTS, 32)
    tokens = TokenSet("held-out", tuple(texts), sum(len(text.kept) for text in texts))
    found = measure_core(model, HOOK, sae, tokens, CorePlan(2, 4, 16), 0.0, "core", tmp_path)
    said = json.loads(found.path.read_text())["eval_result_metrics"]
    lost = said["model_performance_preservation"]
    assert lost["ce_loss_without_sae"] < lost["ce_loss_with_ablation"]
    # Loss recovered is the part of what ablation loses that the SAE does not.
    recovered = (lost["ce_loss_with_ablation"] - lost["ce_loss_with_sae"]) / (
        lost["ce_loss_with_ablation"] - lost["ce_loss_without_sae"]
    )
    assert found.scores["ce_loss_score"] == pytest.approx(recovered, abs=1e-4)
    # SAEBench's L0 is that of the SAE itself on rows of the same texts: k of TopK where so many are positive.
    assert said["sparsity"]["l0"] == pytest.approx(8, abs=0.2)


def test_a_model_that_has_not_learnt_its_texts_is_not_written(tmp_path):
    trained = train_causal_model(replace(RECIPE, steps=2), TEXTS, "cpu")
    with pytest.raises(GatekitError, match="has not learnt its texts"):
        write_causal_model(trained, RECIPE, "cpu", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_texts_shorter_than_one_row_are_refused():
    with pytest.raises(GatekitError, match="held out; a row is 16"):
        train_causal_model(RECIPE, TEXTS[:2], "cpu")
