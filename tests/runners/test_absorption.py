"""Absorption of first letters is SAEBench's numbers on the same model, words and SAEs."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from letters_model import LETTERS, WIDTH, letters_model
from tiny_stage import arguments, stage_of

from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from runners.benchmarks.absorption import MEANS, AbsorptionScores, read_words, score_absorption
from runners.benchmarks.absorption_plan import AbsorptionPlan, check_absorption
from runners.progress import Silent
from runners.saes.formats.any_format import read_sae
from runners.stage.lifecycle import run_stage
from runners.subjects.language_model import LanguageModel, load
from runners.subjects.model_files import find_model

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sae_lens

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK, LATENTS = "blocks.0.hook_resid_post", 160
PLAN = AbsorptionPlan(seed=3, most_latents=2, least_probe_f1=0.3, least_letters=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return letters_model(tmp_path_factory.mktemp("absorption") / "letters")


@pytest.fixture(scope="module")
def model(folder) -> LanguageModel:
    return load(find_model("folder", str(folder)), "cpu")


@pytest.fixture(scope="module")
def places(folder) -> tuple[Path, ...]:
    found = []
    for seed in (0, 1):
        draw = torch.Generator().manual_seed(seed)
        rows = torch.nn.functional.normalize(torch.randn(LATENTS, WIDTH, generator=draw), dim=-1)
        metadata = sae_lens.saes.sae.SAEMetadata(model_name="letters", hook_name=HOOK, hook_layer=0)
        sae = sae_lens.StandardSAE(sae_lens.StandardSAEConfig(d_in=WIDTH, d_sae=LATENTS, metadata=metadata))
        bias = torch.full((LATENTS,), -0.3)
        sae.load_state_dict({"W_enc": rows.T.clone(), "b_enc": bias, "W_dec": rows, "b_dec": torch.zeros(WIDTH)})
        sae.save_model(folder.parent / f"sae_{seed}")
        found.append(folder.parent / f"sae_{seed}")
    return tuple(found)


@pytest.fixture(scope="module")
def ours(model, places) -> AbsorptionScores:
    saes = [read_sae(place) for place in places]
    return score_absorption(PLAN, model, HOOK, saes, read_words(PLAN, model), Silent())


def of_saebench(place: Path, model: LanguageModel, folder: Path) -> dict[str, Any]:
    """SAEBench's own evaluation of one SAE from beginning to end, on a model that is handed to it."""
    from sae_bench.evals.absorption import common, feature_absorption, vocab
    from sae_bench.evals.absorption import main as upstream
    from sae_bench.evals.absorption.eval_config import AbsorptionEvalConfig

    config = AbsorptionEvalConfig(
        model_name="letters",
        max_k_value=PLAN.most_latents,
        min_GT_probe_f1=PLAN.least_probe_f1,
        min_feats_for_eval=PLAN.least_letters,
        llm_batch_size=64,
        llm_dtype="float32",
    )
    sae = sae_lens.SAE.load_from_disk(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upstream.HookedTransformer, "from_pretrained_no_processing", lambda *_, **__: model.bridge)
        # SAEBench keeps its dense probe under the model's name, which is the path of the model's folder here: a second
        # run would find the first one's there, skip its draws, and start the sparse probes from another state.
        patch.setattr(model.bridge.cfg, "model_name", "letters")
        # The vocabulary in an order, and SAEBench's folders inside the test's: it keeps them in its package.
        for module in (common, feature_absorption):
            patch.setattr(module, "get_alpha_tokens", lambda tokenizer: sorted(vocab.get_alpha_tokens(tokenizer)))
        for name in ("run_k_sparse_probing_experiment", "run_feature_absortion_experiment"):
            patch.setattr(upstream, name, in_folder(getattr(upstream, name), name, folder))
        patch.chdir(folder)
        random.seed(PLAN.seed)
        torch.manual_seed(PLAN.seed)
        (folder / "out").mkdir()
        (found,) = upstream.run_eval(config, [("tiny", sae)], "cpu", str(folder / "out")).values()
    result: dict[str, Any] = found
    return result


def in_folder(function: Any, name: str, folder: Path) -> Any:
    places = {"probes_dir": folder / "probes"}
    if name == "run_k_sparse_probing_experiment":
        places["experiment_dir"] = folder / "sparse"
    else:
        places |= {"experiment_dir": folder / "absorbed", "sparse_probing_experiment_dir": folder / "sparse"}
    return lambda **rest: function(**{**rest, **places})


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_every_letter_of_an_sae_behind_another_has_the_numbers_of_saebench_s_run_of_it_alone(
    ours, places, model, tmp_path, number
):
    theirs = of_saebench(places[number], model, tmp_path)
    details = {detail["first_letter"]: detail for detail in theirs["eval_result_details"]}
    assert tuple(sorted(details)) == ours.letters
    assert len(ours.letters) >= PLAN.least_letters
    for measure, key in (
        ("absorption_fraction", "mean_absorption_fraction"),
        ("full_absorption_rate", "full_absorption_rate"),
        ("num_split_features", "num_split_features"),
    ):
        expected = {letter: float(detail[key]) for letter, detail in details.items()}
        assert ours.by_sae[number][measure] == pytest.approx(expected, abs=1e-6)
    assert sum(ours.by_sae[number]["absorption_fraction"].values()) > 0


