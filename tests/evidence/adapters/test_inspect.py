"""Inspect's JSON logs as evidence of downstream scores."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries

SEEDS = (0, 1, 2)
# Inspect's letters for four samples: of the model itself, and of each seed's SAE in it.
ORIGINAL = "CCCI"
ANSWERS = {0: "CCII", 1: "CCCC", 2: "CPIN"}
VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}


def log(answers: str, moment: int, **changes: Any) -> dict[str, Any]:
    """A log of one task as Inspect 0.3 writes it, without messages and events."""
    score = sum(VALUES[answer] for answer in answers) / len(answers)
    samples = [
        {
            "id": index + 1,
            "epoch": 1,
            "input": f"question {index}",
            "target": "Yes",
            "scores": {"match": {"value": answer, "answer": "Yes", "explanation": "Yes"}},
            "metadata": {"confidence": 0.9},
        }
        for index, answer in enumerate(answers)
    ]
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": f"eval{moment}",
            "run_id": f"run{moment}",
            "created": "2025-05-12T20:28:13-04:00",
            "task": "inspect_evals/popularity",
            "task_id": f"task{moment}",
            "task_version": 0,
            "task_args": {},
            "dataset": {"name": "popularity", "location": "/home/someone/x.json", "samples": 100, "shuffled": False},
            "model": "hf/gpt2",
            "model_args": {"device": "cpu", "sae_path": f"/home/someone/{moment}"},
            "config": {"limit": 4, "epochs": 1, "epochs_reducer": ["mean"], "log_samples": True, "max_samples": moment},
            "packages": {"inspect_ai": "0.3.95"},
            "scorers": [{"name": "match", "options": {}, "metrics": [{"name": "inspect_ai/accuracy"}]}],
        },
        "plan": {
            "name": "plan",
            "steps": [{"solver": "generate", "params": {}}],
            "config": {"temperature": 0.0},
        },
        "results": {
            "total_samples": len(answers),
            "completed_samples": len(answers),
            "scores": [
                {
                    "name": "match",
                    "scorer": "match",
                    "params": {},
                    "metrics": {
                        "accuracy": {"name": "accuracy", "value": score, "params": {}},
                        "stderr": {"name": "stderr", "value": 0.1, "params": {}},
                    },
                }
            ],
        },
        "stats": {
            "started_at": "2025-05-12T20:28:13-04:00",
            "completed_at": f"2025-05-12T20:29:{moment:02d}-04:00",
            "model_usage": {},
        },
        "samples": samples,
        **changes,
    }


WITHOUT_SAMPLES = {"score", "score_delta", "mean_score", "mean_score_delta"}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subject = {
        "model": {"name": "gpt2", "digest": "a" * 64},
        "hook": "blocks.6.hook_resid_pre",
        "d_model": 768,
        "architecture": "topk",
        "d_sae": 4096,
        "k": 32,
        "checkpoints": [{"seed": seed, "sha256": f"{seed + 1:064x}"} for seed in SEEDS],
    }
    (tmp_path / "subject.json").write_text(json.dumps(subject))
    return tmp_path


def all_logs() -> dict[int | None, dict[str, Any]]:
    return {None: log(ORIGINAL, 10), **{seed: log(ANSWERS[seed], seed) for seed in SEEDS}}


def written(logs: dict[int | None, dict[str, Any]], stem: str = "log") -> list[str]:
    names = []
    for seed, value in logs.items():
        path = f"{stem}_{'model' if seed is None else seed}.json"
        Path(path).write_text(json.dumps(value))
        names.append(path if seed is None else f"{seed}={path}")
    return names


def imported(names: list[str], **options: Any) -> Summary:
    given = {"subject": "subject.json", **options}
    ((name, data),) = import_summaries("inspect", names, ImportOptions(**given)).items()
    Path(name).write_bytes(data)
    return read_summary(name)


def refusal(names: list[str], **options: Any) -> GatekitError:
    with pytest.raises(GatekitError) as refused:
        imported(names, **options)
    return refused.value


def test_scores_and_samples_of_each_seed_stand_beside_those_of_the_model_alone(lab: Path) -> None:
    summary = imported(written(all_logs()))
    assert summary.kind == "downstream_score"
    delta = summary.measurements["score_delta"]
    assert delta.keys == ((0, "popularity"), (1, "popularity"), (2, "popularity"))
    assert delta.candidate == (0.5, 1.0, 0.375)
    assert delta.baseline == (0.75, 0.75, 0.75)
    samples = summary.measurements["sample_score_delta"]
    assert samples.keys == tuple((seed, row) for seed in SEEDS for row in range(4))
    assert samples.candidate == tuple(VALUES[answer] for seed in SEEDS for answer in ANSWERS[seed])
    assert samples.baseline == tuple(VALUES[answer] for _ in SEEDS for answer in ORIGINAL)


def test_what_was_run_stands_in_the_protocol_and_no_folder_does(lab: Path) -> None:
    (data,) = import_summaries("inspect", written(all_logs()), ImportOptions(subject="subject.json")).values()
    document = json.loads(data)
    settings = document["protocol"]["settings"]
    assert (settings["limit"], settings["generate_temperature"], settings["metric"]) == (4, 0.0, "accuracy")
    assert document["producer"]["packages"] == {"inspect-ai": "0.3.95"}
    # 20:29:10 at -04:00
    assert document["producer"]["finished"] == "2025-05-13T00:29:10Z"
    assert b"/home/" not in data


def test_a_log_without_samples_has_the_scores_alone(lab: Path) -> None:
    logs = all_logs()
    for value in logs.values():
        del value["samples"]
    assert set(imported(written(logs)).measurements) == WITHOUT_SAMPLES


@pytest.mark.parametrize("changed", [{"samples": 101}, {"shuffled": True}, {"sample_ids": [4, 5, 6, 7]}])
def test_logs_without_samples_that_asked_others_are_not_mixed(lab: Path, changed: dict[str, Any]) -> None:
    logs = all_logs()
    for value in logs.values():
        del value["samples"]
    logs[2]["eval"]["dataset"].update(changed)
    error = refusal(written(logs))
    assert error.error_id == "adapter.mixed"
    assert f"dataset_{next(iter(changed))} of 'popularity' differ" in error.message


def test_several_tasks_of_a_seed_are_put_together(lab: Path) -> None:
    others = {key: log(ORIGINAL if key is None else ANSWERS[key], 20 + (key or 0)) for key in (None, *SEEDS)}
    for value in others.values():
        value["eval"]["task"] = "arc"
        value["eval"]["config"]["max_samples"] = 3
    summary = imported([*written(all_logs()), *written(others, "arc")])
    assert summary.protocol.datasets == ("arc", "popularity")
    keys = summary.measurements["sample_score"].keys
    assert keys[:5] == ((0, 0), (0, 1), (0, 2), (0, 3), (0, 10_000_000))


def test_epochs_of_a_sample_are_averaged(lab: Path) -> None:
    logs = all_logs()
    for value in logs.values():
        again = [{**sample, "epoch": 2} for sample in value["samples"]]
        value["samples"] += again
    assert imported(written(logs)).measurements["sample_score"].candidate[:4] == (1.0, 1.0, 0.0, 0.0)


def test_samples_reduced_in_another_way_are_not_imported(lab: Path) -> None:
    logs = all_logs()
    for value in logs.values():
        value["samples"] += [{**sample, "epoch": 2} for sample in value["samples"]]
        value["eval"]["config"]["epochs_reducer"] = ["max"]
    assert set(imported(written(logs)).measurements) == WITHOUT_SAMPLES


def test_of_several_metrics_one_is_named(lab: Path) -> None:
    logs = all_logs()
    for value in logs.values():
        value["results"]["scores"][0]["metrics"]["f1"] = {"name": "f1", "value": 0.3, "params": {}}
    with pytest.raises(UsageError, match="has 'match/accuracy', 'match/f1'; choose one with --measure SCORER/METRIC"):
        imported(written(logs))
    assert set(imported(written(logs), measure="f1").measurements) == WITHOUT_SAMPLES
    assert "sample_score" in imported(written(logs), measure="match/accuracy").measurements
    assert refusal(written(logs), measure="bleu").error_id == "adapter.metric"


@pytest.mark.parametrize("status", ["error", "cancelled", "started"])
def test_a_run_that_did_not_end_well_is_no_score(lab: Path, status: str) -> None:
    logs = all_logs()
    logs[1]["status"] = status
    assert refusal(written(logs)).error_id == "adapter.incomplete"


def test_a_log_that_was_invalidated_is_no_score(lab: Path) -> None:
    logs = all_logs()
    logs[1]["invalidated"] = True
    assert refusal(written(logs)).error_id == "adapter.incomplete"


def test_a_score_over_a_part_of_the_samples_is_refused(lab: Path) -> None:
    logs = all_logs()
    logs[1]["results"]["completed_samples"] = 3
    error = refusal(written(logs))
    assert error.error_id == "adapter.incomplete"
    assert "3 of 4 samples were scored" in error.message


def test_a_score_that_leaves_samples_out_is_refused(lab: Path) -> None:
    logs = all_logs()
    logs[1]["results"]["scores"][0]["unscored_samples"] = 1
    assert refusal(written(logs)).error_id == "adapter.incomplete"


def test_a_score_that_its_samples_contradict_is_refused(lab: Path) -> None:
    logs = all_logs()
    logs[1]["samples"][0]["scores"]["match"]["value"] = "I"
    error = refusal(written(logs))
    assert error.error_id == "adapter.contradiction"
    assert error.location is not None
    assert error.location.pointer == "/results/scores/0/metrics/accuracy/value"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v["eval"]["config"].update(limit=100), "limit differ"),
        (lambda v: v["plan"]["config"].update(temperature=1.0), "generate_temperature differ"),
        (lambda v: v["eval"]["packages"].update(inspect_ai="0.3.10"), "inspect-ai differ"),
        (lambda v: v["eval"].update(task_args={"shots": 5}), "task_args of 'popularity' differ"),
        (lambda v: v["plan"]["steps"].insert(0, {"solver": "system_message"}), "solvers of 'popularity' differ"),
        (lambda v: v["samples"][0].update(input="another question"), "documents of 'popularity' differ"),
        (lambda v: v["eval"].update(task="arc"), "other tasks than"),
        (lambda v: v["eval"].update(model="hf/gpt2-xl"), "'hf/gpt2-xl' here"),
    ],
)
def test_runs_that_differ_in_more_than_the_sae_are_refused(lab: Path, change: Any, says: str) -> None:
    for seed in (2, None):
        logs = all_logs()
        change(logs[seed])
        error = refusal(written(logs))
        assert error.error_id == "adapter.mixed"
        assert says in error.message


def test_another_model_than_the_subjects_is_a_contradiction(lab: Path) -> None:
    logs = all_logs()
    for value in logs.values():
        value["eval"]["model"] = "hf/pythia-70m"
    assert refusal(written(logs)).error_id == "adapter.contradiction"


@pytest.mark.parametrize("value", [float("nan"), None, "0.5", 1.5])
def test_a_score_that_is_no_number_between_0_and_1_is_refused(lab: Path, value: Any) -> None:
    logs = all_logs()
    for one in logs.values():
        del one["samples"]
    logs[1]["results"]["scores"][0]["metrics"]["accuracy"]["value"] = value
    error = refusal(written(logs))
    assert error.error_id in ("json.nonfinite", "adapter.type", "adapter.range")
    assert error.location is not None
    assert error.location.pointer == "/results/scores/0/metrics/accuracy/value"


def packed(logs: dict[int | None, dict[str, Any]], compression: int = zipfile.ZIP_DEFLATED) -> list[str]:
    """Write logs in the .eval format."""
    names = []
    for seed, value in logs.items():
        path = f"{'model' if seed is None else seed}.eval"
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("header.json", json.dumps({k: v for k, v in value.items() if k != "samples"}))
            archive.writestr("_journal/start.json", "{}")
            for sample in value.get("samples", ()):
                archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
            archive.writestr("summaries.json", "[]")
        names.append(path if seed is None else f"{seed}={path}")
    return names


def test_the_eval_format_says_the_same_as_json(lab: Path) -> None:
    from_json, from_eval = imported(written(all_logs())), imported(packed(all_logs()))
    assert from_eval.measurements == from_json.measurements
    assert from_eval.protocol == from_json.protocol


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({}, "there is no header.json: the run did not end"),
        ({"header.json": "[]"}, "header.json is not an object"),
        (None, "not an archive as Inspect writes it"),
    ],
)
def test_another_archive_is_answered_with_the_command_that_converts(
    lab: Path, members: dict[str, str] | None, says: str
) -> None:
    if members is None:
        Path("x.eval").write_bytes(b"PK")
    else:
        with zipfile.ZipFile("x.eval", "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
    error = refusal(["0=x.eval"])
    assert error.error_id == "adapter.shape"
    assert says in error.message
    assert error.remedy == "inspect log convert x.eval --to json --output-dir logs-json"


def test_a_member_packed_otherwise_is_refused(lab: Path) -> None:
    (name,) = packed({0: log(ANSWERS[0], 0)}, zipfile.ZIP_LZMA)
    assert "is packed in a way that is not read" in refusal([name]).message


def test_a_member_larger_than_it_says_is_not_unpacked(lab: Path) -> None:
    (name,) = packed({0: log(ANSWERS[0], 0)})
    data = bytearray(Path("0.eval").read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (10).to_bytes(4, "little")  # file_size of header.json
    Path("0.eval").write_bytes(bytes(data))
    assert refusal([name]).error_id in ("adapter.shape", "json.syntax")


def test_a_fault_in_a_member_is_named_with_it(lab: Path) -> None:
    with zipfile.ZipFile("x.eval", "w") as archive:
        archive.writestr("header.json", '{"version": 2, "version": 2}')
    error = refusal(["0=x.eval"])
    assert error.error_id == "json.duplicate_key"
    assert error.location is not None
    assert error.location.path == "x.eval:header.json"


@pytest.mark.parametrize("value", [{}, {"version": 2}, {"version": 1, "status": "success"}, {"version": "2"}, []])
def test_a_file_of_another_shape_is_refused(lab: Path, value: Any) -> None:
    Path("x.json").write_text(json.dumps(value))
    assert refusal(["0=x.json"]).error_id.startswith("adapter.")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damage_to_an_archive_is_imported_or_refused_and_nothing_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("eval")
    with zipfile.ZipFile(folder / "x.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({k: v for k, v in log("C", 1).items() if k != "samples"}))
        archive.writestr("samples/1_epoch_1.json", json.dumps(log("C", 1)["samples"][0]))
    damaged = bytearray((folder / "x.eval").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    (folder / "x.eval").write_bytes(bytes(damaged[: data.draw(st.integers(len(damaged) // 2, len(damaged)))]))
    with contextlib.suppress(GatekitError):
        import_summaries("inspect", [f"0={folder / 'x.eval'}"], ImportOptions())


def with_scores(values: dict[int | None, dict[str, Any]], *scores: dict[str, Any]) -> dict[int | None, dict[str, Any]]:
    for value in values.values():
        value["results"]["scores"] = [{"scorer": "match", "params": {}, **score} for score in scores]
    return values


def mean_of(value: float) -> dict[str, Any]:
    return {"accuracy": {"name": "accuracy", "value": value, "params": {}}}


def test_of_epochs_that_were_reduced_in_several_ways_one_is_named(lab: Path) -> None:
    values = {None: log("CC", 10), **{seed: log("CC", seed) for seed in SEEDS}}
    for value in values.values():
        # Two epochs of one sample: right, wrong. The mean is 0.5, the best 1.
        value["samples"] = [dict(value["samples"][0], epoch=epoch) for epoch in (1, 2)]
        value["samples"][1]["scores"] = {"match": {"value": "I"}}
        value["eval"]["config"] |= {"epochs": 2, "epochs_reducer": ["mean", "max"]}
    with_scores(
        values,
        {"name": "match", "reducer": "mean", "metrics": mean_of(0.5)},
        {"name": "match", "reducer": "max", "metrics": mean_of(1.0)},
    )
    names = written(values)
    said = "has 'match/accuracy/mean', 'match/accuracy/max'; choose one with --measure SCORER/METRIC/REDUCER"
    for measure in (None, "accuracy", "match/accuracy"):
        with pytest.raises(UsageError, match=said):
            imported(names, measure=measure)
    mean = imported(names, measure="match/accuracy/mean")
    assert mean.measurements["score"].candidate == (0.5,) * 3
    assert mean.measurements["sample_score"].candidate == (0.5,) * 3
    best = imported(names, measure="match/accuracy/max")
    assert best.measurements["score"].candidate == (1.0,) * 3
    assert "sample_score" not in best.measurements


def test_one_value_of_a_scorer_that_gives_several_is_a_score_of_each_sample(lab: Path) -> None:
    values = all_logs()
    for value in values.values():
        for sample, right in zip(value["samples"], (1, 0, 0, 0), strict=True):
            sample["scores"] = {"match": {"value": {"helpful": right, "harmless": True}}}
    with_scores(
        values,
        {"name": "helpful", "metrics": mean_of(0.25)},
        {"name": "harmless", "metrics": mean_of(1.0)},
    )
    names = written(values)
    with pytest.raises(UsageError, match="has 'helpful/accuracy', 'harmless/accuracy'"):
        imported(names)
    assert imported(names, measure="helpful/accuracy").measurements["sample_score"].candidate == (1, 0, 0, 0) * 3
    assert imported(names, measure="harmless/accuracy").measurements["sample_score"].candidate == (1,) * 12


def test_two_scores_of_one_name_are_refused(lab: Path) -> None:
    values = with_scores(all_logs(), *[{"name": "match", "metrics": mean_of(0.5)}] * 2)
    assert refusal(written(values)).error_id == "adapter.duplicate"
