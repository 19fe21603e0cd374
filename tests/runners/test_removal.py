"""SCR and TPP on one's own texts are SAEBench's numbers on the same texts, drawn, probed and ablated alike."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hooked_model import hooked
from tiny_models import D_MODEL

from gatekit.errors import GatekitError
from runners.benchmarks.removal import MEASURES, RemovalScores, read_removal, score_removal
from runners.benchmarks.removal_plan import RemovalPlan, check_removal
from runners.progress import Silent
from runners.saes.formats.any_format import read_sae
from runners.saes.sae import Sae
from runners.subjects.attributed_plan import AttributedTextsPlan
from runners.subjects.attributed_texts import read_attributed
from runners.subjects.text_corpus import sae_probes_folder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sae_lens

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK, WIDTH, LATENTS, TOKENS = "blocks.0.hook_resid_post", 48, 5, 64
PROFESSIONS = {
    "0": "keeps the books of a firm",
    "1": "draws houses and bridges",
    "2": "defends people in court",
    "6": "cures teeth all day",
    "9": "makes films about trees",
    "13": "looks after the sick at night",
    "21": "teaches physics to students",
}
TRAIN_ROWS, TEST_ROWS = 64, 60
Row = dict[str, Any]


def bios(count: int, seed: int) -> list[Row]:
    """Rows as bias_in_bios has them: a text, a profession's number and a gender's number."""
    draw = random.Random(seed)
    words = ["often", "quietly", "again", "today", "abroad", "alone", "together", "slowly", "early", "late"]
    rows = []
    for number in range(count):
        profession = draw.choice(sorted(PROFESSIONS))
        gender = draw.choice((0, 1))
        who = ("he and his brother", "she and her sister")[gender]
        # One text in five says nothing of the profession, so that probes are not perfect.
        does = PROFESSIONS[profession] if draw.random() < 0.8 else "lives by the sea"
        text = f"{draw.choice(words)} {who} {draw.choice(words)} {does} {draw.choice(words)} {number} {seed}"
        rows.append({"hard_text": text, "profession": int(profession), "gender": gender})
    return rows


TRAIN, TEST = bios(900, 1), bios(700, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("bios")
    for name, rows in (("train", TRAIN), ("test", TEST)):
        (made / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


@pytest.fixture(scope="module")
def dataset(folder) -> AttributedTextsPlan:
    return AttributedTextsPlan(
        name="bios",
        source="file",
        path=str(folder / "train.jsonl"),
        test_path=str(folder / "test.jsonl"),
        text="hard_text",
        attribute="profession",
        other="gender",
        pairs=(("21", "13"), ("1", "2")),
        other_values=("0", "1"),
        classes=("0", "1", "2", "6", "9"),
    )


@pytest.fixture(scope="module")
def plan(dataset) -> RemovalPlan:
    return RemovalPlan((dataset,), LATENTS, TRAIN_ROWS, TEST_ROWS, TOKENS, seed=42)


@pytest.fixture(scope="module")
def places(folder) -> tuple[Path, ...]:
    """Two SAEs in SAELens's format whose latents are active on zeros too."""
    found = []
    for seed in (0, 1):
        draw = torch.Generator().manual_seed(seed)
        rows = torch.nn.functional.normalize(torch.randn(WIDTH, D_MODEL, generator=draw), dim=-1)
        metadata = sae_lens.saes.sae.SAEMetadata(model_name="tiny-gpt2", hook_name=HOOK, hook_layer=0)
        sae = sae_lens.StandardSAE(sae_lens.StandardSAEConfig(d_in=D_MODEL, d_sae=WIDTH, metadata=metadata))
        bias = 0.02 * torch.randn(WIDTH, generator=draw)
        sae.load_state_dict({"W_enc": rows.T.clone(), "b_enc": bias, "W_dec": rows, "b_dec": torch.zeros(D_MODEL)})
        sae.save_model(folder / f"sae_{seed}")
        found.append(folder / f"sae_{seed}")
    return tuple(found)


@pytest.fixture(scope="module")
def saes(places) -> list[Sae]:
    return [read_sae(place) for place in places]


Scoring = Callable[..., list[RemovalScores]]


@pytest.fixture(scope="module")
def score(tiny_loaded, saes) -> Scoring:
    def scoring(plan: RemovalPlan, kind: Any, chosen: list[Sae] | None = None) -> list[RemovalScores]:
        texts = read_removal(plan, kind, sae_probes_folder())
        return score_removal(plan, kind, tiny_loaded["gpt2"], HOOK, chosen or saes, texts, Silent())

    return scoring


def of_saebench(kind: str, place: Path, tiny: Any, tokenizer: Any, folder: Path) -> dict[str, Any]:
    """SAEBench's own evaluation of one SAE from beginning to end; what it would fetch by name is handed to it."""
    from sae_bench.evals.scr_and_tpp import dataset_creation
    from sae_bench.evals.scr_and_tpp import main as upstream
    from sae_bench.evals.scr_and_tpp.eval_config import ScrAndTppEvalConfig
    from sae_bench.sae_bench_utils import dataset_utils, general_utils

    name = "LabHC/bias_in_bios_class_set1"
    config = ScrAndTppEvalConfig(
        dataset_names=[name],
        perform_scr=kind == "scr",
        train_set_size=TRAIN_ROWS,
        test_set_size=TEST_ROWS,
        context_length=TOKENS,
        n_values=[LATENTS],
        llm_batch_size=16,
        llm_dtype="float32",
        model_name="tiny-gpt2",
        column1_vals_lookup={name: [("professor", "nurse"), ("architect", "attorney")]},
    )
    sae = sae_lens.SAE.load_from_disk(place)
    general_utils._standardize_sae_cfg(sae.cfg)
    with pytest.MonkeyPatch.context() as patch:
        for module in (dataset_creation, dataset_utils):
            patch.setattr(module, "load_dataset", lambda *_, **__: {"train": TRAIN, "test": TEST})
        # In the test the attorney is number 2, as in bias_in_bios.
        found, _ = upstream.run_eval_single_sae(
            config, sae, hooked("gpt2", tiny.folder, tokenizer), "cpu", str(folder), save_activations=False
        )
    torch.set_grad_enabled(True)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["scr", "tpp"])
