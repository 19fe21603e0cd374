"""The measuring half of the runner `ood`: every SAE and the dense probe, fitted once and tested on both sides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial

import torch

from gatekit.errors import GatekitError
from runners.arms.activations import Activations, collect, inputs_json, open_source
from runners.arms.divergence import diverged
from runners.arms.sae_arms import Side, candidate_side, known_training_texts
from runners.arms.trained_saes import artifacts_json
from runners.benchmarks.ood import ShiftedProbe, probe_activations, probe_latents
from runners.benchmarks.saebench import Arm, encoder_key, pooled
from runners.benchmarks.saebench_cache import remembered, surrounding_key
from runners.digests import file_sha256
from runners.places import caused_by, config_error, place_of
from runners.progress import Silent, showing
from runners.stage.run_environment import RunEnvironment
from runners.stages.ood.plan import ALL, KIND, OodConfig, ShiftPlan, protocol_of
from runners.subjects.activation_store import Pooling
from runners.subjects.labelled_texts import LabelledTexts
from runners.subjects.own_set_files import own_set_inputs
from runners.subjects.shifted_texts import ShiftedTexts, datasets_with_shift, read_longer, read_shifted
from runners.subjects.text_corpus import sae_probes_folder
from runners.subjects.text_store import TextStore, store_texts
from runners.summary_writing import Json, RunResult, measurement

LEAST_DATASETS = 2
"""One dataset has no spread over datasets to bound anything with."""


@dataclass(frozen=True)
class Slice:
    """One dataset with its activations on both sides of the shift."""

    texts: ShiftedTexts
    inside: TextStore
    shifted: TextStore
    key: str
    """Of the plan, that names the dataset."""

    @property
    def name(self) -> str:
        """As summaries have names: without spaces."""
        return self.texts.name.replace(" ", "-")


def measure(config: OodConfig, environment: RunEnvironment) -> RunResult:
    """Run the whole protocol and return what the summary says.

    Raises:
        GatekitError: model, hook, texts or datasets are not what the configuration says, an SAE was trained on a text
            that it is probed on, a probe cannot be trained, or fewer than two datasets are left.
    """
    source = open_source(config, environment.device)
    inputs = collect(source, config, environment, trains=config.training is not None)
    side = candidate_side(config, inputs, environment)
    if side.saes is None or side.subject is None:
        raise ValueError("there is not one SAE per seed")
    slices = slices_of(config, inputs, environment)
    dense: dict[str, ShiftedProbe] = {}
    sparse: dict[tuple[str, str], ShiftedProbe] = {}
    left_out: list[str] = []
    with showing("probing", len(slices) * (len(side.arms) + 1), "SAEs on datasets") as progress:
        for each in slices:
            found = shifted_probe(config, each, None, environment)
            progress.advance(1)
            if found.validation_auc < config.shift.least_dense_auc:
                left_out.append(each.name)
                progress.advance(len(side.arms))
                continue
            dense[each.name] = found
            for arm in side.arms:
                sparse[each.name, arm.name] = shifted_probe(config, each, arm, environment)
                progress.advance(1)
    if len(dense) < LEAST_DATASETS:
        message = (
            f"the dense probe reaches {config.shift.least_dense_auc:g} on {len(dense)} of {len(slices)} datasets; "
            f"{LEAST_DATASETS} are needed"
        )
        remedy = "name other datasets, or another hook"
        raise config_error(config, "shift.least_dense_auc", message, remedy, error_id="benchmark.too_few")
    kept = [each for each in slices if each.name in dense]
    datasets = [
        {"name": s.name, "sha256": s.texts.sha256, "rows": len(s.texts.inside.texts) + len(s.texts.shifted.texts)}
        for s in kept
    ]
    return RunResult(
        subject=side.subject,
        protocol=protocol_of(config, datasets, left_out, sum(each.texts.left_out for each in kept)),
        measurements=_measurements(config, side, dense, sparse),
        inputs=[
            *inputs_json([inputs]),
            *own_set_inputs(config.shift.own or ()),
            *(entry for each in kept for entry in _inputs(each)),
        ],
        artifacts=[*artifacts_json([side.saes], environment), _table(dense, sparse, environment)],
        diverged=diverged(side.saes, environment.device),
    )


def slices_of(config: OodConfig, inputs: Activations, environment: RunEnvironment) -> list[Slice]:
    """Return every dataset and the activations of both its sides, without what SAEs were trained on.

    Raises:
        GatekitError: a dataset is not what the configuration says.
    """
    plan, folder = config.shift, sae_probes_folder()
    takes_all = plan.shifted == (ALL,)
    shifted = datasets_with_shift(folder) if takes_all else plan.shifted or ()
    named = [
        (partial(read_shifted, folder, name), "shifted" if takes_all else f"shifted[{i}]")
        for i, name in enumerate(shifted)
    ]
    named += [(partial(read_longer, folder, name), f"longer[{i}]") for i, name in enumerate(plan.longer or ())]
    if plan.own:
        from runners.subjects.own_labelled import read_own_shifted

        named += [(partial(read_own_shifted, each), f"own[{i}]") for i, each in enumerate(plan.own)]
    trained_on = known_training_texts(config, inputs.source)
    read = []
    for read_texts, key in named:
        with caused_by(plan, key):
            texts = read_texts(plan.rows, plan.test_fraction, plan.seed)
            shared = trained_on & {*texts.inside.digests, *texts.shifted.digests}
            if shared:
                raise GatekitError("benchmark.leak", f"the SAEs were trained on {len(shared)} texts of '{texts.name}'")
        read.append((texts, key))
    pooling: Pooling = "tokens" if plan.pooling == "mean" else "last"

    def stored(labelled: LabelledTexts) -> TextStore:
        show = lambda: nullcontext(Silent())  # noqa: E731
        return store_texts(inputs.model, inputs.hook, labelled, pooling, plan.max_tokens, environment.cache, show)

    slices = []
    with showing(f"{inputs.model.name}: activations of texts", len(read), "datasets") as progress:
        for texts, key in read:
            with caused_by(plan, key):
                slices.append(Slice(texts, stored(texts.inside), stored(texts.shifted), key))
            progress.advance(1)
    return slices


def shifted_probe(config: OodConfig, each: Slice, arm: Arm | None, environment: RunEnvironment) -> ShiftedProbe:
    """Return the probe of one SAE, or the dense one, from the cache where equal code made it from equal input."""
    plan = config.shift
    sparse = None if arm is None else {**encoder_key(arm), "ks": list(plan.ks), "penalty": plan.penalty}
    key = {
        **surrounding_key(environment.device, [__name__]),
        "texts": each.texts.sha256,
        "activations": [each.inside.store.sha256, each.shifted.store.sha256],
        "seed": plan.seed,
        "probe": sparse or "dense",
    }

    def compute() -> Json:
        try:
            return asdict(_probe(plan, each, arm, environment.device))
        except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
            label = "dense probe" if arm is None else arm.name
            message = f"{each.name}, {label}: {type(error).__name__}: {error}"
            raise GatekitError("benchmark.failed", message, place_of(plan, each.key)) from error

    found = remembered(environment.cache / "shifted_probes", key, compute)
    return ShiftedProbe(**{**found, "latents": tuple(found["latents"])})


def _probe(plan: ShiftPlan, each: Slice, arm: Arm | None, device: str) -> ShiftedProbe:
    def identity(rows: torch.Tensor) -> torch.Tensor:
        return rows

    encode = identity if arm is None else arm.sae.encode
    inside, shifted = (pooled(store, encode, device) for store in (each.inside, each.shifted))
    if arm is None:
        return probe_activations(inside, shifted, each.texts, plan.seed)
    return probe_latents(inside, shifted, each.texts, plan.ks, plan.penalty, plan.seed)


def _measurements(
    config: OodConfig, side: Side, dense: Mapping[str, ShiftedProbe], sparse: Mapping[tuple[str, str], ShiftedProbe]
) -> Json:
    cells = [(seed, arm, name) for seed, arm in zip(config.seeds, side.arms, strict=True) for name in dense]
    keys: dict[str, Sequence[int | str]] = {
        "seed": [seed for seed, _, _ in cells],
        "dataset": [name for _, _, name in cells],
    }
    ours = [sparse[name, arm.name] for _, arm, name in cells]
    theirs = [dense[name] for _, _, name in cells]
    drops, their_drops = ([probe.drop for probe in each] for each in (ours, theirs))
    inside, their_inside = ([probe.id_auc for probe in each] for each in (ours, theirs))
    outside, their_outside = ([probe.ood_auc for probe in each] for each in (ours, theirs))
    entries: dict[str, tuple[Sequence[float], Sequence[float] | None]] = {
        "auc_drop": (drops, None),
        "auc_drop_capped": ([max(0.0, drop) for drop in drops], None),
        "auc_drop_above_baseline": (drops, their_drops),
        "baseline_auc_drop": (their_drops, None),
        "id_auc": (inside, None),
        "id_auc_delta": (inside, their_inside),
        "ood_auc": (outside, None),
        "ood_auc_delta": (outside, their_outside),
    }
    return {name: measurement(KIND, name, keys, *values) for name, values in entries.items()}


def _inputs(each: Slice) -> list[Json]:
    parts = [
        *((f"texts:{each.name}:{part}", digest, rows) for part, (digest, rows) in each.texts.parts.items()),
        (f"activations:{each.name}:inside", each.inside.store.sha256, each.inside.store.rows),
        (f"activations:{each.name}:shifted", each.shifted.store.sha256, each.shifted.store.rows),
    ]
    return [{"name": name, "sha256": digest, "rows": rows} for name, digest, rows in parts]


def _table(
    dense: Mapping[str, ShiftedProbe], sparse: Mapping[tuple[str, str], ShiftedProbe], environment: RunEnvironment
) -> Json:
    """Write every probe with its k and latents, and return the file as an artifact."""
    found: dict[str, Json] = {name: {"dense": asdict(probe)} for name, probe in dense.items()}
    for (name, arm), probe in sparse.items():
        found[name][arm] = asdict(probe)
    path = environment.artifacts / "shifted_probes.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return {"name": "probes", "sha256": file_sha256(path), "bytes": path.stat().st_size, "uri": path.name}
