"""Sparse probing: every SAE and the dense baseline on the same rows of each dataset, each result remembered by content.

A dataset is done arm by arm; an interrupted run goes on after the last arm that was written. Whatever fails ends the
whole measurement: there is no mean over the datasets that happened to work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from gatekit.errors import GatekitError
from runners.arrays import Floats
from runners.benchmarks.probing import Probe, dense_probe, sparse_probes
from runners.benchmarks.saebench_cache import Json, remembered, surrounding_key
from runners.benchmarks.saebench_plan import ALL, ProbingPlan
from runners.benchmarks.saebench_upstream import upstream_dense, upstream_sparse
from runners.code_digest import code_sha256
from runners.places import caused_by, config_error, place_of
from runners.progress import Progress, Silent
from runners.saes.making import modules_of
from runners.saes.sae import Sae
from runners.subjects.activation_store import Pooling
from runners.subjects.labelled_texts import LabelledTexts, read_as_filed, read_labelled, registered_datasets, split
from runners.subjects.language_model import LanguageModel
from runners.subjects.layered_store import HOOKS_SEPARATOR, LayeredTextStore, side_by_side
from runners.subjects.text_store import TextStore, store_texts

Texts = TextStore | LayeredTextStore

_ROWS_PER_CHUNK = 4096


@dataclass(frozen=True)
class Arm:
    """One SAE to probe."""

    name: str
    """For people: what it is in the comparison, and its seed."""
    sae: Sae
    sha256: str
    """Of its checkpoint."""


@dataclass(frozen=True)
class ProbeResults:
    """All probes on one dataset."""

    labelled: LabelledTexts
    activations_sha256: str
    arms: Mapping[str, tuple[Probe, ...]]
    """Name of the arm -> its probes, fewest latents first."""
    dense: Probe | None


@dataclass(frozen=True)
class Bench:
    """What all datasets share."""

    model: LanguageModel
    hook: str
    """Several names, joined, where the SAEs read several layers."""
    plan: ProbingPlan
    folder: Path
    """Of sae-probes' data."""
    cache: Path
    device: str
    trained_on: frozenset[str]
    """Digests of the texts that the SAEs were trained on."""


def dataset_names(plan: ProbingPlan, folder: Path) -> tuple[str, ...]:
    """Return the names of the plan's datasets.

    Raises:
        GatekitError: `dataset.unknown`.
    """
    registered = registered_datasets(folder)
    own = plan.own_by_name
    for place, name in enumerate(own):
        if name in registered:
            message = f"sae-probes registers a dataset '{name}'"
            raise config_error(plan, f"own[{place}].name", message, "name yours otherwise", error_id="dataset.name")
    if plan.datasets == (ALL,):
        return (*registered, *own)
    for name in plan.datasets:
        if name not in registered and name not in own:
            # Reading it fails, and the error names the nearest known dataset and the place in the plan.
            with caused_by(plan, _key_of(plan, name)):
                read_labelled(folder, name)
    return plan.datasets


def _key_of(plan: ProbingPlan, name: str) -> str:
    """Return where a plan names a dataset."""
    return "datasets" if plan.datasets == (ALL,) else f"datasets[{plan.datasets.index(name)}]"


def probe_datasets(
    bench: Bench, arms: Sequence[Arm], names: Sequence[str], *, dense: bool, progress: Progress
) -> dict[str, ProbeResults]:
    """Probe every arm, and the model itself where asked, on every dataset.

    Args:
        bench: model, hook, plan and places.
        arms: SAEs, each under a name of its own.
        names: of the datasets.
        dense: probe the model's activations too.
        progress: told of every probed arm.

    Raises:
        GatekitError: `benchmark.leak`: an SAE was trained on a text that it is probed on; `benchmark.failed`: a probe
            could not be trained, with the dataset, the arm and the reason.
    """
    found = {}
    for name in names:
        with caused_by(bench.plan, _key_of(bench.plan, name)):
            labelled, store = _texts(bench, name)
        key = _key(bench, labelled, store)
        done: dict[str, tuple[Probe, ...]] = {}
        model_probe = None
        # None stands for the model itself, which is probed without an SAE.
        for arm in [*([None] if dense else []), *arms]:
            label = "dense probe" if arm is None else arm.name
            try:
                with caused_by(bench.plan, _key_of(bench.plan, name)):
                    probes = _remembered_probes(bench, key, labelled, store, arm)
            # What other packages raise when a probe cannot be trained. A `GatekitError` is none of these and passes as
            # it is.
            except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
                message = f"{name}, {label}: {type(error).__name__}: {error}"
                place = place_of(bench.plan, _key_of(bench.plan, name))
                raise GatekitError("benchmark.failed", message, place) from error
            if arm is None:
                model_probe = probes[0]
            else:
                done[arm.name] = probes
            progress.advance(1)
        found[name] = ProbeResults(labelled, store.store.sha256, done, model_probe)
    return found


