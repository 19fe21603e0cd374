"""A run whose SAEs are trained in parts, from its command line to the verdict on its summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_stage import SAES, arguments

from gatekit.evidence.reading import read_summary
from runners.__main__ import main
from runners.saes.checkpoint import load_sae
from runners.saes.identity import sae_sha256
from runners.saes.in_parts.topk import TopKInParts

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("corpus_read_once")]

TINY = SAES.replace("architecture: topk, ", "architecture: topk_in_parts, parts: 2, ")
CONTROLS = "controls: {random_model_seed: 0, gaussian_draws: 2, matched_cosine: 0.7}\n"
POLICY = """\
schema: gatekit.policy/1
id: in-parts
gates:
  agreement: {from: random_model, measure: pw_mcc, at_least: LEAST}
"""


def run(folder: Path, text: str, least: str, cache: str = "cache", out: str = "out") -> int:
    (folder / "policy.yaml").write_text(POLICY.replace("LEAST", least))
    return main(["random_model", *arguments(folder, text + CONTROLS, out, cache, "--policy", f"{folder}/policy.yaml")])


def test_a_run_in_parts_is_judged_and_its_checkpoints_say_how_they_were_trained(tmp_path):
    assert run(tmp_path, TINY, "0.01") == 0
    summary = read_summary(str(tmp_path / "out" / "random_model.json"))
    assert (summary.status, summary.subject.architecture) == ("ok", "topk_in_parts")
    document = json.loads((tmp_path / "out" / "random_model.json").read_text())
    assert document["producer"]["config"]["sae"]["parts"] == 2
    assert "runners/saes/in_parts/summed.py" in {source["path"] for source in document["producer"]["sources"]}
    for seed in range(5):
        (path,) = (tmp_path / "cache" / "runs").rglob(f"model/seed_{seed}.safetensors")
        sae = load_sae(path)
        assert sae.architecture == TopKInParts(384, 48, 4, 16, parts=2)
        assert sae_sha256(sae) in json.dumps(document["subject"])


def test_a_run_in_parts_that_misses_its_gate_is_blocked(tmp_path):
    assert run(tmp_path, TINY, "0.99") == 2


def test_what_a_run_whole_has_stored_is_not_taken_for_a_run_in_parts(tmp_path):
    assert run(tmp_path, SAES, "0.01", out="whole") == 0
    trained = {path.parent.name for path in (tmp_path / "cache" / "saes").rglob("seed_*.safetensors")}
    assert run(tmp_path, TINY, "0.01", out="in-parts") == 0
    after = {path.parent.name for path in (tmp_path / "cache" / "saes").rglob("seed_*.safetensors")}
    # Five seeds on the model, and on the re-initialised one: one entry each on a processor.
    assert (len(trained), len(after)) == (10, 20)
    recorded = json.loads((tmp_path / "whole" / "random_model.json").read_text())["producer"]["config"]["sae"]
    assert "parts" not in recorded
