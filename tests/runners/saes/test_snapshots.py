"""A training that was interrupted, at whatever step, ends with the bits of one that was not."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.progress import Silent
from runners.saes import snapshots
from runners.saes.architecture import Architecture
from runners.saes.batch_topk import BatchTopK
from runners.saes.controls import Control
from runners.saes.jump_relu import JumpReLU
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK
from runners.saes.training import SaeStack, train_stack
from runners.saes.transcoder import Transcoder

pytestmark = pytest.mark.runners

# 90 rows fill less than two batches: every other step begins a new order of the rows.
ROWS = np.random.default_rng(4).normal(size=(90, 10)).astype(np.float16)
TARGETS = (ROWS[:, :6] * 2).astype(np.float16)
PLAN = TrainingPlan(
    steps=12,
    batch_tokens=48,
    learning_rate=3e-3,
    warmup_fraction=0.2,
    decay_fraction=0.3,
    auxiliary_coefficient=0.03125,
    # So few that latents die while training lasts.
    dead_after_tokens=100,
    gradient_clip=1.0,
    centre="mean",
)
SEEDS = (0, 6)
EACH: dict[str, Architecture] = {
    "topk": TopK(10, 80, 2, 5),
    "batch_topk": BatchTopK(10, 40, 3, 5),
    "jump_relu": JumpReLU(10, 40, 0.2),
    "soft_frozen_decoder": Control(TopK(10, 40, 3, 5), "soft_frozen_decoder"),
    "transcoder": Transcoder(10, 6, 40, 3, 5, skip=True),
}


class Interrupted(Exception):
    pass


class Counting(Silent):
    """Counts tokens, and interrupts before this many steps of new work are over."""

    def __init__(self, steps: int | None = None) -> None:
        self.new = self.resumed = 0
        self._steps = steps

    def advance(self, amount: int, standing: Callable[[], str] | None = None) -> None:
        if standing is not None:
            standing()
        self.new += amount
        if self._steps is not None and self.new == self._steps * PLAN.batch_tokens:
            raise Interrupted

    def resume(self, amount: int) -> None:
        self.resumed += amount


def train(
    name: str = "topk",
    folder: Path | None = None,
    progress: Silent | None = None,
    plan: TrainingPlan = PLAN,
    seeds: tuple[int, ...] = SEEDS,
    rows: np.ndarray = ROWS,
) -> SaeStack:
    targets = TARGETS if name == "transcoder" else None
    return train_stack(EACH[name], rows, seeds, plan, "cpu", progress or Silent(), targets, snapshots=folder)


def same(one: SaeStack, other: SaeStack) -> bool:
    equal = all(torch.equal(value, other.parameters[name]) for name, value in one.parameters.items())
    return equal and one.last_losses == other.last_losses and torch.equal(one.initial_decoders, other.initial_decoders)


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "SECONDS_BETWEEN", 0.0)


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("steps", [2, 11, 12, 13, 20])
def test_an_interrupted_training_ends_with_the_same_bits(name, steps, tmp_path):
    with pytest.raises(Interrupted):
        train(name, tmp_path, Counting(steps))
    rest = Counting()
    resumed = train(name, tmp_path, rest)
    # The step during which the interruption came is lost, and no other.
    assert rest.resumed == (steps - 1) * PLAN.batch_tokens
    assert rest.new + rest.resumed == len(SEEDS) * PLAN.steps * PLAN.batch_tokens
    assert same(resumed, train(name))


def test_many_interruptions_do_no_more_than_one(tmp_path):
    for steps in (3, 1, 2, 9, 4):
        with pytest.raises(Interrupted):
            train("topk", tmp_path, Counting(steps))
    assert same(train("topk", tmp_path), train("topk"))


def test_work_since_the_last_snapshot_is_done_again(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        train("topk", tmp_path, Counting(5))
    monkeypatch.setattr(snapshots, "SECONDS_BETWEEN", 3600.0)
    with pytest.raises(Interrupted):
        train("topk", tmp_path, Counting(6))
    rest = Counting()
    assert same(train("topk", tmp_path, rest), train("topk"))
    assert rest.resumed == 4 * PLAN.batch_tokens


def test_nothing_is_left_when_training_is_done(tmp_path):
    with pytest.raises(Interrupted):
        train("topk", tmp_path, Counting(3))
    (left,) = tmp_path.iterdir()
    (tmp_path / f"{left.stem}.abc.partial").write_bytes(b"half of a state")
    (tmp_path / "another.safetensors").write_bytes(b"another training's")
    train("topk", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["another.safetensors"]


OTHERS: dict[str, dict[str, object]] = {
    "plan": {"plan": dataclasses.replace(PLAN, learning_rate=1e-3)},
    "longer": {"plan": dataclasses.replace(PLAN, steps=13)},
    "seed": {"seeds": (1, 6)},
    "rows": {"rows": ROWS[::-1].copy()},
    "architecture": {"name": "batch_topk"},
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_training_s_snapshot_is_not_used(what, tmp_path):
    other = OTHERS[what]
    with pytest.raises(Interrupted):
        train(folder=tmp_path, progress=Counting(3))
    progress = Counting()
    trained = train(folder=tmp_path, progress=progress, **other)  # type: ignore[arg-type]
    assert progress.resumed == 0
    assert same(trained, train(**other))  # type: ignore[arg-type]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("fault", ["cut", "flipped", "renamed", "empty"])
def test_a_snapshot_that_is_not_what_its_name_says_is_taken_away_and_training_begins_again(fault, tmp_path, capsys):
    with pytest.raises(Interrupted):
        train("topk", tmp_path, Counting(3))
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    if fault == "renamed":
        with pytest.raises(Interrupted):
            train("topk", tmp_path / "of another seed", Counting(3), seeds=(1,))
        (other,) = (tmp_path / "of another seed").iterdir()
        content = bytearray(other.read_bytes())
    elif fault == "flipped":
        content[-1000] ^= 1
    path.write_bytes(content[: {"cut": -100, "empty": 0}.get(fault)])
    progress = Counting()
    assert same(train("topk", tmp_path, progress), train("topk"))
    assert progress.resumed == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the state of training ") and line.endswith("is not the one written: training begins again")
    assert [entry for entry in tmp_path.iterdir() if entry.is_file()] == []


def test_a_training_that_ends_leaves_what_another_process_is_writing_alone(tmp_path):
    from runners.whole_files import own_token

    with pytest.raises(Interrupted):
        train("topk", tmp_path, Counting(3))
    (left,) = tmp_path.iterdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host, _, token = own_token().split(".")
    living, dead = (tmp_path / f"{left.stem}.{host}.{pid}.{token}.partial" for pid in (os.getpid(), gone.pid))
    elsewhere = tmp_path / f"{left.stem}.another-host.1.{token}.partial"
    for path in (living, dead, elsewhere):
        path.write_bytes(b"half of a state")
    train("topk", tmp_path)
    assert set(tmp_path.iterdir()) == {living, elsewhere}


def test_a_state_that_could_not_be_written_leaves_the_older_one(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        train("topk", tmp_path, Counting(5))

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(OSError, match="no space"):
            train("topk", tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert same(train("topk", tmp_path), train("topk"))


def test_an_observer_must_see_every_step(tmp_path):
    with pytest.raises(ValueError, match="observer"):
        train_stack(EACH["topk"], ROWS, SEEDS, PLAN, "cpu", Silent(), observe=lambda *_: None, snapshots=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.02, 0.3])
def test_a_killed_process_goes_on_with_the_same_bits(seconds, tmp_path, monkeypatch):
    folder = tmp_path / "snapshots"
    long = dataclasses.replace(PLAN, steps=400)
    program = (
        "from runners.determinism import fix_arithmetic, prepare_environment\n"
        "prepare_environment(offline=True)\n"
        "fix_arithmetic(1)\n"
        "import sys, dataclasses\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import test_snapshots as here\n"
        "here.snapshots.SECONDS_BETWEEN = 0.0\n"
        "here.train('topk', Path(sys.argv[2]), plan=dataclasses.replace(here.PLAN, steps=400))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(Path(__file__).parent), str(folder)])
    deadline = time.monotonic() + 60
    while not any(folder.glob("*.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    progress = Counting()
    monkeypatch.setattr(snapshots, "SECONDS_BETWEEN", 3600.0)
    resumed = train("topk", folder, progress, plan=long)
    assert progress.resumed > 0
    assert same(resumed, train("topk", plan=long))
