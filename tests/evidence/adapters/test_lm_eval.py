"""Results and samples of lm-evaluation-harness 0.4 as evidence of downstream scores."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import Summary, read_summary
from gatekit.evidence.adapters import ImportOptions, import_summaries

SEEDS = (0, 1, 2)
# Right answers of four documents: of the model itself, and of each seed's SAE in it.
ORIGINAL = (1, 1, 1, 0)
RIGHT = {0: (1, 1, 0, 0), 1: (1, 1, 1, 0), 2: (1, 0, 0, 0)}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sample(row: int, right: int, **changes: Any) -> dict[str, Any]:
    """A line of samples_TASK_TIME.jsonl."""
    return {
        "doc_id": row,
        "doc": {"question": f"question {row}"},
        "target": "0",
        "arguments": {"gen_args_0": {"arg_0": "question", "arg_1": " yes"}},
        "resps": [[["-1.5", "False"]]],
        "filtered_resps": [["-1.5", "False"]],
        "filter": "none",
        "metrics": ["acc", "acc_norm"],
        "doc_hash": digest(f"doc {row}"),
        "prompt_hash": digest(f"prompt {row}"),
        "target_hash": digest("0"),
        "acc": float(right),
        "acc_norm": 0.0,
        **changes,
    }


def task_hash(lines: list[dict[str, Any]]) -> str:
    """lm-evaluation-harness's own hash: of all lines' three hashes, one after the other."""
    return digest("".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in lines))


def result(right: tuple[int, ...], **changes: Any) -> dict[str, Any]:
    """results_TIME.json of one task, with two metrics."""
    lines = [sample(row, value) for row, value in enumerate(right)]
    return {
        "results": {
            "arc_easy": {
                "alias": "arc_easy",
                "acc,none": sum(right) / len(right),
                "acc_stderr,none": "N/A",
                "acc_norm,none": 0.0,
                "acc_norm_stderr,none": float("nan"),
            }
        },
        "group_subtasks": {"arc_easy": []},
        "configs": {"arc_easy": {"task": "arc_easy", "num_fewshot": 0, "metadata": {"version": 1.0, "seed": 3}}},
        "versions": {"arc_easy": 1.0},
        "n-shot": {"arc_easy": 0},
        "higher_is_better": {"arc_easy": {"acc": True, "acc_norm": True}},
        "n-samples": {"arc_easy": {"original": 2376, "effective": len(right)}},
        "config": {
            "model": "hf",
            "model_args": "pretrained=gpt2,dtype=float32,sae_path=/home/someone/sae",
            "model_dtype": "torch.float32",
            "batch_size": "8",
            "device": "cpu",
            "limit": 4.0,
            "bootstrap_iters": 100000,
            "random_seed": 0,
        },
        "git_hash": "1234567",
        "date": 1764190000.5,
        "pretty_env_info": "a long text",
        "transformers_version": "4.50.0",
        "lm_eval_version": "0.4.9",
        "upper_git_hash": None,
        "tokenizer_eos_token": ["<|endoftext|>", "50256"],
        "eot_token_id": 50256,
        "max_length": 1024,
        "task_hashes": {"arc_easy": task_hash(lines)},
        "model_source": "hf",
        "model_name": "gpt2",
        "model_name_sanitized": "gpt2",
        "system_instruction": None,
        "chat_template": None,
        "start_time": 1.0,
        "end_time": 9.0,
        "total_evaluation_time_seconds": "8.0",
        **changes,
    }


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subject = {
        "model": {"name": "openai-community/gpt2", "digest": "a" * 64},
        "hook": "blocks.6.hook_resid_pre",
        "d_model": 768,
        "architecture": "topk",
        "d_sae": 4096,
        "k": 32,
        "checkpoints": [{"seed": seed, "sha256": f"{seed + 1:064x}"} for seed in SEEDS],
    }
    (tmp_path / "subject.json").write_text(json.dumps(subject))
    return tmp_path


def written(values: dict[int | None, dict[str, Any]], with_samples: bool = False) -> list[str]:
    """Write results, and the samples that belong to them, as the harness names them; seed None is the model alone."""
    names = []
    for seed, value in values.items():
        folder = Path("model" if seed is None else f"seed{seed}")
        folder.mkdir(exist_ok=True)
        value = {**value, "date": value["date"] + (0 if seed is None else 1 + seed)}
        (folder / "results_2026-11-26T20-00-00.json").write_text(json.dumps(value))
        files = [folder / "results_2026-11-26T20-00-00.json"]
        if with_samples:
            right = ORIGINAL if seed is None else RIGHT[seed]
            lines = "".join(json.dumps(sample(row, answer)) + "\n" for row, answer in enumerate(right))
            (folder / "samples_arc_easy_2026-11-26T20-00-00.jsonl").write_text(lines)
            files.append(folder / "samples_arc_easy_2026-11-26T20-00-00.jsonl")
        names += [str(file) if seed is None else f"{seed}={file}" for file in files]
    return names


def all_results() -> dict[int | None, dict[str, Any]]:
    return {None: result(ORIGINAL), **{seed: result(RIGHT[seed]) for seed in SEEDS}}


def imported(names: list[str], **options: Any) -> Summary:
    given = {"subject": "subject.json", "measure": "acc", **options}
    ((name, data),) = import_summaries("lm_eval", names, ImportOptions(**given)).items()
    Path(name).write_bytes(data)
    return read_summary(name)


def refusal(names: list[str], **options: Any) -> GatekitError:
    with pytest.raises(GatekitError) as refused:
        imported(names, **options)
    return refused.value


def test_the_score_of_each_seed_stands_beside_that_of_the_model_alone(lab: Path) -> None:
    summary = imported(written(all_results()))
    assert summary.kind == "downstream_score"
    assert set(summary.measurements) == {"score", "score_delta", "mean_score", "mean_score_delta"}
    delta = summary.measurements["score_delta"]
    assert delta.keys == ((0, "arc_easy"), (1, "arc_easy"), (2, "arc_easy"))
    assert delta.candidate == (0.5, 0.75, 0.25)
    assert delta.baseline == (0.75, 0.75, 0.75)
    assert summary.protocol.baseline_kind == "original_model"


def test_without_the_model_alone_there_is_nothing_to_compare_with(lab: Path) -> None:
    values = all_results()
    del values[None]
    summary = imported(written(values))
    assert set(summary.measurements) == {"score", "mean_score"}
    assert summary.protocol.baseline_kind == "none"


def test_logged_samples_are_observations_of_their_own(lab: Path) -> None:
    summary = imported(written(all_results(), with_samples=True))
    delta = summary.measurements["sample_score_delta"]
    assert delta.keys == tuple((seed, row) for seed in SEEDS for row in range(4))
    assert delta.candidate == tuple(float(value) for seed in SEEDS for value in RIGHT[seed])
    assert delta.baseline == tuple(float(value) for _ in SEEDS for value in ORIGINAL)


def test_what_was_asked_stands_in_the_protocol_and_no_folder_does(lab: Path) -> None:
    names = written(all_results())
    (data,) = import_summaries("lm_eval", names, ImportOptions(subject="subject.json", measure="acc")).values()
    document = json.loads(data)
    (dataset,) = document["protocol"]["datasets"]
    assert dataset == {"name": "arc_easy", "sha256": result(ORIGINAL)["task_hashes"]["arc_easy"], "rows": 4}
    settings = document["protocol"]["settings"]
    assert settings["metric"] == "acc"
    assert (settings["limit"], settings["model_dtype"], settings["max_length"]) == (4.0, "torch.float32", 1024)
    assert '"n_shot": 0' in settings["tasks"]
    assert document["producer"]["packages"] == {"lm-eval": "0.4.9", "transformers": "4.50.0"}
    # date -u -d @1764190003
    assert document["producer"]["finished"] == "2025-11-26T20:46:43Z"
    assert b"/home/" not in data


def test_the_metric_is_never_chosen_by_the_score(lab: Path) -> None:
    with pytest.raises(UsageError, match="has 'acc,none', 'acc_norm,none'; choose one with --measure METRIC"):
        imported(written(all_results()), measure=None)


def test_one_metric_needs_no_choice(lab: Path) -> None:
    values = all_results()
    for value in values.values():
        del value["results"]["arc_easy"]["acc_norm,none"]
    assert imported(written(values), measure=None).measurements["score"].candidate == (0.5, 0.75, 0.25)


def test_of_several_filters_one_is_named(lab: Path) -> None:
    values = all_results()
    for value in values.values():
        value["results"]["arc_easy"]["acc,strict-match"] = 0.0
    assert "several filters here" in refusal(written(values)).message
    assert imported(written(values), measure="acc,none").measurements["score"].candidate == (0.5, 0.75, 0.25)


def test_a_group_is_the_mean_of_its_tasks_and_no_task(lab: Path) -> None:
    values = all_results()
    for value in values.values():
        value["results"]["arc"] = {"alias": "arc", "acc,none": 0.1}
        value["group_subtasks"] = {"arc": ["arc_easy"], "arc_easy": []}
    assert imported(written(values)).protocol.datasets == ("arc_easy",)


def test_perplexity_is_a_measure_of_its_own(lab: Path) -> None:
    values = all_results()
    for index, value in enumerate(values.values()):
        value["results"]["arc_easy"]["word_perplexity,none"] = 20.5 + index
        value["higher_is_better"]["arc_easy"]["word_perplexity"] = False
    summary = imported(written(values), measure="word_perplexity")
    assert summary.measurements["perplexity_delta"].candidate == (21.5, 22.5, 23.5)
    assert summary.measurements["perplexity_delta"].baseline == (20.5, 20.5, 20.5)


def test_the_mean_over_tasks_is_an_observation_per_seed(lab: Path) -> None:
    values = all_results()
    for value in values.values():
        value["results"]["piqa"] = {"acc,none": 0.25}
    mean = imported(written(values)).measurements["mean_score_delta"]
    assert mean.keys == ((0,), (1,), (2,))
    assert mean.candidate == (0.375, 0.5, 0.25)
    assert mean.baseline == (0.5, 0.5, 0.5)


def test_a_metric_of_which_less_is_better_is_no_score(lab: Path) -> None:
    values = all_results()
    for value in values.values():
        value["higher_is_better"]["arc_easy"]["acc"] = False
    assert refusal(written(values)).error_id == "adapter.metric"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v["config"].update(limit=None), "limit differ"),
        (lambda v: v["config"].update(model_args="pretrained=gpt2,dtype=bfloat16"), "model_args_dtype differ"),
        (lambda v: v.update(lm_eval_version="0.4.2"), "lm-eval differ"),
        (lambda v: v.update(max_length=512), "max_length differ"),
        (lambda v: v.update(new_member="x"), "new_member differ"),
        (lambda v: v["versions"].update(arc_easy=0.0), "version of 'arc_easy' differ"),
        (lambda v: v["n-shot"].update(arc_easy=5), "n_shot of 'arc_easy' differ"),
        (lambda v: v["configs"]["arc_easy"].update(doc_to_text="x"), "config of 'arc_easy' differ"),
        (lambda v: v["task_hashes"].update(arc_easy="b" * 64), "documents of 'arc_easy' differ"),
        (lambda v: v["results"].update(piqa={"acc,none": 0.5}), "other tasks than"),
        (lambda v: v.update(model_name="gpt2-xl"), "'gpt2-xl' here"),
    ],
)
@pytest.mark.parametrize("seed", [2, None])
def test_runs_that_differ_in_more_than_the_sae_are_refused(lab: Path, change: Any, says: str, seed: int | None) -> None:
    values = all_results()
    change(values[seed])
    error = refusal(written(values))
    assert error.error_id == "adapter.mixed"
    assert says in error.message
    assert error.location is not None
    assert error.location.path.startswith("model/" if seed is None else "seed2/")


def test_another_model_than_the_subjects_is_a_contradiction(lab: Path) -> None:
    values = {key: {**value, "model_name": "pythia-70m"} for key, value in all_results().items()}
    assert refusal(written(values)).error_id == "adapter.contradiction"


def test_samples_of_another_run_are_refused(lab: Path) -> None:
    names = written(all_results(), with_samples=True)
    path = Path("seed1/samples_arc_easy_2026-11-26T20-00-00.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]))
    assert refusal(names).error_id == "adapter.contradiction"
    path.write_text("".join(lines).replace('"acc": 1.0', '"acc": 0.0'))
    error = refusal(names)
    assert error.error_id == "adapter.contradiction"
    assert "says 0.75, the mean over the samples is 0.0" in error.message


def test_samples_of_no_task_here_are_refused(lab: Path) -> None:
    names = written(all_results())
    Path("samples_piqa_2026.jsonl").write_text(json.dumps(sample(0, 1)))
    assert refusal([*names, "1=samples_piqa_2026.jsonl"]).error_id == "adapter.unplanned"


@pytest.mark.parametrize(
    ("metric", "value", "measures"),
    [
        ("perplexity", -3.25, {"perplexity"}),
        ("word_perplexity", [-310.5, 96], {"perplexity"}),
        ("bits_per_byte", [-310.5, 480], {"bits_per_byte"}),
        ("f1", [1, 0], {"score", "mean_score"}),
        ("mcc", [0, 0], {"score", "mean_score"}),
    ],
)
def test_samples_that_hold_what_a_metric_is_computed_from_are_no_scores(
    lab: Path, metric: str, value: Any, measures: set[str]
) -> None:
    # lambada writes a log-likelihood a sample, wikitext it and the words, F1 and MCC the two answers.
    names = written(all_results(), with_samples=True)
    for name in names:
        path = Path(name.partition("=")[2] or name)
        if path.suffix == ".jsonl":
            lines = [{**json.loads(line), metric: value} for line in path.read_text().splitlines()]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        else:
            document = json.loads(path.read_text())
            document["results"]["arc_easy"][f"{metric},none"] = 0.5
            path.write_text(json.dumps(document))
    summary = imported(names, measure=metric)
    assert set(summary.measurements) == measures | {f"{measure}_delta" for measure in measures}
    assert summary.protocol.datasets == ("arc_easy",)


@pytest.mark.parametrize(("value", "error_id"), [(float("nan"), "json.nonfinite"), ("N/A", "adapter.type")])
def test_a_score_that_is_not_a_number_is_refused_at_its_place(lab: Path, value: Any, error_id: str) -> None:
    values = all_results()
    values[1]["results"]["arc_easy"]["acc,none"] = value
    error = refusal(written(values))
    assert error.error_id == error_id
    assert error.location is not None
    assert error.location.pointer == "/results/arc_easy/acc,none"


def test_two_results_of_one_task_and_seed_are_refused(lab: Path) -> None:
    names = written(all_results())
    Path("again.json").write_text(json.dumps(result((0, 0, 0, 1))))
    assert refusal([*names, "1=again.json"]).error_id == "adapter.duplicate"


def test_results_name_no_sae_so_the_user_does(lab: Path) -> None:
    names = written(all_results())
    assert refusal(names, subject=None).error_id == "adapter.subject"
    assert refusal([name.partition("=")[2] or name for name in names[:1]]).error_id == "adapter.seed"


@pytest.mark.parametrize("value", [{}, {"results": {}}, {"results": {"a": 3}}, {"results": []}])
def test_a_file_of_another_shape_is_refused(lab: Path, value: Any) -> None:
    Path("x.json").write_text(json.dumps(value))
    assert refusal(["0=x.json"]).error_id.startswith("adapter.")


def test_the_sae_s_runs_are_of_one_backend_and_the_bare_model_s_may_be_of_another(lab: Path) -> None:
    results = all_results()
    for seed in SEEDS:
        results[seed]["config"]["model"] = "steered"
    assert imported(written(results)).protocol.seeds == SEEDS
    results[2]["config"]["model"] = "vllm"
    error = refusal(written(results))
    assert error.error_id == "adapter.mixed"
    assert "run by 'vllm' here, by 'steered' in" in error.message
