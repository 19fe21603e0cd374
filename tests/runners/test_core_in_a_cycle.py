"""A cycle measures a model that predicts: cross entropy, and how much of it SAEs recover, are part of its evidence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runners.subjects.causal_model_training import CausalRecipe, train_causal_model, write_causal_model
from runners.subjects.text_corpus import Corpus, shuffled

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.runners, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

RECIPE = CausalRecipe(d_model=32, layers=2, heads=2, vocabulary=512, context=32, batch=16, steps=260)
PLAN = """\
schema: gatekit.cycle/1
id: core
description: The stage of cycle-4-small whose model predicts, smaller
seeds: {full: [0, 1]}
stages:
  causal:
    run: saebench
    config: runners/configs/cycle_4_small/causal.yaml
    set: {subject.model.name: MODEL, subject.d_model: 32, sae.d_sae: 64, sae.auxiliary_k: 16, training.steps: 20,
      subject.max_tokens_per_text: 32, core.context: 32, core.batches: 1, probing.max_tokens: 32, probing.rows: 60}
"""


def test_loss_recovered_and_cross_entropy_are_evidence_of_a_cycle(corpus: Corpus, tmp_path: Path) -> None:
    texts = [text.text for text in shuffled(corpus, 0)[:3000]]
    write_causal_model(train_causal_model(RECIPE, texts, "cpu"), RECIPE, "cpu", tmp_path / "model")
    plan = tmp_path / "core.yaml"
    plan.write_text(PLAN.replace("MODEL", str(tmp_path / "model")), encoding="utf-8")
    folders = ["--runs", str(tmp_path / "runs"), "--cache", str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "gatekit", "cycle", "run", str(plan), *folders],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr  # all is measured, and nothing judged
    (path,) = (tmp_path / "runs/core/evidence").rglob("saebench.json")
    summary = json.loads(path.read_text())
    assert summary["protocol"]["settings"]["core"].startswith("SAEBench's own functions")
    recovered = summary["measurements"]["ce_loss_score"]["columns"]["candidate"]
    files = sorted((tmp_path / "cache/runs/saebench").rglob("core_seed_*.json"))
    assert len(recovered) == len(files) == 2
    for score, file in zip(recovered, files, strict=True):
        found = json.loads(file.read_text())["eval_result_metrics"]["model_performance_preservation"]
        kept, lost, zero = (found[f"ce_loss_{name}"] for name in ("without_sae", "with_sae", "with_ablation"))
        assert 0 < kept < lost < zero
        # SAEBench's definition: the part of what ablation costs that the SAE gives back.
        assert score == pytest.approx((zero - lost) / (zero - kept), abs=1e-5)
