"""What a reader of each documentation page has before the first command: a checkout, or a lab's own files."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import builders
import repositories
from acceptance.console_script import gatekit
from evidence.adapters import test_cebench, test_inspect, test_lm_eval
from github.test_doctor import CLOSED
from pull_request import change
from reading_pages import ROOT, code_blocks

DATA = ROOT / "tests" / "data"
CHECKOUT = (
    *("README.md", "claims.yaml", "cycles", "docs", "evidence", "examples", "policies", "pyproject.toml", "runners"),
    *("schemas",),
)
HUSAI = {
    "results/ood/ood_stress_summary.json": "cycle4_followups_run_20260215T190004Z/ood/ood_stress_summary.json",
    "results/selector/selected_candidate.json": (
        "cycle4_followups_run_20260215T190004Z/selector/selected_candidate.json"
    ),
    "results/frontier/results.json": "cycle3_queue_final/frontier_multiseed_results_run_20260214T202538Z.json",
}
LASTING = change.POLICY.replace(", max_age: 30d", "")
"""A policy for which evidence never grows too old."""
SMALL_RELEASE = """\
schema: gatekit.policy/1
id: release
gates:
  health: {from: random_model, measure: r2, at_least: 0.5}
selection:
  eligibility: [health]
  scores: [{from: random_model, measure: r2, worst: 0.5, best: 1.0}]
  pareto: [{from: random_model, measure: r2}, {from: random_model, measure: l0}]