@pytest.mark.slow
def test_a_second_run_in_one_process_has_the_same_numbers_whatever_was_drawn_between(ours, places, model):
    random.seed(99)
    torch.manual_seed(99)
    again = score_absorption(PLAN, model, HOOK, [read_sae(places[1])], read_words(PLAN, model), Silent())
    assert again.letters == ours.letters
    assert again.by_sae[0] == ours.by_sae[1]


def test_words_that_the_tokeniser_splits_otherwise_are_left_out_and_counted(model, tmp_path):
    listed = [word for word in read_words(PLAN, model).words if len(word) == 5]
    (tmp_path / "words.txt").write_text("\n".join([*listed, "qwxzzyxwq"]) + "\n")
    words = read_words(replace(PLAN, words=str(tmp_path / "words.txt"), seed=1), model)
    assert words.words == tuple(listed)
    assert words.left_out == 1


def test_at_most_so_many_words_are_drawn_as_many_of_each_letter(model):
    words = read_words(replace(PLAN, most_words=26 * 40), model)
    assert {len(words.of_letter(letter)) for letter in LETTERS} == {40}
    more = read_words(replace(PLAN, most_words=26 * 44), model)
    assert set(words.words) < set(more.words)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("apple\nb4\n", "words.txt:2:1: a line is one word"),
        ("apple\n\n", ":2:1: a line is one word"),
        ("", "too few for 10"),
    ],
)
def test_a_list_that_is_no_list_of_words_is_refused_at_its_line(model, tmp_path, lines, message):
    (tmp_path / "words.txt").write_text(lines)
    with pytest.raises(GatekitError, match=message):
        read_words(replace(PLAN, words=str(tmp_path / "words.txt")), model)


def test_a_list_that_is_not_there_is_refused(model, tmp_path):
    with pytest.raises(GatekitError, match="the words cannot be read: No such file"):
        read_words(replace(PLAN, words=str(tmp_path / "none.txt")), model)


def test_a_letter_without_words_is_named(model, tmp_path):
    listed = [word for word in read_words(PLAN, model).words if not word.strip().lower().startswith("x")]
    (tmp_path / "words.txt").write_text("\n".join(listed) + "\n")
    with pytest.raises(GatekitError, match="no word of the letter 'x' is drawn to train on; there are 0"):
        read_words(replace(PLAN, words=str(tmp_path / "words.txt")), model)


@pytest.mark.slow
def test_a_model_that_knows_too_few_letters_is_no_measurement(model, places):
    plan = replace(PLAN, least_probe_f1=0.999, least_letters=26)
    with pytest.raises(GatekitError, match=r"letters with an F1 over 0\.999, of 26 that absorption needs"):
        score_absorption(plan, model, HOOK, [read_sae(places[0])], read_words(plan, model), Silent())


def test_a_prompt_longer_than_the_model_s_positions_is_refused(model, places):
    with pytest.raises(GatekitError, match="tokens, letters has 40 positions"):
        score_absorption(PLAN, model, HOOK, [read_sae(places[0])], read_words(PLAN, model), Silent(), positions=40)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"template": "the first letter of {word}"}, "text behind it"),
        ({"template": "{word} and {other}:"}, "text behind it"),
        ({"most_latents": 500}, "a probe of 500 latents exceeds d_sae=160"),
    ],
)
def test_values_that_do_not_go_together_are_refused(changes, message):
    with pytest.raises(GatekitError, match=message):
        check_absorption(replace(PLAN, **changes), LATENTS)


@pytest.fixture
def shared_corpus(corpus, monkeypatch) -> Iterator[None]:
    from runners.arms import activations

    monkeypatch.setattr(activations, "read_corpus", lambda _: corpus)
    yield


@pytest.mark.slow
@pytest.mark.usefixtures("shared_corpus")
def test_a_run_writes_a_summary_that_the_gate_reads(folder, places, ours, tmp_path):
    text = f"""\
threads: 1
subject: {{model: {{source: folder, name: {folder}}}, hook: {HOOK}, max_tokens_per_text: 64}}
texts: {{source: sae-probes, seed: 0, held_out_tokens: 200}}
saes: {{seeds: {{0: {places[0]}, 1: {places[1]}}}}}
absorption: {{seed: 3, most_latents: 2, least_probe_f1: 0.3, least_letters: 12}}
"""
    assert run_stage(stage_of("saebench_absorption"), arguments(tmp_path, text)) == 0
    path = tmp_path / "out" / "saebench_absorption.json"
    assert read_summary(str(path)).status == "ok"
    measured = json.loads(path.read_text())["measurements"]
    for mean, of in MEANS.items():
        values = [sum(scores[of].values()) / len(scores[of]) for scores in ours.by_sae]
        assert measured[mean]["columns"]["candidate"] == pytest.approx(values)
    assert measured["absorption_fraction"]["columns"]["dataset"] == [*ours.letters] * 2
