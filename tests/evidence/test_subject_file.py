"""subject.yaml: what people write becomes a summary's subject and protocol, and every fault has its place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gatekit.errors import GatekitError
from gatekit.evidence.schemas import check
from gatekit.evidence.subject_file import SubjectFacts, read_subject_file, subject_facts

A, B = "a" * 64, "b" * 64
BASE = f"""\
model: {{name: tiny, digest: {A}}}
hook: blocks.1.hook_resid_post
d_model: 32
architecture: topk
d_sae: 64
"""
WHOLE = f"""\
schema: gatekit.subject/1
{BASE}k: 8
checkpoints:
  - {{seed: 1, file: saes/1.bin}}
  - {{seed: 0, sha256: {B}}}
protocol:
  name: lab/2
  rows: 100
  ks: [1, 5]
  datasets:
    - {{name: prompts, file: prompts.txt, rows: 12}}
  baseline:
    kind: untrained
    subject:
      model: {{name: tiny, digest: {A}}}
      hook: blocks.1.hook_resid_post
      d_model: 32
      architecture: topk
      d_sae: 64
      k: 8
      checkpoints: [{{seed: 0, sha256: {"c" * 64}}}]
  selection: {{candidates: 3, seeds: [7]}}
  settings: {{cutoff: 0.5, formula: mean}}