"""


def checkout(folder: Path) -> None:
    """This repository, as a clone of one commit."""
    for part in CHECKOUT:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(ROOT / part, folder / part)
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "begin")):
        subprocess.run(["git", *words], cwd=folder, env=repositories.ENVIRONMENT, check=True)


def minilm(folder: Path) -> None:
    """The release policy, and the evidence about two candidates that is committed here."""
    shutil.copytree(ROOT / "evidence" / "minilm", folder / "evidence" / "minilm")
    copy(ROOT / "policies" / "exploratory.yaml", folder / "policies" / "exploratory.yaml")


def selected(folder: Path) -> None:
    """Two candidates after `gatekit select`: small ones, because a dossier draws everything that is judged."""
    write(folder / "policies" / "exploratory.yaml", SMALL_RELEASE)
    for name, r2 in (("topk", 0.8), ("batch_topk", 0.7)):
        checkpoints = [{"seed": seed, "sha256": builders.digest(f"{name} {seed}")} for seed in builders.SEEDS]
        values = {"r2": builders.around(r2, 0.01, 5), "l0": [32.0] * 5}
        of = builders.subject(checkpoints=checkpoints)
        builders.write(
            folder / "evidence" / "minilm" / name, {"one.json": builders.summary("random_model", values, of=of)}
        )
    arguments = ("--policy", "policies/exploratory.yaml", "--out", "selection", "--now", "2026-11-28T12:00:00Z")
    assert gatekit("select", "evidence/minilm", *arguments, cwd=folder).returncode == 0


def two_branches(folder: Path) -> None:
    """A repository of three claims, whose branch changes none of them."""
    builder = repositories.Builder(folder)
    base = builder.commit("main", {**change.BASE, "policies/demo.yaml": LASTING})
    builder.commit("my-branch", {"notes.md": "More.\n"}, parents=[base])
    builder.save()


def exported_settings(folder: Path) -> None:
    """The settings of a repository that is set up as docs/github.md says, as `gh api` saves them."""
    for name, source in {
        **{name: name for name in ("rules", "ruleset", "environments", "groups", "runners", "permissions", "forks")},
        **{"measure": "policies", "sign": "policies", "token": "workflow"},
    }.items():
        write(folder / "settings" / f"{name}.json", json.dumps(CLOSED[f"{source}.json"]))
    shutil.copytree(ROOT / ".github" / "workflows", folder / ".github" / "workflows")
    write(folder / ".github" / "CODEOWNERS", CLOSED["CODEOWNERS"])


def saebench(folder: Path) -> None:
    """Recorded results of SAEBench, with the subject and the data sets that the page shows."""
    subject, datasets = (block.text for block in code_blocks(ROOT / "docs/import.md") if block.language == "json")
    write(folder / "subject.json", subject)
    write(folder / "datasets.json", datasets)
    write(folder / "configs/sae.yaml", "k: 8\n")
    for seed in (11, 12, 13):
        name = f"tiny_topk_seed{seed}_custom_sae_eval_results.json"
        for kind, page in (("core", "core"), ("sparse_probing", "probing")):
            copy(DATA / "saebench" / kind / name, folder / "results" / page / f"seed{seed}.json")


def husai(folder: Path) -> None:
    """Recorded results of HUSAI."""
    for path, recorded in HUSAI.items():
        copy(DATA / "husai" / recorded, folder / path)


def cebench(folder: Path) -> None:
    """What CE-Bench wrote of two seeds."""
    for seed in (0, 1):
        path = folder / "interpretability_eval" / "lab" / f"seed{seed}" / "results.json"
        write(path, json.dumps(test_cebench.result(seed)))
    write(folder / "subject.json", subject_json("google/gemma-2-2b", test_cebench.HOOK, 64, 1024, 16))


def downstream(folder: Path) -> None:
    """Results and samples of lm-evaluation-harness, and logs of Inspect: of the model alone and of two seeds."""
    write(folder / "subject.json", subject_json("gpt2", "blocks.6.hook_resid_pre", 768, 4096, 32))
    of = {"original": test_lm_eval.ORIGINAL, "seed0": test_lm_eval.RIGHT[0], "seed1": test_lm_eval.RIGHT[1]}
    for place, (name, right) in enumerate(of.items()):
        moment = f"2026-11-26T20-{place}0-00"
        lines = [test_lm_eval.sample(row, answer) for row, answer in enumerate(right)]
        result = test_lm_eval.result(right)
        write(folder / name / f"results_{moment}.json", json.dumps({**result, "date": result["date"] + place}))
        samples = folder / name / f"samples_arc_easy_{moment}.jsonl"
        write(samples, "".join(json.dumps(line) + "\n" for line in lines))
    answers = {"original": test_inspect.ORIGINAL, "seed0": test_inspect.ANSWERS[0], "seed1": test_inspect.ANSWERS[1]}
    for place, (name, given) in enumerate(answers.items()):
        log = test_inspect.log(given, place)
        with zipfile.ZipFile(folder / f"{name}.eval", "w") as archive:
            archive.writestr("header.json", json.dumps({k: v for k, v in log.items() if k != "samples"}))
            for sample in log["samples"]:
                archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))


def evidence_to_sign(folder: Path) -> None:
    """A policy that asks for a signature, and evidence that has none."""
    policy = LASTING.split("  ood:")[0].replace("id: demo\n", "id: demo\nsigned_by: {roles: [measure]}\n")
    write(folder / "policies" / "demo.yaml", policy)
    builders.write(folder / "evidence", {"random_model.json": builders.release_evidence()["random_model.json"]})


def trust(folder: Path, printed: str) -> None:
    """Put the entry that `attest --new-key` printed into trust/keys.yaml, as the page's `$EDITOR` would."""
    write(folder / "trust" / "keys.yaml", f"schema: gatekit.keys/1\nkeys:\n{printed}")


def subject_json(model: str, hook: str, d_model: int, d_sae: int, k: int) -> str:
    """The subject of two seeds' SAEs."""
    return json.dumps(
        {
            "model": {"name": model, "digest": "a" * 64},
            "hook": hook,
            "d_model": d_model,
            "architecture": "topk",
            "d_sae": d_sae,
            "k": k,
            "checkpoints": [{"seed": seed, "sha256": f"{seed + 1:064x}"} for seed in (0, 1)],
        }
    )


def copy(source: Path, target: Path) -> None:
    """Copy a file into a folder that may not be there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def write(path: Path, text: str) -> None:
    """Write a file into a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