def test_every_score_is_that_of_saebench_s_own_evaluation(
    kind, plan, score, places, tiny_models, tiny_loaded, tmp_path
):
    ours, moved = score(plan, kind), list[float]()
    for at, place in enumerate(places):
        theirs = of_saebench(kind, place, tiny_models["gpt2"], tiny_loaded["gpt2"].tokenizer, tmp_path / f"{kind}-{at}")
        pairs = ("scr_professor_nurse", "scr_architect_attorney") if kind == "scr" else ("tpp",)
        for each, pair in zip(ours, pairs, strict=True):
            expected = theirs[f"LabHC/bias_in_bios_class_set1_{pair}_results"]
            named = {measure: metric.format(LATENTS) for measure, metric in MEASURES[kind].items()}
            assert each.by_sae[at] == pytest.approx(
                {measure: expected[name] for measure, name in named.items() if name in expected}
            )
            moved += [value for value in each.by_sae[at].values() if abs(value) > 0.01]
    assert moved


@pytest.mark.slow
def test_padding_counts_as_saebench_has_it_and_does_not_where_it_is_ignored(plan, score):
    longer = replace(plan, max_tokens=TOKENS + 16)
    ignored, still_ignored = (score(replace(each, padding="ignored"), "tpp") for each in (plan, longer))
    # No text is longer than the shorter limit: the longer one adds padding and nothing else.
    assert [each.by_sae for each in ignored] == [each.by_sae for each in still_ignored]
    assert score(plan, "tpp")[0].accuracies != score(longer, "tpp")[0].accuracies


@pytest.mark.slow
def test_an_sae_scores_the_same_alone_and_behind_another(plan, score, saes):
    together = score(plan, "scr")
    alone = score(plan, "scr", saes[1:])
    assert [each.by_sae[1] for each in together] == [each.by_sae[0] for each in alone]


def test_a_text_stands_on_one_side_and_with_one_value(folder, dataset, tmp_path):
    shared, twofold, own = (
        {"hard_text": text, "profession": 1, "gender": 0} for text in ("both sides", "two values", "mine")
    )
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (shared, shared, twofold)))
    other = {**twofold, "profession": 2}
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (shared, other, own)))
    plan = replace(dataset, path=str(tmp_path / "train.jsonl"), test_path=str(tmp_path / "test.jsonl"))
    texts = read_attributed(plan, 0, sae_probes_folder())
    assert [row.text for row in texts.train] == ["both sides"]
    assert [row.text for row in texts.test] == ["mine"]


def test_two_datasets_of_sae_probes_give_texts_with_two_attributes(dataset):
    plan = AttributedTextsPlan(
        "people",
        "sae-probes",
        attribute="7_hist_fig_ispolitician",
        other="5_hist_fig_ismale",
        test_fraction=0.4,
    )
    texts = read_attributed(plan, 0, sae_probes_folder())
    assert {(row.value, row.other) for row in texts.train} == {("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")}
    assert not {row.text for row in texts.train} & {row.text for row in texts.test}
    share = len(texts.test) / (len(texts.train) + len(texts.test))
    assert 0.3 < share < 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": None}, "'path' says where"),
        ({"path": "bios.txt"}, "a file ends with .jsonl"),
        ({"test_path": None}, "say which texts are tested on"),
        ({"split": "side"}, "say which texts are tested on"),
        ({"revision": "abc"}, "the hub needs 'revision'"),
        ({"source": "hub", "path": "a/b", "test_path": None}, "the hub needs 'revision'"),
        ({"attribute": None}, "names the column of the attribute"),
        ({"other": None}, "SCR needs a column of the other attribute"),
        ({"pairs": None}, "SCR needs 'pairs'"),
        ({"pairs": (("21", "21"),)}, "two different values"),
        ({"other_values": ("0",)}, "two different ones"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(plan, dataset, changes, message):
    faulty = replace(plan, datasets=(replace(dataset, **changes),))
    with pytest.raises(GatekitError, match=message):
        check_removal(faulty, "scr", WIDTH)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "missing.jsonl"}, "missing.jsonl: the file cannot be read"),
        ({"attribute": "occupation"}, "train.jsonl:1:1: no column 'occupation'"),
        ({"pairs": (("21", "pilot"),)}, "'bios' has 0 texts of pilot and 0 to train on, of 16"),
        (
            {"source": "hub", "path": "nobody/nothing", "test_path": None, "revision": "0" * 40},
            "'nobody/nothing' cannot be fetched",
        ),
    ],
)
def test_a_dataset_that_cannot_be_had_is_one_line(plan, dataset, changes, message):
    faulty = replace(plan, datasets=(replace(dataset, **changes),))
    with pytest.raises(GatekitError) as caught:
        read_removal(faulty, "scr", sae_probes_folder())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_few_texts_of_a_class_are_told_with_how_many_there_are(plan, dataset):
    faulty = replace(plan, datasets=(replace(dataset, classes=("0", "1", "77")),))
    with pytest.raises(GatekitError, match="'bios' has 0 texts of 77 and 0 to train on, of 16"):
        read_removal(faulty, "tpp", sae_probes_folder())
