from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gatekit.errors import GatekitError
from runners.metrics.circuits import (
    chance_r2,
    fourier_basis,
    frequency_shares,
    key_frequencies,
    projection_r2,
    top_frequencies,
)
from runners.progress import Silent
from runners.subjects import modular_addition as addition
from runners.subjects.modular_addition import COMMITTED, WEIGHTS, AdditionModel, Recipe
from runners.subjects.modular_addition_training import main, train_addition

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

RECIPE = COMMITTED[53].recipe
HOOK = "blocks.0.hook_resid_post"


@pytest.fixture(scope="module")
def model() -> AdditionModel:
    return addition.load_committed(COMMITTED[53], "cpu")


def test_the_input_is_a_b_and_the_equals_sign_and_the_answer_is_not_in_it():
    tokens, right = addition.input_tokens(7), addition.answers(7)
    assert tokens.shape == (49, 3)
    assert tokens[:, 2].tolist() == [7] * 49
    assert len({tuple(row) for row in tokens.tolist()}) == 49
    for (a, b, _), answer in zip(tokens.tolist(), right.tolist(), strict=True):
        assert answer == (a + b) % 7
    # Neither token alone says anything about the answer: each goes with every answer equally often.
    for position in (0, 1):
        seen = {(int(token), int(answer)) for token, answer in zip(tokens[:, position], right, strict=True)}
        assert len(seen) == 49


def test_pairs_for_training_and_testing_are_disjoint_complete_and_drawn_by_seed():
    split = addition.trained_pairs(RECIPE)
    train, test = set(split.train.tolist()), set(split.test.tolist())
    assert not train & test
    assert train | test == set(range(53 * 53))
    assert len(train) == round(0.6 * 53 * 53)
    assert torch.equal(addition.trained_pairs(RECIPE).train, split.train)
    assert not torch.equal(addition.trained_pairs(Recipe(53, 0.6, RECIPE.seed + 1, 1)).train, split.train)
    assert not torch.equal(addition.split_pairs(53, 0.6, "pairs for SAEs", RECIPE.seed).train, split.train)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_split_with_an_empty_side_is_refused(fraction):
    with pytest.raises(ValueError, match="empty"):
        addition.split_pairs(5, fraction, "test", 0)


def test_the_committed_transformer_answers_every_pair_that_it_never_saw(model):
    assert addition.accuracy(model, addition.trained_pairs(RECIPE).test) == 1.0


def test_the_committed_transformer_has_no_biases_and_no_normalisation(model):
    state = model.transformer.state_dict()
    assert all(not value.any() for name, value in state.items() if ".b_" in name)
    assert not any("ln" in name for name in state)
    assert set(load_file(WEIGHTS / COMMITTED[53].file)) == {name for name in addition.weights_of(model.transformer)}


def test_its_embedding_lies_on_few_frequencies_and_its_twins_at_chance(model):
    table = addition.embedding(model)
    key = key_frequencies(frequency_shares(table), 2.0)
    assert 1 <= len(key) <= 8
    assert projection_r2(table, key) > 0.8
    twins = [addition.embedding(addition.reinitialised(model, seed)) for seed in range(5)]
    scores = [projection_r2(twin, key) for twin in twins]
    assert np.mean(scores) == pytest.approx(chance_r2(53, len(key)), abs=0.02)
    # Choosing the best frequencies of a random embedding gains a little, and no more.
    best = [projection_r2(twin, top_frequencies(frequency_shares(twin), len(key))) for twin in twins]
    assert max(best) < chance_r2(53, len(key)) + 0.1


def test_its_key_frequencies_carry_the_computation_and_the_others_do_not(model):
    # The restricted and the excluded embedding of Nanda et al.: what the circuit is made of is what it cannot lose.
    table = addition.embedding(model)
    basis = fourier_basis(53, key_frequencies(frequency_shares(table), 2.0))
    middle = table.mean(axis=0)
    kept = basis.T @ (basis @ (table - middle))

    def accuracy_with(rows: np.ndarray) -> float:
        weights = {name: value.clone() for name, value in addition.weights_of(model.transformer).items()}
        weights["embed.W_E"][:53] = torch.from_numpy(rows).float()
        return addition.accuracy(addition.with_weights(RECIPE, weights, "cpu"), torch.arange(53 * 53))

    with torch.no_grad():
        assert accuracy_with(middle + kept) > 0.95
        assert accuracy_with(table - kept) < 0.2


def test_a_twin_has_the_same_shapes_another_digest_and_answers_at_chance(model):
    twin = addition.reinitialised(model, 0)
    ours, theirs = addition.weights_of(model.transformer), addition.weights_of(twin.transformer)
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
    digests = {model.digest, twin.digest, addition.reinitialised(model, 1).digest}
    digests.add(addition.initial_model(53, 0, "cpu").digest)
    assert len(digests) == 4
    assert addition.reinitialised(model, 0).digest == twin.digest
    assert addition.accuracy(twin, torch.arange(53 * 53)) < 0.1


