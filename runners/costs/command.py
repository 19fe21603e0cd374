"""`python -m runners plan --config FILE`: what a run would take, before anything starts.

    python -m runners plan --config runners/configs/random_model/lab.yaml
    python -m runners plan --config FILE --set training.steps=1000 --json
    python -m runners plan --config FILE --set sae.architecture=topk_in_parts --set sae.parts=8 --devices 4

It reads the blocks `seeds`, `subject`, `texts`, `sae` and `training` of any runner's configuration, and how many
re-initialised models its control is measured on. Times are those of
the stated rates, by default the published peaks of one H100: a floor, and no forecast. `benchmarks/gpu/run.sh` measures
the rates of a device. What it does not count is named in its last line.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gatekit.errors import GatekitError, Location, UsageError
from runners.arms.random_models import ONE, SEVERAL
from runners.config import read_block, value_at
from runners.costs.estimate import Estimate, ModelSize, Rates, Work, estimate
from runners.costs.flops import PRODUCTS
from runners.places import config_error
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.settings import Setting, read_settings
from runners.stage.parts_faults import check_parts
from runners.subjects.plan import SubjectPlan, TextPlan

NOT_COUNTED = "not counted: transcoders, further controls, probes, scores, and sweeps over several configurations"
CONTROLS = (("controls",), ("scoring", "baseline"), ("circuit",))
"""Where a configuration names the re-initialised models of its control."""


class _PlanParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see {self.prog} --help")


def main(argv: Sequence[str]) -> int:
    """Print the estimate and return 0; 4 where the configuration is refused, or has SAEs without a formula.

    Raises:
        GatekitError: as said, with its place.
        UsageError: the command line is wrong.
    """
    arguments = _parse(argv)
    path, settings = Path(arguments.config), read_settings(arguments.settings)
    work = _work(path, settings, arguments)
    found = estimate(work)
    if found is None:
        message = f"no formula for the cost of '{work.sae.label}'"
        raise config_error(work.sae, "architecture", message, f"known: {', '.join(PRODUCTS)}", error_id="plan.formula")
    rates = Rates(*(getattr(arguments, field.name) for field in dataclasses.fields(Rates)))
    if arguments.json:
        sys.stdout.write(json.dumps(_document(found, rates, work), indent=2) + "\n")
    else:
        sys.stdout.write(_text(found, rates, work))
    return 0


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = _PlanParser(prog="python -m runners plan", description=__doc__, allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", required=True, help="YAML file of any runner that trains SAEs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"), help="decides which step is taken")
    parser.add_argument("--devices", type=_devices, default=1, help="GPUs for one SAE that is trained in parts")
    parser.add_argument("--flops", type=_rate, default=Rates.flops, help="a second, of float32 products")
    parser.add_argument("--bandwidth", type=_rate, default=Rates.bandwidth, help="bytes a second, device memory")
    parser.add_argument("--disk", type=_rate, default=Rates.disk, help="bytes a second")
    parser.add_argument("--hashing", type=_rate, default=Rates.hashing, help="bytes a second")
    parser.add_argument("--link", type=_rate, default=Rates.link, help="bytes a second between two devices")
    parser.add_argument("--model-parameters", type=_count, help="in matrices of layers up to the hook")
    parser.add_argument("--model-layers", type=_count, help="up to the hook")
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args(argv)
    if (arguments.model_parameters is None) != (arguments.model_layers is None):
        raise UsageError("--model-parameters and --model-layers belong together", "give both or neither")
    if arguments.devices > 1 and arguments.device == "cpu":
        raise UsageError("--devices beside --device cpu", "parts are spread over GPUs; leave one of them out")
    return arguments


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e30:
        raise argparse.ArgumentTypeError(f"{text} is no rate")
    return value


def _devices(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1024:
        raise argparse.ArgumentTypeError(f"{text} is no number of devices")
    return value


def _count(text: str) -> int:
    value = int(float(text))
    if not 0 < value < 1e15:
        raise argparse.ArgumentTypeError(f"{text} is no count")
    return value


def _work(path: Path, settings: Sequence[Setting], arguments: argparse.Namespace) -> Work:
    blocks: dict[str, Any] = {}
    shapes: dict[str, type[Any]] = {
        "subject": SubjectPlan,
        "texts": TextPlan,
        "sae": ArchitecturePlan,
        "training": TrainingPlan,
    }
    for key, shape in shapes.items():
        blocks[key] = read_block(path, key, shape, settings)
        if blocks[key] is None:
            message = f"there is no block '{key}', so it trains no SAEs whose cost is known here"
            raise GatekitError("plan.block", message, Location(str(path)))
    seeds = value_at(path, "seeds", settings=settings)
    if not isinstance(seeds, list) or not seeds:
        raise GatekitError("plan.block", "'seeds' lists none", Location(str(path)))
    models = _control_models(path, settings)
    work = Work(tuple(range(len(seeds))), **blocks, on_cpu=arguments.device == "cpu", control_models=models)
    _refuse_parts(work, arguments.devices)
    work = dataclasses.replace(work, devices=arguments.devices)
    return dataclasses.replace(work, model=_model(work, arguments))


def _refuse_parts(work: Work, devices: int) -> None:
    """Refuse parts that a run would refuse, and several devices for an SAE that only one can train."""
    check_parts(work, "cpu")
    if devices > 1 and work.sae.parts is None:
        message = f"architecture '{work.sae.architecture}' is trained on one device; seeds are spread over several"
        raise config_error(work.sae, "architecture", message, "leave --devices out, or train it in parts")


def _control_models(path: Path, settings: Sequence[Setting]) -> int:
    """Return on how many re-initialised models SAEs are trained: one draw is the same for all blocks that name it."""
    found: set[object] = set()
    for block in CONTROLS:
        several = value_at(path, *block, SEVERAL, settings=settings)
        if several is not None and not (isinstance(several, list) and all(isinstance(one, int) for one in several)):
            message = f"'{'.'.join((*block, SEVERAL))}' is no list of seeds"
            raise GatekitError("plan.block", message, Location(str(path)))
        one = value_at(path, *block, ONE, settings=settings)
        found |= set(several if several is not None else [] if one is None else [one])
    return len(found)


def _model(work: Work, arguments: argparse.Namespace) -> ModelSize | None:
    """Return the size of the model: as given, or from its files where they lie on this machine."""
    from runners.costs.model_size import model_size
    from runners.subjects.model_files import find_model

    if arguments.model_parameters is not None:
        return ModelSize(arguments.model_parameters, arguments.model_layers, work.subject.d_model)
    plan = work.subject.model
    if plan.source == "hub" or work.texts.source == "activations":
        return None
    try:
        return model_size(find_model(plan.source, plan.name).folder, str(work.subject.hook))
    except GatekitError:
        # The plan is made before the model is there, too.
        return None


def _document(found: Estimate, rates: Rates, work: Work) -> dict[str, Any]:
    facts = {key: value for key, value in dataclasses.asdict(found).items() if key != "phases"}
    phases = [
        {**dataclasses.asdict(phase), "seconds": phase.wall(rates)[1], "wall": phase.wall(rates)[0]}
        for phase in found.phases
    ]
    return {
        **facts,
        "disk": found.disk,
        "flops": found.flops,
        "phases": phases,
        "rates": dataclasses.asdict(rates),
        "seconds": found.seconds(rates),
        "wall": found.wall(rates),
        "model_counted": work.model is not None,
        "streamed": work.texts.stream is not None,
    }


def _text(found: Estimate, rates: Rates, work: Work) -> str:
    stream = work.texts.stream
    way = (
        "read at random from one store"
        if stream is None
        else (
            f"in shards of {stream.shard_tokens:,}, {stream.buffer_shards} of them in the buffer, order {stream.order}"
        )
    )
    seeds = len(work.seeds)
    lines = [
        f"tokens      {found.train_tokens:,} to train on, {found.held_out_tokens:,} held out; {way}",
        f"            {found.seen_tokens:,} seen by each of {seeds} seed{'s' * (seeds != 1)}, "
        f"{found.seen_tokens / max(found.train_tokens, 1):.2f} passes",
        f"parameters  {found.parameters:,} a seed",
        *_controls(found.control_models, seeds),
        f"disk        {_bytes(found.disk)}: activations {_bytes(found.disk_activations)}, checkpoints "
        f"{_bytes(found.disk_checkpoints)}, snapshots {_bytes(found.disk_snapshots)}",
        f"host memory {_bytes(found.host_memory)}"
        + (f", and {_bytes(found.host_mapped)} mapped, of which pages come and go" if found.host_mapped else ""),
        *_on_devices(found),
        f"FLOPs       {found.flops:.3g}; training at most {found.reviving_flops:.3g} while latents are dead",
    ]
    for phase in found.phases:
        name, seconds = phase.wall(rates)
        lines.append(f"{phase.name:<32} {_time(seconds):>10}, bound by the {name}")
    lines += [
        f"{'in all':<32} {_time(found.seconds(rates)):>10} at least, most of it bound by the {found.wall(rates)}",
        f"rates: {rates.flops:.3g} FLOP/s, {_bytes(rates.bandwidth)}/s of memory, {_bytes(rates.disk)}/s of disk, "
        f"{_bytes(rates.hashing)}/s hashed"
        + (f", {_bytes(rates.link)}/s between devices" if found.devices > 1 else ""),
        NOT_COUNTED + ("" if work.model else "; nor the model's forward pass, whose size is not known here"),
    ]
    return "".join(f"{line}\n" for line in lines)


def _controls(models: int, seeds: int) -> list[str]:
    if not models:
        return []
    named = "a re-initialised model" if models == 1 else f"each of {models} re-initialised models"
    return [f"controls    activations and SAEs of {seeds} seed{'s' * (seeds != 1)} on {named}"]


def _on_devices(found: Estimate) -> list[str]:
    lines = [f"device      {_bytes(found.device_memory)}"]
    if found.parts > 1:
        lines[0] += f"; batches in {found.parts} parts"
    if found.devices > 1:
        lines.append(
            f"            {_bytes(found.further_memory)} on each of {found.devices - 1} further, and "
            f"{_bytes(found.exchanged_in_a_step)} between them in every step of a seed"
        )
    return lines


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:,.0f} {unit}"
        count /= 1000
    raise AssertionError


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
