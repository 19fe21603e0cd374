"""A run's tokens, bytes, operations and time, from its configuration alone, and what binds it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runners.costs import flops, stored_bytes
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.plan import TrainingPlan
from runners.saes.seed_groups import seed_groups
from runners.subjects.plan import SubjectPlan, TextPlan

SPARSE_FROM = 8
"""Latents for each kept one from which a CPU takes the sparse step (`runners.saes.sparse_topk`)."""


@dataclass(frozen=True)
class Rates:
    """What a device does in a second; the defaults are the published peaks of one H100 SXM and a local NVMe disk."""

    flops: float = 67e12
    """Of products in float32 without TF32, as runs compute."""
    bandwidth: float = 3.35e12
    """Bytes through the device's memory."""
    disk: float = 3e9
    """Bytes read or written."""
    hashing: float = 0.21e9
    """Bytes of stored activations that are compared with their digest (measured on one core)."""
    link: float = 64e9
    """Bytes between two devices: PCIe 5.0 x16 one way, as published. NVLink is faster, where there is one."""


@dataclass(frozen=True)
class ModelSize:
    """The part of the model that a forward pass computes."""

    matrix_parameters: int
    """In the matrices of its layers up to the hook, embeddings left out."""
    layers: int
    width: int


@dataclass(frozen=True)
class Work:
    """The parts of a configuration that cost."""

    seeds: tuple[int, ...]
    subject: SubjectPlan
    texts: TextPlan
    sae: ArchitecturePlan
    training: TrainingPlan
    model: ModelSize | None = None
    """None where nothing is known of it: its forward pass is not counted then, and the text says so."""
    on_cpu: bool = False
    devices: int = 1
    """GPUs that a run sees; more than one for an SAE that is trained in parts."""
    control_models: int = 0
    """Re-initialised models, on each of which the control's SAEs of all seeds are trained as the candidate's are."""


@dataclass(frozen=True)
class Phase:
    """One part of a run: its time is that of the slowest of its resources, which work side by side."""

    name: str
    flops: int
    traffic: int
    """Bytes through the device's memory."""
    disk: int
    """Bytes read and written."""
    hashed: int = 0
    busiest: float = 1.0
    """The share of its operations that the device with most of them computes."""
    exchanged: int = 0
    """Bytes between devices."""

    def seconds(self, rates: Rates) -> dict[str, float]:
        """Return the time that each resource is busy."""
        return {
            "matrix rate": self.flops * self.busiest / rates.flops,
            "bandwidth": self.traffic / rates.bandwidth,
            "disk": self.disk / rates.disk,
            "hashing": self.hashed / rates.hashing,
            "link": self.exchanged / rates.link,
        }

    def wall(self, rates: Rates) -> tuple[str, float]:
        """Return the resource that binds, and its time."""
        return max(self.seconds(rates).items(), key=lambda entry: entry[1])


@dataclass(frozen=True)
class Estimate:
    """What a run takes, for the SAEs of one configuration and of its controls on re-initialised models.

    Probes, transcoders, further controls and scores are not counted.
    """

    train_tokens: int
    held_out_tokens: int
    seen_tokens: int
    """By every seed in training."""
    parameters: int
    """Of one SAE."""
    disk_activations: int
    """And token ids, where they are kept in a file."""
    disk_checkpoints: int
    """In the cache and among the artifacts, of all seeds."""
    disk_snapshots: int
    host_memory: int
    """Beside Python and its libraries. Mapped pages of stores, which the system may drop, are `host_mapped`."""
    host_mapped: int
    device_memory: int
    """Of the first device, which holds moments and sums."""
    parts: int
    """Of a batch; 1 where the SAE is not trained in parts."""
    devices: int
    """Over which parts are spread."""
    further_memory: int
    """Of each further device."""
    exchanged_in_a_step: int
    """Bytes between devices, of one seed."""
    phases: tuple[Phase, ...]
    control_models: int
    """On so many re-initialised models activations and SAEs are counted, beside the candidate's."""
    reviving_flops: int
    """Of training, were some latent dead at every step: the most that AuxK can add up to."""

    @property
    def disk(self) -> int:
        """Bytes on disk at the run's fullest."""
        return self.disk_activations + self.disk_checkpoints + self.disk_snapshots

    @property
    def flops(self) -> int:
        """Of all phases."""
        return sum(phase.flops for phase in self.phases)

    def seconds(self, rates: Rates) -> float:
        """Return the time of all phases, one after another."""
        return sum(phase.wall(rates)[1] for phase in self.phases)

    def wall(self, rates: Rates) -> str:
        """Return the resource that binds for most of the time."""
        held: dict[str, float] = {}
        for phase in self.phases:
            name, seconds = phase.wall(rates)
            held[name] = held.get(name, 0.0) + seconds
        return max(held, key=lambda name: held[name])


