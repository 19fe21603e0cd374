"""A runner that costs nothing: it writes a summary of chosen values, slowly or not at all, as its configuration says.

r2, delta   what every seed measures, plus a little that differs by seed
k           of the subject, so that branches are several subjects
sleep       seconds that it takes
fail        exit code that it ends with instead
fail_first  number of first attempts that end in 70
pieces      number of pieces that the summary joins, each of which takes `sleep`
fail_piece  number of the piece that cannot be made ahead; -1 for none
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import builders

DEFAULTS: dict[str, Any] = {
    **{"r2": 0.8, "delta": 0.2, "k": 32, "sleep": 0.0, "fail": 0, "fail_first": 0},
    **{"pieces": 0, "fail_piece": -1, "until": ""},
}
"""`until` names a file that the run waits for, at most a minute: what a test does meanwhile may take its time."""


def main(arguments: Sequence[str]) -> int:
    """Do what the configuration says."""
    parser = argparse.ArgumentParser(prog="fakelab")
    parser.add_argument("--config", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--out", required=True)
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--units", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--track")
    parser.add_argument("--artifacts")
    options = parser.parse_args(arguments)
    config = _config(options.config, options.set)
    keys = [
        hashlib.sha256(f"{config['k']} {seed} {n}".encode()).hexdigest()[:16]
        for seed in config["seeds"][:1]
        for n in range(config["pieces"])
    ]
    if options.units:
        units = [{"key": key, "after": [], "done": (Path(options.cache) / key).exists()} for key in keys]
        sys.stdout.write(json.dumps({"units": units}) + "\n")
        return 0
    if options.only:
        with open(_made(Path(options.cache), "processes.log"), "a", encoding="utf-8") as file:
            file.write(f"{len(options.only)}\n")
        for key in options.only:
            if keys.index(key) == config["fail_piece"]:
                return 70
            _make(Path(options.cache), key, config["sleep"])
        return 0
    if options.track:
        named = {name: os.environ.get(name) for name in ("WANDB_RUN_GROUP", "WANDB_JOB_TYPE", "WANDB_TAGS")}
        place = Path(options.artifacts)
        place.mkdir(parents=True, exist_ok=True)
        (place / "tracked.json").write_text(json.dumps({"service": options.track, **named}), encoding="utf-8")
    attempts = Path(options.out) / ".attempts"
    attempts.parent.mkdir(parents=True, exist_ok=True)
    before = int(attempts.read_text()) if attempts.exists() else 0
    attempts.write_text(str(before + 1))
    for key in keys:
        _make(Path(options.cache), key, config["sleep"])
    if not keys:
        time.sleep(config["sleep"])
    deadline = time.monotonic() + 60
    while config["until"] and not Path(config["until"]).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    if before < config["fail_first"]:
        return 70
    if config["fail"]:
        return int(config["fail"])
    _write(Path(options.out), config)
    return 0


def configurations(path: str, settings: Sequence[str] = ()) -> list[tuple[str, str, dict[str, Any]]]:
    """Say what would be recorded, as real runners do."""
    return [("", "random_model", _config(path, settings))]


def _config(path: str, settings: Sequence[str]) -> dict[str, Any]:
    config = {**DEFAULTS, **json.loads(Path(path).read_text(encoding="utf-8"))}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in (*DEFAULTS, "seeds"):
            from gatekit.errors import GatekitError

            raise GatekitError("config.unknown_key", f"--set {key}: unknown key")
        config[key] = json.loads(value)
    return config


def _made(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _make(cache: Path, key: str, sleep: float) -> None:
    path = cache / key
    if path.exists():
        return
    time.sleep(sleep)
    cache.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{key}.{os.getpid()}")
    temporary.write_text("made", encoding="utf-8")
    with open(cache / "made.log", "a", encoding="utf-8") as file:
        file.write(f"{key}\n")
    os.replace(temporary, path)


def _write(out: Path, config: dict[str, Any]) -> None:
    seeds = config["seeds"]
    pairs = len(seeds) * (len(seeds) - 1) // 2
    shift = [0.001 * (seed % 7) for seed in seeds]
    now = datetime.now(UTC)
    document = builders.summary(
        "random_model",
        {
            "r2": [config["r2"] + s for s in shift],
            "pw_mcc_above_control": (
                builders.around(0.4 + config["delta"], 0.02, pairs),
                builders.around(0.4, 0.01, pairs),
            ),
        },
        seeds=seeds,
        of=builders.subject(seeds, model=f"model-{config['k']}", k=config["k"]),
        finished=f"{now:%Y-%m-%dT%H:%M:%SZ}",
    )
    path = out / "random_model.json"
    temporary = out / ".random_model.json"
    temporary.write_text(json.dumps(document), encoding="utf-8")
    os.replace(temporary, path)