def test_building_a_model_leaves_the_global_generator_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    addition.initial_model(5, 0, "cpu")
    assert torch.equal(torch.rand(2), expected)


def test_activations_are_in_order_of_pairs_and_at_the_position_asked_for(model):
    table = addition.embedding(model)
    rows = np.arange(53 * 53)
    for position, numbers in (("a", rows // 53), ("b", rows % 53)):
        found = addition.activations(model, "hook_embed", position)
        np.testing.assert_array_equal(found, table[numbers].astype(np.float32))
    assert addition.activations(model, "blocks.0.mlp.hook_post", "equals").shape == (53 * 53, 512)


def test_activations_put_back_change_no_answer_and_zeros_change_nearly_all(model):
    some = torch.arange(0, 53 * 53, 7)
    values = torch.from_numpy(addition.activations(model, HOOK, "equals"))[some]
    assert addition.accuracy(model, some, (HOOK, "equals", values)) == 1.0
    assert addition.accuracy(model, some, (HOOK, "equals", torch.zeros_like(values))) < 0.1
    # Another pair's activations give that pair's answer.
    assert addition.accuracy(model, some, (HOOK, "equals", values.roll(1, dims=0))) < 0.1


def test_a_hook_that_does_not_exist_names_the_nearest(model):
    with pytest.raises(GatekitError, match="no hook") as caught:
        addition.activations(model, "blocks.0.hook_resid_pots", "equals")
    assert caught.value.remedy == "did you mean 'blocks.0.hook_resid_post'?"


def test_a_hook_without_one_vector_per_position_is_refused(model):
    with pytest.raises(GatekitError, match="one vector per position"):
        addition.activations(model, "blocks.0.attn.hook_pattern", "equals")


def test_altered_weights_are_not_loaded(tmp_path):
    name = COMMITTED[53].file
    shutil.copy(WEIGHTS / name, tmp_path / name)
    changed = bytearray((tmp_path / name).read_bytes())
    changed[-1] ^= 1
    (tmp_path / name).write_bytes(changed)
    with pytest.raises(GatekitError, match="not the ones that were committed"):
        addition.load_committed(COMMITTED[53], "cpu", tmp_path)


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(GatekitError, match="not installed"):
        addition.load_committed(COMMITTED[53], "cpu", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("embed.W_E"), "another architecture: embed.W_E"),
        (lambda weights: weights.update({"unembed.W_U": torch.zeros(53, 128)}), "another architecture: unembed.W_U"),
        (lambda weights: weights["embed.W_E"].fill_(float("nan")), "not finite"),
    ],
)
def test_weights_of_another_shape_or_not_finite_are_refused(change, message):
    weights = load_file(WEIGHTS / COMMITTED[53].file)
    change(weights)
    with pytest.raises(GatekitError, match=message):
        addition.with_weights(RECIPE, weights, "cpu")


def test_the_committed_file_holds_less_than_a_megabyte():
    assert (WEIGHTS / COMMITTED[53].file).stat().st_size < 1_000_000


def test_training_twice_gives_the_same_weights_and_learns_its_training_pairs():
    recipe = Recipe(5, 0.6, 0, 60)
    first, again = (train_addition(recipe, "cpu", Silent()) for _ in range(2))
    assert first.model.digest == again.model.digest
    assert first.train_accuracy == 1.0
    assert first.model.digest != train_addition(Recipe(5, 0.6, 1, 60), "cpu").model.digest


def test_the_training_command_writes_nothing_when_the_task_was_not_learnt(tmp_path, capsys):
    out = tmp_path / "weights.safetensors"
    assert main(["--p", "7", "--steps", "1", "--threads", "1", "--out", str(out)]) == 4
    assert not out.exists()
    assert "has not learnt the task" in capsys.readouterr().err


def test_saved_weights_give_the_same_model_back(model, tmp_path):
    digest = addition.save_weights(model, tmp_path / "again.safetensors")
    again = addition.with_weights(RECIPE, load_file(tmp_path / "again.safetensors"), "cpu")
    assert again.digest == model.digest
    assert digest == COMMITTED[53].sha256
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(GatekitError, match="another architecture"):
        addition.with_weights(RECIPE, load_file(tmp_path / "other.safetensors"), "cpu")


@pytest.mark.slow
def test_the_recipe_of_the_committed_weights_learns_to_add_again():
    # On another machine the last bits differ, and with them the weights; that it learns does not.
    trained = train_addition(RECIPE, "cpu")
    assert trained.test_accuracy == 1.0
    table = addition.embedding(trained.model)
    assert projection_r2(table, key_frequencies(frequency_shares(table), 2.0)) > 0.8