def estimate(work: Work) -> Estimate | None:
    """Return what a run takes; None for an architecture without a formula (`runners.costs.flops.PRODUCTS`).

    Activations are written once and read back for their digest; then every group of seeds (`runners.saes.seed_groups`)
    reads each row that it is trained on from disk: a store that fits memory is read from disk only once. Every
    re-initialised model costs all of that again, one after another.
    """
    texts, training, d = work.texts, work.training, work.subject.d_model
    width, batch, count = work.sae.width, training.batch_tokens, len(work.seeds)
    parameters = flops.parameters_of(work.sae, d)
    sparse = work.on_cpu and width >= SPARSE_FROM * (work.sae.k or width)
    step = flops.training_step_flops(work.sae, d, batch, sparse=sparse)
    most = flops.training_step_flops(work.sae, d, batch, sparse=sparse, reviving=True)
    if step is None or most is None:
        return None
    rows, stream = texts.train_tokens + texts.held_out_tokens, texts.stream
    shards = 1 if stream is None else -(-texts.train_tokens // stream.shard_tokens)
    activations = stored_bytes.activation_bytes(rows, d, shards + 1)
    seen = training.steps * batch
    groups = seed_groups(work.seeds, "cpu" if work.on_cpu else "cuda", training.seeds_per_group)
    stacked = max(map(len, groups))
    orders = 1 if stream is not None and stream.order == "shared" else stacked
    group_rows = (
        texts.train_tokens if stream is None else min(texts.train_tokens, stream.shard_tokens * stream.buffer_shards)
    )
    buffered = 0 if stream is None else orders * group_rows * d * stored_bytes.HALF
    held_tokens = rows if stream is None else min(texts.train_tokens, stream.shard_tokens) + texts.held_out_tokens
    filed = 0 if stream is None else texts.train_tokens * stored_bytes.FILED_TOKEN
    # Token ids that are given are held as numbers, and not as text.
    raw = rows * (stored_bytes.TOKEN if texts.of_token_ids else stored_bytes.TEXT)
    state = stored_bytes.state_bytes(parameters, width, group_rows)
    order_bytes = orders * group_rows * stored_bytes.DOUBLE
    per_read = 2 * min(rows, stored_bytes.ROWS_PER_READ) * d * stored_bytes.DOUBLE
    parts = work.sae.parts or 1
    # A device without a part would have nothing to do.
    devices = min(work.devices, parts)
    on_device = stacked * stored_bytes.device_bytes(parameters, d, width, batch, parts)
    exchanged = stored_bytes.exchanged_bytes(parameters, parts, devices)
    further = stacked * stored_bytes.further_device_bytes(parameters, d, width, batch, parts) if devices > 1 else 0
    host = (
        raw + held_tokens * stored_bytes.TOKEN + order_bytes + buffered + per_read + (on_device if work.on_cpu else 0)
    )
    read = seen * d * stored_bytes.HALF * len(groups) * orders
    train = Phase(
        "training",
        step * training.steps * count,
        stored_bytes.step_traffic_bytes(parameters, d, width, batch, parts) * training.steps * count,
        read,
        busiest=-(-parts // devices) / parts,
        exchanged=exchanged * training.steps * count,
    )
    collect = Phase("activations", _forward(work, rows), 0, activations)
    check = Phase("digests of the stores", 0, 0, activations, activations)
    arms = 1 + work.control_models
    phases: tuple[Phase, ...] = (collect, check, train)
    if work.control_models:
        phases += tuple(_times(phase, work.control_models) for phase in phases)
    return Estimate(
        train_tokens=texts.train_tokens,
        held_out_tokens=texts.held_out_tokens,
        seen_tokens=seen,
        parameters=parameters,
        disk_activations=arms * activations + filed,
        disk_checkpoints=arms * 2 * count * stored_bytes.checkpoint_bytes(parameters),
        disk_snapshots=count * state,
        host_memory=host,
        host_mapped=activations if stream is None else filed,
        device_memory=on_device,
        parts=parts,
        devices=devices,
        further_memory=further,
        exchanged_in_a_step=exchanged,
        phases=phases,
        control_models=work.control_models,
        reviving_flops=arms * most * training.steps * count,
    )


def _times(phase: Phase, models: int) -> Phase:
    """Return the same of controls on so many models."""
    times = {name: models * getattr(phase, name) for name in ("flops", "traffic", "disk", "hashed", "exchanged")}
    return replace(phase, name=f"{phase.name}, controls", **times)


def _forward(work: Work, rows: int) -> int:
    """Return the operations of reading all tokens, as texts of the greatest length and nothing but kept tokens."""
    if work.model is None:
        return 0
    context = work.subject.max_tokens_per_text
    size = work.model
    return flops.forward_flops(size.matrix_parameters, size.layers, size.width, -(-rows // context), context)