def _texts(bench: Bench, name: str) -> tuple[LabelledTexts, Texts]:
    plan = bench.plan
    own = plan.own_by_name.get(name)
    if own is not None:
        from runners.subjects.own_labelled import read_own_labelled

        labelled = read_own_labelled(own, plan.rows, plan.seed)
    elif plan.split == "distinct":
        labelled = read_labelled(bench.folder, name, rows=plan.rows, seed=plan.seed)
    else:
        labelled = read_as_filed(bench.folder, name)
    # By the digest of each text, so that a text is found under any dataset's name.
    shared = bench.trained_on & set(labelled.digests)
    if shared:
        raise GatekitError("benchmark.leak", f"the SAEs were trained on {len(shared)} texts of '{name}'")
    pooling: Pooling = "tokens" if plan.pooling == "mean" else "last"
    show = lambda: nullcontext(Silent())  # noqa: E731
    hooks = bench.hook.split(HOOKS_SEPARATOR)
    stores = [store_texts(bench.model, hook, labelled, pooling, plan.max_tokens, bench.cache, show) for hook in hooks]
    return labelled, side_by_side(stores)


def _key(bench: Bench, labelled: LabelledTexts, store: Texts) -> Json:
    # An entry repeats its key as JSON, which has lists where Python has tuples.
    plan = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(bench.plan).items()}
    return {
        **surrounding_key(bench.device, [__name__]),
        # The activations' digest stands for model, hook and texts.
        "activations": store.store.sha256,
        "dataset": labelled.sha256,
        # The list of datasets decides no probe, nor where one lies; ks and penalty decide sparse probes only, whose
        # key has them.
        "plan": {name: value for name, value in plan.items() if name not in ("datasets", "own", "ks", "penalty")},
    }


def encoder_key(arm: Arm) -> Json:
    """Return what an SAE's latents depend on besides the activations: its weights and the code of its architecture."""
    return {"sae": arm.sha256, "architecture_source": code_sha256(modules_of(arm.sae.architecture))}


def _remembered_probes(
    bench: Bench, shared: Json, labelled: LabelledTexts, store: Texts, arm: Arm | None
) -> tuple[Probe, ...]:
    plan = bench.plan
    sparse = {} if arm is None else {**encoder_key(arm), "ks": list(plan.ks), "penalty": plan.penalty}

    def compute() -> Json:
        probes = _probes(bench, labelled, store, arm)
        return {"probes": [asdict(probe) for probe in probes]}

    result = remembered(bench.cache / "probing", {**shared, "probe": sparse or "dense"}, compute)
    return tuple(replace(Probe(**probe), latents=tuple(probe["latents"])) for probe in result["probes"])


def _probes(bench: Bench, labelled: LabelledTexts, store: Texts, arm: Arm | None) -> list[Probe]:
    plan = bench.plan
    if plan.split == "sae-probes":
        rows = torch.from_numpy(store.rows().astype(np.float32))
        if arm is None:
            return [upstream_dense(rows, labelled.name, plan.seed)]
        return upstream_sparse(rows, labelled.name, arm.sae.encode, plan.ks, plan.penalty, plan.seed, bench.device)
    if plan.test_fraction is None:
        raise ValueError("the split 'distinct' needs a test fraction")
    sides = split(labelled, plan.test_fraction, plan.seed)
    features = pooled(store, (lambda x: x) if arm is None else arm.sae.encode, bench.device)
    if arm is None:
        return [dense_probe(features, labelled.labels, sides, plan.seed)]
    return sparse_probes(features, labelled.labels, sides, plan.ks, plan.penalty, plan.seed)


def pooled(store: Texts, encode: Callable[[torch.Tensor], torch.Tensor], device: str) -> Floats:
    """Return the mean of the encoded rows of each text, (texts, width) float32.

    Args:
        store: one row a text, which is then its own mean, or one row a token.
        encode: (rows, d_model) float32 -> (rows, width).
        device: to encode on.
    """
    rows = store.rows()
    counts = np.diff(store.starts)
    # The number of the text that each row belongs to.
    owners = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
    sums: torch.Tensor | None = None
    for start in range(0, len(rows), _ROWS_PER_CHUNK):
        chunk = torch.from_numpy(np.ascontiguousarray(rows[start : start + _ROWS_PER_CHUNK]))
        with torch.no_grad():
            # Added up on the CPU, where the order of additions is fixed.
            encoded = encode(chunk.to(device).float()).cpu()
        # How wide the sums are is known once something is encoded.
        sums = encoded.new_zeros((len(counts), encoded.shape[1])) if sums is None else sums
        sums.index_add_(0, owners[start : start + _ROWS_PER_CHUNK], encoded)
    if sums is None:
        raise ValueError("no rows")
    means: Floats = (sums / torch.from_numpy(counts).unsqueeze(1)).float().numpy()
    return means
