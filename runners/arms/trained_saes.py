"""SAEs that a run trains on activations, or finds trained in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gatekit.errors import GatekitError
from runners.arms.activations import Activations
from runners.arms.saes import Saes
from runners.arrays import Floats
from runners.claims import claimed
from runners.determinism import describe_device
from runners.metrics.reconstruction import Reconstruction, measure_reconstruction
from runners.progress import showing
from runners.saes.architecture_plan import TrainableShape
from runners.saes.checkpoint import SavedCheckpoint
from runners.saes.identity import sae_sha256
from runners.saes.plan import TrainingPlan
from runners.saes.sae import Sae
from runners.saes.sae_cache import cache_folder, find_seed, keep, publish, stack_of
from runners.saes.seed_groups import seed_groups
from runners.saes.training import SaeStack, train_stack
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import SaeConfig, subject_json
from runners.summary_writing import Json
from runners.tracking import ArmTracker


@dataclass(frozen=True)
class TrainedSaes:
    """One SAE per seed, equal in everything else."""

    name: str
    """Of the arm, and of its folder among the artifacts."""
    inputs: Activations
    targets: Activations | None
    """What transcoders reconstruct; None where that is the inputs."""
    plan: TrainableShape
    stack: SaeStack
    checkpoints: tuple[SavedCheckpoint, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """In increasing order."""
        return self.stack.seeds

    @property
    def shape(self) -> TrainableShape:
        """Of every SAE."""
        return self.plan

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """Of each seed's SAE: its weights and all that says how they are used, as of one that is read from a file."""
        return tuple(sae_sha256(self.sae(place)) for place in range(len(self.seeds)))

    @property
    def decoders(self) -> Floats:
        """(seeds, d_sae, d_out) rows."""
        rows: Floats = self.stack.parameters["W_dec"].cpu().numpy()
        return rows

    @property
    def initial_decoders(self) -> Floats:
        """(seeds, d_sae, d_out) rows before training."""
        rows: Floats = self.stack.initial_decoders.cpu().numpy()
        return rows

    def sae(self, place: int) -> Sae:
        """Return the SAE of the seed at this place of the stack."""
        stack = self.stack
        parameters = {name: value[place] for name, value in stack.parameters.items()}
        return Sae(stack.architecture, parameters, stack.scale, stack.target_scale)

    def reconstruction(self, device: str) -> Reconstruction:
        """Return r2, L0 and live latents on the held-out rows."""
        rows = self.inputs.held_out.read()
        if rows.ndim == 3:
            from runners.metrics.routed_reconstruction import measure_routed

            return measure_routed(self.stack, rows, device)
        targets = None if self.targets is None else self.targets.held_out.read()
        return measure_reconstruction(self.stack.reconstruct, rows, device, targets)

    def subject(self, config: SaeConfig) -> Json:
        """Return these SAEs as a summary's subject."""
        model = self.inputs.model
        pairs = zip(self.seeds, self.digests, strict=True)
        entries = [{"seed": seed, "sha256": digest} for seed, digest in pairs]
        return subject_json(config, model.name, model.digest, entries, self.plan, self.inputs.hook)


def train(
    inputs: Activations,
    sae: TrainableShape,
    training: TrainingPlan,
    seeds: Sequence[int],
    environment: RunEnvironment,
    name: str,
    targets: Activations | None = None,
) -> TrainedSaes:
    """Train one SAE per seed, or take from the cache those that were trained before.

    Args:
        inputs: what the SAEs encode.
        sae: architecture and shape.
        training: how.
        seeds: of initial weights and of the order of rows.
        environment: device, cache and artifacts.
        name: of the arm.
        targets: what transcoders reconstruct.

    Raises:
        GatekitError: `config.together`: the architecture cannot be built.
    """
    d_out = None if targets is None else targets.training.d_model
    architecture = sae.build(inputs.training.d_model, d_out, getattr(inputs.training, "layers", None))
    stores = [store.training.sha256 for store in (inputs, targets) if store is not None]
    folders = {
        group: cache_folder(environment.cache, architecture, training, stores, environment.device, group)
        for group in seed_groups(seeds, environment.device, training.seeds_per_group)
    }
    facts = {
        "model": inputs.model.name,
        "model_digest": inputs.model.digest,
        "hook": inputs.hook,
        "device": describe_device(environment.device),
    }
    saes = {seed: find_seed(folder, seed) for group, folder in folders.items() for seed in group}
    # A group is trained whole or not at all: fewer seeds in a stack could give other bits.
    missing = [group for group in folders if any(saes[seed] is None for seed in group)]
    if missing:
        tokens = training.steps * training.batch_tokens * sum(map(len, missing))
        with showing(f"{name.replace('_', ' ')}: training", tokens, "tokens") as progress:

            def trained(group: tuple[int, ...], wait: bool) -> bool:
                """Say whether the SAEs of a group are there now; without waiting, somebody else may be at them."""
                folder = folders[group]
                with claimed(folder, f"training of seeds {', '.join(map(str, group))}", wait) as ours:
                    if not ours:
                        return False
                    # Whoever had the claim before may have left them.
                    found = {seed: find_seed(folder, seed) for seed in group}
                    if None in found.values():
                        stack = train_stack(
                            architecture,
                            inputs.training.read(),
                            list(group),
                            training,
                            environment.device,
                            progress,
                            None if targets is None else targets.training.read(),
                            snapshots=environment.cache / "snapshots",
                            tracker=None if environment.tracker is None else ArmTracker(environment.tracker, name),
                        )
                        keep(stack, folder, facts)
                        found = {seed: find_seed(folder, seed) for seed in group}
                    saes.update(found)
                    return True

            # Groups that another process trains are waited for once there is nothing else to do.
            for group in [group for group in missing if not trained(group, wait=False)]:
                trained(group, wait=True)
    read = {seed: sae for seed, sae in saes.items() if sae is not None}
    lost = next((seed for seed in seeds if seed not in read), None)
    if lost is not None:
        raise GatekitError("runner.sae_cache", f"the SAE of seed {lost} cannot be read back from the cache")
    stack = stack_of(read, training)
    if environment.device.startswith("cuda"):
        moved = {key: value.to(environment.device) for key, value in stack.parameters.items()}
        stack = replace(stack, parameters=moved)
    places = {seed: folder for group, folder in folders.items() for seed in group}
    checkpoints = tuple(publish(places, read, environment.artifacts / name))
    return TrainedSaes(name, inputs, targets, sae, stack, checkpoints)


def artifacts_json(arms: Sequence[Saes], environment: RunEnvironment) -> list[Json]:
    """Return the checkpoints that this run wrote, of every arm, as a summary's artifacts."""
    return [
        {
            "name": f"{arm.name.replace('_', '-')}:seed-{saved.seed}",
            "sha256": saved.sha256,
            "bytes": saved.bytes,
            "uri": saved.path.relative_to(environment.artifacts).as_posix(),
        }
        for arm in arms
        for saved in arm.checkpoints
    ]