sources: [measure.py]
started: "2026-03-01T10:00:00Z"
finished: "2026-03-01T11:30:00Z"
"""


def read(folder: Path, text: str, name: str = "subject.yaml") -> SubjectFacts:
    (folder / "saes").mkdir(exist_ok=True)
    (folder / "saes" / "1.bin").write_bytes(b"weights")
    (folder / "prompts.txt").write_bytes(b"texts")
    (folder / name).write_text(text)
    return read_subject_file(folder / name)


def refused(folder: Path, text: str, name: str = "subject.yaml") -> str:
    with pytest.raises(GatekitError) as caught:
        read(folder, text, name)
    return str(caught.value).replace(f"{folder}/", "")


def test_files_become_digests_and_everything_takes_a_summarys_form(tmp_path: Path) -> None:
    facts = read(tmp_path, WHOLE)
    assert facts.missing == ()
    assert facts.subject["checkpoints"] == [
        {"seed": 0, "sha256": B},
        {"seed": 1, "sha256": hashlib.sha256(b"weights").hexdigest()},
    ]
    assert facts.protocol["datasets"] == [
        {"name": "prompts", "sha256": hashlib.sha256(b"texts").hexdigest(), "rows": 12}
    ]
    assert facts.protocol["baseline"]["subject"]["checkpoints"] == [{"seed": 0, "sha256": "c" * 64}]
    assert facts.protocol["selection"] == {"candidates": 3, "seeds": [7]}
    assert facts.protocol["settings"] == {"cutoff": 0.5, "formula": "mean"}
    assert facts.sources == (str(tmp_path / "measure.py"),)
    assert (facts.started, facts.finished) == ("2026-03-01T10:00:00Z", "2026-03-01T11:30:00Z")


def test_a_models_folder_is_digested_as_the_runners_do(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    for name in ("b.safetensors", "a.safetensors", "config.json"):
        (tmp_path / "m" / name).write_text(name)
    names = ("a.safetensors", "b.safetensors", "config.json")
    lines = "".join(f"{name} {hashlib.sha256(name.encode()).hexdigest()}\n" for name in names)
    facts = read(tmp_path, BASE.replace(f"digest: {A}", "folder: m"))
    assert facts.subject["model"] == {"name": "tiny", "digest": hashlib.sha256(lines.encode()).hexdigest()}
    said = refused(tmp_path, BASE.replace(f"digest: {A}", "folder: saes"))
    assert said.startswith("saes: there are no safetensors weights in this folder")


def test_keywords_and_json_say_the_same_as_yaml(tmp_path: Path) -> None:
    facts = read(tmp_path, WHOLE)
    value: dict[str, Any] = YAML(typ="safe").load(WHOLE)
    assert subject_facts(value, tmp_path) == facts
    assert read(tmp_path, json.dumps(value), "subject.json") == facts
    by_seed = {**value, "checkpoints": {1: "saes/1.bin", "0": B}}
    assert subject_facts(by_seed, tmp_path) == facts


def test_what_is_left_out_is_listed_and_k_is_none_where_there_is_none(tmp_path: Path) -> None:
    facts = read(
        tmp_path, "model: tiny\nhook: h\nprotocol: {baseline: {subject: {d_model: 3}}, datasets: [{name: x}]}\n"
    )
    assert facts.missing == (
        "subject.d_model",
        "subject.architecture",
        "subject.d_sae",
        "subject.checkpoints",
        "subject.model.digest",
        "the dataset 'x' has no sha256",
        "the dataset 'x' has no rows",
        *(f"protocol.baseline.subject.{part}" for part in ("model", "hook", "architecture", "d_sae", "checkpoints")),
        "protocol.baseline.kind",
    )
    assert facts.subject["k"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASE + "hok: x\n", "subject.yaml:6:1: hok: unknown key 'hok'; did you mean 'hook'?"),
        (BASE.replace("d_model: 32", "d_model: wide"), "subject.yaml:3:1: d_model: "),
        (BASE.replace("d_model: 32", "d_model: 0"), "subject.yaml:3:1: d_model: "),
        (BASE.replace("topk", "Top K"), "subject.yaml:4:1: architecture: "),
        (BASE.replace(A, "abc"), "subject.yaml:1:21: model.digest: "),
        (BASE.replace(f"digest: {A}", "weights: x"), "subject.yaml:1:21: model.weights: unknown key 'weights'"),
        (BASE.replace(f"digest: {A}", f"digest: {A}, folder: saes"), "subject.yaml:1:95: model.folder: give digest or"),
        (BASE + "checkpoints: 5\n", "subject.yaml:6:1: checkpoints: checkpoints is neither"),
        (
            BASE + "checkpoints: [{seed: 0}]\n",
            "subject.yaml:6:15: checkpoints.0: a checkpoint has a seed",
        ),
        (
            BASE + "checkpoints: [{seed: -1, file: saes/1.bin}]\n",
            "subject.yaml:6:15: checkpoints.0: '-1' is",
        ),
        (BASE + "checkpoints: [{seed: 0, file: saes/2.bin}]\n", "subject.yaml:6:15: checkpoints.0: there is no file "),
        (
            BASE + f"checkpoints: [{{seed: 0, sha256: {A}}}, {{seed: 1, sha256: {A}}}]\n",
            "subject.yaml:6:1: checkpoints: seeds 0 and 1 are the same checkpoint",
        ),
        (
            BASE + f"checkpoints: [{{seed: 0, sha256: {A}}}, {{seed: 0, sha256: {B}}}]\n",
            "subject.yaml:6:100: checkpoints.1: seed 0 is there twice",
        ),
        (BASE + "protocol: {row: 5}\n", "subject.yaml:6:12: protocol.row: unknown key 'row'; did you mean 'rows'?"),
        (BASE + "protocol: {rows: -5}\n", "subject.yaml:6:12: protocol.rows: "),
        (BASE + "protocol: {baseline: {kind: nothing}}\n", "subject.yaml:6:23: protocol.baseline.kind: "),
        (
            BASE + "protocol: {datasets: [{name: x}, {name: x}]}\n",
            "subject.yaml:6:35: protocol.datasets.1.name",
        ),
        (BASE + "sources: measure.py\n", "subject.yaml:6:1: sources: sources is not a list of paths"),
        (BASE + "finished: today\n", "subject.yaml:6:1: finished: "),
        (BASE + "finished: 2026-03-01T11:30:00Z\n", "subject.yaml:6:11: YAML readers disagree on what"),
        (BASE + "schema: gatekit.policy/1\n", "subject.yaml:6:1: schema: the schema is not gatekit.subject/1"),
        ("[1, 2]\n", "subject.yaml:1:1: this is not a mapping of schema, model"),
        (BASE + "k: NULL\n", "subject.yaml:6:4: NULL is no value; leave the key out"),
        (BASE + "protocol: {ks: [null]}\n", "subject.yaml:6:17: protocol.ks.0: "),
        (BASE + "hook: x\n", "subject.yaml:6:1: the key 'hook' occurs twice"),
    ],
)
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    got = refused(tmp_path, text)
    assert got.startswith(said)
    assert "\n" not in got


def test_a_fault_of_a_json_file_has_a_pointer(tmp_path: Path) -> None:
    assert refused(tmp_path, '{"protocol": {"rows": "5"}}', "s.json").startswith(
        "s.json#/protocol/rows: protocol.rows: "
    )


def test_the_published_schema_accepts_what_is_read_and_asks_for_what_a_summary_needs() -> None:
    value: dict[str, Any] = YAML(typ="safe").load(WHOLE)
    check("subject", value, "subject.yaml")
    check("subject", {**value, "model": "tiny", "protocol": {"baseline": "none"}}, "subject.yaml")
    for change in ({"hok": 1}, {"d_model": "wide"}, {"checkpoints": [{"seed": 0}]}, {"protocol": {"row": 1}}):
        with pytest.raises(GatekitError):
            check("subject", {**value, **change}, "subject.yaml")
    with pytest.raises(GatekitError, match='"hook" is a required property'):
        check("subject", {key: part for key, part in value.items() if key != "hook"}, "subject.yaml")
