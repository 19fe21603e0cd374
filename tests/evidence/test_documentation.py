"""The examples of docs/evidence.md and docs/import.md are ones that gatekit accepts."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from acceptance.console_script import gatekit
from page_steps import follow, section

from gatekit.evidence import read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries

REPO = Path(__file__).parents[2]
SAEBENCH = REPO / "tests" / "data" / "saebench"


def examples(page: str, language: str, heading: str | None = None) -> list[str]:
    path = REPO / "docs" / page
    text = path.read_text(encoding="utf-8") if heading is None else section(path, heading)
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_example_summary_is_sound_and_passes_the_example_policy(tmp_path: Path) -> None:
    (summary,) = examples("evidence.md", "json", "## As JSON")
    (policy,) = examples("evidence.md", "yaml", "## As JSON")
    (console,) = examples("evidence.md", "console", "## As JSON")
    for path, text in (("evidence/agreement.json", summary), ("policies/agreement.yaml", policy)):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text(text, encoding="utf-8")
    read = read_summary(str(tmp_path / "evidence" / "agreement.json"))
    # 0.61, 0.63, 0.62 less 0.40, 0.41, 0.42.
    assert abs(read.measurements["pw_mcc_above_control"].estimate - 0.21) < 1e-12
    command, printed, judge = console.splitlines()
    assert gatekit(*command.split()[2:], cwd=tmp_path).stdout.splitlines() == [printed]
    assert gatekit(*judge.split()[2:], "--now", "2026-03-02T00:00:00Z", cwd=tmp_path).returncode == 0


def test_the_example_digest_is_over_the_canonical_bytes_of_the_configuration() -> None:
    (summary,) = examples("evidence.md", "json", "## As JSON")
    # Keys sorted, no white space, shortest numbers: written by hand.
    canonical = b'{"k":32,"learning_rate":0.0005,"steps":2000}'
    assert json.loads(summary)["producer"]["config_sha256"] == hashlib.sha256(canonical).hexdigest()


def test_a_reported_number_is_accepted_as_the_page_writes_it(tmp_path: Path) -> None:
    page = (REPO / "docs" / "evidence.md").read_text(encoding="utf-8")
    found = re.search(r'^    "auc": (\{.*?\}\})$', page, re.MULTILINE | re.DOTALL)
    assert found is not None
    document: Any = json.loads(examples("evidence.md", "json", "## As JSON")[0])
    document |= {"kind": "saebench", "measurements": {"auc": json.loads(found[1])}}
    document["subject"]["model"]["digest"] = None
    document["subject"]["checkpoints"] = []
    document["protocol"] |= {"ks": [5], "baseline": {"kind": "dense_probe", "subject": None}}
    (tmp_path / "a.json").write_text(json.dumps(document), encoding="utf-8")
    read = read_summary(str(tmp_path / "a.json"))
    assert read.measurements["auc"].estimate == 0.71
    assert not read.has_observations


def test_the_example_subject_and_data_sets_import_the_recorded_results_as_observations(tmp_path: Path) -> None:
    subject, datasets = examples("import.md", "json")
    (tmp_path / "subject.json").write_text(subject, encoding="utf-8")
    (tmp_path / "datasets.json").write_text(datasets, encoding="utf-8")
    for kind, k in (("core", None), ("sparse_probing", 5)):
        files = [f"{s}={SAEBENCH}/{kind}/tiny_topk_seed{s}_custom_sae_eval_results.json" for s in (11, 12, 13)]
        options = ImportOptions(
            subject=str(tmp_path / "subject.json"),
            k=k,
            datasets=None if k is None else str(tmp_path / "datasets.json"),
        )
        ((name, data),) = import_summaries("saebench", files, options).items()
        (tmp_path / name).write_bytes(data)
        read = read_summary(str(tmp_path / name))
        assert read.has_observations and read.protocol.seeds == (11, 12, 13)


WEIGHTS = ("minilm/model.safetensors", "saes/seed0.safetensors", "saes/seed1.safetensors", "saes/seed2.safetensors")


def test_the_page_on_evidence_can_be_followed_from_python_and_from_a_table(tmp_path: Path) -> None:
    for name in WEIGHTS:  # what a reader brings
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"weights of {name}\n", encoding="utf-8")
    page = REPO / "docs" / "evidence.md"
    follow(section(page, "## From Python"), tmp_path)
    follow(section(page, "## From a table"), tmp_path)
    (built,) = (tmp_path / "evidence" / "python").iterdir()
    (imported,) = (tmp_path / "evidence" / "table").iterdir()
    one, other = read_summary(str(built)), read_summary(str(imported))
    assert one.measurements["r2"] == other.measurements["r2"]
    assert (one.subject, one.protocol) == (other.subject, other.protocol)
    assert set(one.sources or ()) == {"measure.py", "subject.yaml"}
    assert set(other.sources or ()) == {"results.csv"}
