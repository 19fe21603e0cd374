"""What the hub does not give is one line that says what is wrong; what it gave is named by its commit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import builders
import pytest
from local_hub import LocalHub, serving

from gatekit.errors import GatekitError
from runners.saes.given_plan import GivenSaesPlan
from runners.stage import lifecycle
from runners.stage.hub_commits import hub_inputs
from runners.stage.hub_faults import hub_fault
from runners.stages.random_model import STAGE
from runners.subjects.model_files import find_model
from runners.subjects.plan import ModelPlan, TextPlan
from runners.subjects.text_forms.hub_dataset import rows_of_hub
from runners.summary_writing import RunResult

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

Ran = Callable[[Callable[[], object]], tuple[int, dict[str, Any], list[str]]]


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[LocalHub]:
    """A hub with a model and texts, the only one that this process knows, and a cache in which nothing is yet."""
    import datasets
    from huggingface_hub import HfFileSystem, constants

    model, texts = tmp_path / "model", tmp_path / "texts" / "data"
    model.mkdir()
    texts.mkdir(parents=True)
    for name, content in {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "0" * 5000}.items():
        (model / name).write_text(content)
    (texts / "train.jsonl").write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(300)))
    with serving() as hub:
        hub.folders = {"lab/model": model, "datasets/lab/texts": texts.parent}
        for where, name, value in (
            (constants, "ENDPOINT", hub.address),
            (constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.address + "/{repo_id}/resolve/{revision}/{filename}"),
            (constants, "HF_HUB_CACHE", str(tmp_path / "home")),
            (constants, "HF_HUB_OFFLINE", False),
            (datasets.config, "HF_ENDPOINT", hub.address),
            (datasets.config, "HF_HUB_OFFLINE", False),
            (datasets.config, "STREAMING_READ_MAX_RETRIES", 1),
            (datasets.config, "STREAMING_READ_RETRY_INTERVAL", 0),
            ("huggingface_hub.file_download.time", "sleep", lambda _: None),
        ):
            monkeypatch.setattr(*((f"{where}.{name}", value) if isinstance(where, str) else (where, name, value)))
        HfFileSystem.clear_instance_cache()
        yield hub
        HfFileSystem.clear_instance_cache()


@pytest.fixture
def ran(tmp_path, capfd) -> Ran:
    """Run a stage that measures nothing but one thing of the hub; return exit code, summary and what was said."""

    def running(fetch: Callable[[], object]) -> tuple[int, dict[str, Any], list[str]]:
        def measure(*_: object) -> RunResult:
            fetch()
            document = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.84]})
            return RunResult(document["subject"], document["protocol"], document["measurements"], [])

        stage = dataclasses.replace(STAGE, measure=measure)
        code = lifecycle.run_stage(stage, ["--smoke", "--device", "cpu", "--out", str(tmp_path / "out")])
        said = capfd.readouterr().err
        assert "Traceback" not in said
        return code, json.loads((tmp_path / "out/random_model.json").read_text()), said.splitlines()

    return running


NO_REVISION = "'lab/model' cannot be fetched: the repository has no such revision; name a commit of it in full, or a"
GATED = "'lab/model' cannot be fetched: the repository is gated, and its files are not given to you; ask for access on"
NOT_SHOWN = "cannot be fetched: the hub has no such repository, or shows it to its members only; check the name"
MODELS: dict[str, tuple[dict[str, Any], str, str | None, str]] = {
    "no such repository": ({}, "lab/none", None, f"'lab/none' {NOT_SHOWN}"),
    "no such repository, at a commit": ({}, "lab/none", "a" * 40, f"'lab/none' {NOT_SHOWN}"),
    "no such branch": ({}, "lab/model", "v9", NO_REVISION),
    "no such commit": ({}, "lab/model", "a" * 40, NO_REVISION),
    "gated": ({"gated": {"lab/model"}}, "lab/model", None, GATED),
    "private": ({"private": {"lab/model"}}, "lab/model", None, f"'lab/model' {NOT_SHOWN}"),
    "down": ({"down": 503}, "lab/model", None, "'lab/model' cannot be fetched: the hub answered 503; run again"),
    "no hub": ({"down": 404}, "lab/model", None, "'lab/model' cannot be fetched: the hub answered 404 ["),
    "changed": ({"changing": {".safetensors"}}, "lab/model", None, "'lab/model' cannot be fetched: Consistency check"),
    "cut off": (
        {"cut_off": {".safetensors": 2000}},
        "lab/model",
        None,
        "the connection to the hub broke off at lab/m",
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_model_that_the_hub_does_not_give_is_one_line_and_exit_4(hub, ran, case):
    faults, name, revision, words = MODELS[case]
    for attribute, value in faults.items():
        setattr(hub, attribute, value)
    code, summary, said = ran(lambda: find_model("hub", name, revision))
    assert (code, summary["status"]) == (4, "failed")
    assert summary["reason"].startswith(words)
    assert said[-2].startswith(words)
    assert said[-1].startswith("random_model: failed summary at ")
    assert "Request ID" not in summary["reason"]


def test_where_the_hub_may_not_be_asked_it_says_so(hub, ran, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, summary, _ = ran(lambda: find_model("hub", "lab/model"))
    assert code == 4
    assert "not among what was fetched before, and HF_HUB_OFFLINE forbids to ask the hub" in summary["reason"]


def test_where_nobody_answers_it_says_so(hub, ran, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    code, summary, _ = ran(lambda: find_model("hub", "lab/model"))
    assert code == 4
    assert "'lab/model' cannot be fetched: the hub does not answer; is there a network" in summary["reason"]


TEXTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no such repository": ({}, "lab/none", "'lab/none' cannot be fetched: Dataset 'lab/none' doesn't exist on"),
    "no such commit": ({}, "lab/texts", "'lab/texts' cannot be fetched: Revision 'aaaaaaaa"),
    "gated": (
        {"gated": {"datasets/lab/texts"}},
        "lab/texts",
        "'lab/texts' cannot be fetched: Dataset 'lab/texts' is a gated",
    ),
    "down": ({"down": 503}, "lab/texts", "'lab/texts' cannot be fetched: the hub answered 503; run again"),
    "cut off": (
        {"cut_off": {".jsonl": 2000}},
        "lab/texts",
        "the connection to the hub broke off at datasets/lab/",
    ),
    "changed": ({"changing": {".jsonl"}}, "lab/texts", "'lab/texts' cannot be fetched: a file is shorter than the hub"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_that_the_hub_does_not_give_are_one_line_and_exit_4(hub, ran, case):
    faults, name, words = TEXTS[case]
    commit = "a" * 40 if case.startswith("no such") else hub.commit("datasets/lab/texts")
    for attribute, value in faults.items():
        setattr(hub, attribute, value)
    code, summary, said = ran(lambda: list(rows_of_hub(name, commit, "train")))
    assert (code, summary["status"]) == (4, "failed")
    assert summary["reason"].startswith(words)
    assert said[-2].startswith(words)
    assert said[-1].startswith("random_model: failed summary at ")


def test_an_error_behind_which_no_fault_of_the_hub_stands_is_told_as_it_was(hub):
    cause = None
    try:
        find_model("hub", "lab/none")
    except GatekitError as error:
        cause = error
    other = KeyError("something of ours")
    other.__context__ = cause
    assert hub_fault(other) is None
    assert hub_fault(GatekitError("runner.model_weights", "the weights lack 'a'")) is None


def test_what_was_measured_is_named_by_its_commit_also_where_a_branch_is_asked_for(hub):
    commit, texts = hub.commit("lab/model"), hub.commit("datasets/lab/texts")
    find_model("hub", "lab/model")
    find_model("hub", "lab/model", commit)

    @dataclasses.dataclass(frozen=True)
    class Config:
        model: ModelPlan
        saes: GivenSaesPlan
        texts: TextPlan

    drawn = TextPlan("hub", seed=0, train_tokens=0, held_out_tokens=1, name="lab/texts", revision=texts)
    for revision in (None, "main", commit):
        saes = GivenSaesPlan({3: "."}, hub="lab/saes", revision=None)
        found = hub_inputs(Config(ModelPlan("hub", "lab/model", revision), saes, drawn))
        # Nothing of the SAEs' repository was ever fetched here.
        assert [entry["name"] for entry in found] == [f"hub:lab/model@{commit}", f"hub:datasets/lab/texts@{texts}"]
    assert hub_inputs(Config(ModelPlan("folder", "lab/model"), GivenSaesPlan({3: "."}), drawn))[1:] == []


def test_a_branch_that_has_moved_is_named_by_the_commit_that_was_fetched(hub, tmp_path):
    first = hub.commit("lab/model")
    find_model("hub", "lab/model", "main")
    (tmp_path / "model" / "config.json").write_text('{"n_ctx": 8}')
    plan = ModelPlan("hub", "lab/model", "main")
    assert hub.commit("lab/model") != first
    assert [entry["name"] for entry in hub_inputs(plan)] == [f"hub:lab/model@{first}"]
    find_model("hub", "lab/model", "main")
    assert [entry["name"] for entry in hub_inputs(plan)] == [f"hub:lab/model@{hub.commit('lab/model')}"]
