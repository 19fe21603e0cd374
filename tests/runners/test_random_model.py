from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from tiny_stage import SAES, arguments

from gatekit.evidence.reading import read_summary
from gatekit.kinds import INSTALLED
from runners.arms import activations, trained_saes
from runners.saes.checkpoint import load_sae
from runners.saes.identity import sae_sha256
from runners.stages.random_model import stage as random_model

pytestmark = [
    pytest.mark.runners,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

# So fast that decoders leave the cone in which a soft-frozen one is kept.
TINY = SAES.replace("2.0e-3", "2.0e-2") + "controls: {random_model_seed: 0, gaussian_draws: 2, matched_cosine: 0.7}\n"

EXTRA = ("_above_frozen_decoder", "_above_soft_frozen_decoder", "_above_frozen_encoder", "_above_shared_start")

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the stage in this process with a fresh cache, and return its exit code."""

    def go(out: str = "out", text: str = TINY, cache: str = "cache") -> int:
        config = tmp_path / "tiny.yaml"
        config.write_text(text)
        paths = ("--out", str(tmp_path / out), "--cache", str(tmp_path / cache))
        return random_model.main(["--config", str(config), *paths, "--device", "cpu"])

    return go


@pytest.fixture(scope="module")
def done(corpus, tmp_path_factory) -> Path:
    """One finished run: `out/random_model.json` and `cache/`."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        assert random_model.main(arguments(folder, TINY)) == 0
    return folder


@pytest.fixture(scope="module")
def document(done) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((done / "out" / "random_model.json").read_text())
    return parsed


def test_the_gate_reads_the_summary_and_finds_every_measure_of_the_kind(done):
    summary = read_summary(str(done / "out" / "random_model.json"))
    assert summary.status == "ok"
    extra = {name for name in INSTALLED.measures("random_model") if name.endswith(EXTRA)}
    assert set(summary.measurements) == set(INSTALLED.measures("random_model")) - extra
    assert summary.protocol.baseline_subject.model_name.endswith("+reinitialised-0")


def test_the_output_folder_holds_the_summary_and_nothing_else(done):
    # Every JSON file in an evidence folder counts as a summary; checkpoints are artefacts and lie elsewhere.
    assert [path.name for path in (done / "out").iterdir()] == ["random_model.json"]


def test_all_pairs_of_seeds_are_observed_in_increasing_order(document):
    columns = document["measurements"]["pw_mcc_above_control"]["columns"]
    assert list(zip(columns["seed_a"], columns["seed_b"], strict=True)) == list(combinations(range(5), 2))


def test_similarity_at_init_is_what_the_untrained_control_holds(document):
    measured = document["measurements"]
    assert (
        measured["similarity_at_init"]["columns"]["candidate"]
        == (measured["pw_mcc_above_untrained"]["columns"]["baseline"])
    )


def test_chance_correction_uses_the_gaussian_floor_of_the_same_pair(document):
    measured = document["measurements"]
    raw = measured["pw_mcc_above_control"]["columns"]
    floor = measured["pw_mcc_above_gaussian"]["columns"]["baseline"]
    corrected = measured["pw_mcc_chance_corrected_above_control"]["columns"]
    for side in ("candidate", "baseline"):
        expected = [(score - chance) / (1 - chance) for score, chance in zip(raw[side], floor, strict=True)]
        assert corrected[side] == pytest.approx(expected)


def test_artifacts_are_named_by_their_bytes_and_saes_by_all_that_they_compute_with(done, document):
    import hashlib

    runs = next((done / "cache" / "runs" / "random_model").iterdir())
    digests = {path.relative_to(runs).as_posix(): path for path in runs.rglob("*.safetensors")}
    assert {entry["uri"] for entry in document["artifacts"]} == set(digests)
    for entry in document["artifacts"]:
        assert entry["sha256"] == hashlib.sha256(digests[entry["uri"]].read_bytes()).hexdigest()
    for arm, subject in (("model", document["subject"]), ("random_model", document["protocol"]["baseline"]["subject"])):
        for checkpoint in subject["checkpoints"]:
            path = runs / arm / f"seed_{checkpoint['seed']}.safetensors"
            assert checkpoint["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() == sae_sha256(load_sae(path))


def test_the_file_of_an_sae_says_what_its_weights_are_used_for(done):
    runs = next((done / "cache" / "runs" / "random_model").iterdir())
    with safe_open(runs / "model" / "seed_0.safetensors", framework="np") as stream:
        described = json.loads(stream.metadata()["gatekit"])
    assert described == {"architecture": "topk", "auxiliary_k": 16, "d_in": 384, "d_sae": 48, "k": 4}


def test_pw_mcc_follows_from_the_checkpoints_by_another_matching(done, document):
    from scipy.optimize import linear_sum_assignment

    runs = next((done / "cache" / "runs" / "random_model").iterdir())
    a, b = (load_file(runs / "model" / f"seed_{seed}.safetensors")["W_dec"].astype(float) for seed in (1, 4))
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    expected = cosine[linear_sum_assignment(1 - cosine)].mean()
    columns = document["measurements"]["pw_mcc"]["columns"]
    place = list(zip(columns["seed_a"], columns["seed_b"], strict=True)).index((1, 4))
    assert columns["candidate"][place] == pytest.approx(expected, abs=1e-9)


def test_the_same_configuration_gives_the_same_bytes_of_every_observation(done, document, run, tmp_path):
    # A new cache: the model runs again too.
    assert run() == 0
    again = json.loads((tmp_path / "out" / "random_model.json").read_text())
    for part in ("measurements", "subject", "protocol"):
        assert json.dumps(again[part]) == json.dumps(document[part])
    assert again["producer"]["inputs"] == document["producer"]["inputs"]


def test_the_summary_names_no_absolute_path(done, document):
    assert str(done.parent) not in json.dumps(document)
    assert document["producer"]["command"][:4] == ["python", "-m", "runners", "random_model"]
    assert "tiny.yaml" in document["producer"]["command"]


def test_a_summary_of_another_configuration_is_not_written_over(done, run, tmp_path, capsys):
    assert run() == 0
    before = (tmp_path / "out" / "random_model.json").read_bytes()
    assert run(text=TINY.replace("steps: 8", "steps: 9")) == 4
    assert (tmp_path / "out" / "random_model.json").read_bytes() == before
    assert "another configuration" in capsys.readouterr().err


def test_a_file_that_is_no_summary_is_not_written_over(run, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "random_model.json").write_text('{"notes": "mine"}')
    assert run() == 4
    assert (tmp_path / "out" / "random_model.json").read_text() == '{"notes": "mine"}'


def failing_with(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Let the run do `action` at the place where the SAEs are trained."""

    def train(*arguments: object, **named: object) -> None:
        action()
        raise AssertionError("went on")

    monkeypatch.setattr(trained_saes, "train_stack", train)


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that this process gets of its own, in which a run is only one of the things done."""
    found: list[int] = []
    kept = {
        number: signal.signal(number, lambda got, _: found.append(got)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield found
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_a_failed_summary_and_passes_the_signal_on_to_whoever_called_it(
    run, tmp_path, monkeypatch, heard, number, code
):
    failing_with(monkeypatch, lambda: os.kill(os.getpid(), number))
    assert run() == code
    assert heard == [number]
    summary = read_summary(str(tmp_path / "out" / "random_model.json"))
    assert summary.status == "failed"
    assert number.name in summary.reason
    assert not summary.measurements


@pytest.mark.parametrize("library", ["takes it for one of its errors", "makes another error of it", "loses it"])
def test_an_interruption_reaches_the_run_whatever_a_library_does_with_it(run, tmp_path, monkeypatch, heard, library):
    def library_call() -> None:
        if library == "loses it":
            with contextlib.suppress(BaseException):
                os.kill(os.getpid(), signal.SIGTERM)
            return
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception:
            raise AssertionError("it was no error") from None
        except BaseException as interruption:
            if library == "makes another error of it":
                raise RuntimeError("could not load") from interruption
            raise

    original = trained_saes.train_stack

    def train(*arguments: Any, **named: Any) -> Any:
        library_call()
        return original(*arguments, **named)

    monkeypatch.setattr(trained_saes, "train_stack", train)
    assert (run(), heard) == (143, [signal.SIGTERM])
    assert read_summary(str(tmp_path / "out" / "random_model.json")).reason == "interrupted by SIGTERM"


def test_after_an_interrupted_run_the_old_signal_handlers_are_back(run, monkeypatch, heard):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    failing_with(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGTERM))
    run()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_crash_leaves_a_failed_summary_and_exits_70(run, tmp_path, monkeypatch):
    def crash() -> None:
        raise RuntimeError("out of memory")

    failing_with(monkeypatch, crash)
    assert run() == 70
    summary = read_summary(str(tmp_path / "out" / "random_model.json"))
    assert (summary.status, summary.reason) == ("failed", "RuntimeError: out of memory")


def test_a_failed_summary_is_replaced_by_the_run_that_succeeds(run, tmp_path, monkeypatch, heard):
    with monkeypatch.context() as patch:
        failing_with(patch, lambda: os.kill(os.getpid(), signal.SIGINT))
        assert run() == 130
    assert run() == 0
    assert read_summary(str(tmp_path / "out" / "random_model.json")).status == "ok"


def test_an_interrupted_repetition_keeps_the_summary_that_stands(run, tmp_path, monkeypatch, heard):
    assert run() == 0
    before = (tmp_path / "out" / "random_model.json").read_bytes()
    failing_with(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert run(cache="another") == 130
    assert (tmp_path / "out" / "random_model.json").read_bytes() == before


def test_a_wrong_width_fails_the_run_with_its_reason(run, tmp_path):
    assert run(text=TINY.replace("d_model: 384", "d_model: 256")) == 4
    summary = read_summary(str(tmp_path / "out" / "random_model.json"))
    assert summary.status == "failed"
    assert "384 wide" in summary.reason


@pytest.mark.parametrize("arguments", [[], ["--out", "x"], ["--config", "c.yaml"], ["--out", "x", "--smoek"]])
def test_a_wrong_command_line_exits_64(arguments):
    assert random_model.main(arguments) == 64


def test_a_wrong_configuration_quotes_the_line(run, capsys):
    assert run(text=TINY.replace("d_model", "d_modle")) == 4
    shown = capsys.readouterr().err
    assert "tiny.yaml:6:3: unknown key 'd_modle'; did you mean 'd_model'?" in shown
    assert "  d_modle: 384" in shown


@pytest.fixture(scope="module")
def with_extra(corpus, done) -> dict[str, Any]:
    """The summary of a run with every extra control; activations and the two main arms come from the cache."""
    names = ", ".join(name.removeprefix("_above_") for name in EXTRA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        text = TINY.replace("matched_cosine: 0.7}", f"matched_cosine: 0.7, extra_controls: [{names}]}}")
        assert random_model.main(arguments(done, text, "extra")) == 0
    summary = read_summary(str(done / "extra" / "random_model.json"))
    assert set(summary.measurements) == set(INSTALLED.measures("random_model"))
    parsed: dict[str, Any] = json.loads((done / "extra" / "random_model.json").read_text())
    return parsed


def test_extra_controls_change_nothing_about_what_was_measured_without_them(document, with_extra):
    assert with_extra["subject"] == document["subject"]
    assert with_extra["protocol"] == document["protocol"]
    for name, values in document["measurements"].items():
        assert with_extra["measurements"][name] == values


def test_a_frozen_decoder_agrees_across_seeds_as_untrained_ones_do(with_extra):
    measured = with_extra["measurements"]
    assert (
        measured["pw_mcc_above_frozen_decoder"]["columns"]["baseline"]
        == measured["pw_mcc_above_untrained"]["columns"]["baseline"]
    )


def test_seeds_that_start_alike_agree_far_more_after_a_short_training(with_extra):
    columns = with_extra["measurements"]["pw_mcc_above_shared_start"]["columns"]
    assert min(columns["baseline"]) > max(columns["candidate"]) + 0.2


def test_a_control_that_held_nothing_is_no_control(run, capsys):
    # In eight small steps no row leaves the cone.
    slow = SAES + TINY.split("centre: mean\n")[1].replace("0.7}", "0.7, extra_controls: [soft_frozen_decoder]}")
    assert run(text=slow) == 4
    assert "'soft_frozen_decoder' held nothing" in capsys.readouterr().err


def test_every_extra_control_is_compared_raw_corrected_live_and_in_reconstruction(with_extra):
    forms = {"pw_mcc", "pw_mcc_chance_corrected", "pw_mcc_live", "pw_mcc_live_chance_corrected", "r2"}
    for ending in EXTRA:
        assert {name.removesuffix(ending) for name in with_extra["measurements"] if name.endswith(ending)} >= forms


def test_an_extra_control_twice_or_of_a_control_is_refused(run, capsys):
    twice = TINY.replace("0.7}", "0.7, extra_controls: [frozen_encoder, frozen_encoder]}")
    assert run(text=twice) == 4
    assert "twice" in capsys.readouterr().err
    nested = TINY.replace("0.7}", "0.7, extra_controls: [frozen_encoder]}").replace(
        "architecture: topk", "architecture: topk, control: frozen_decoder"
    )
    assert run(text=nested) == 4
    assert "none itself" in capsys.readouterr().err
