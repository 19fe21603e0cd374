"""What one set of SAEs is worth by every measure that a single hook allows: the same list for frontier and scaling."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from runners.arms.trained_saes import TrainedSaes
from runners.benchmarks.probing import chosen
from runners.benchmarks.saebench import Arm, Bench, ProbeResults, dataset_names, probe_datasets
from runners.benchmarks.saebench_plan import ProbingPlan
from runners.metrics.chance import score_beside_chance
from runners.progress import showing
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import SaeConfig
from runners.subjects.own_set_files import own_set_inputs
from runners.subjects.text_corpus import sae_probes_folder
from runners.summary_writing import Json, measurement


class ScoredConfig(SaeConfig, Protocol):
    """A stage's configuration that asks for these scores."""

    @property
    def gaussian_draws(self) -> int:
        """Gaussian dictionaries per seed."""
        ...

    @property
    def probing(self) -> ProbingPlan:
        """Datasets, rows, pooling and probes."""
        ...


@dataclass(frozen=True)
class Column:
    """One measure: a value per key, and the control's where it has one."""

    candidate: Sequence[float]
    baseline: Sequence[float] | None = None


@dataclass(frozen=True)
class SaeScores:
    """All measures of one set of SAEs, with the keys of their observations."""

    pairs: Mapping[str, Sequence[int | str]]
    by_pair: Mapping[str, Column]
    seeds: Sequence[int]
    by_seed: Mapping[str, Column]
    cells: Mapping[str, Sequence[int | str]]
    """Columns `seed` and `dataset`."""
    by_cell: Mapping[str, Column]
    datasets: tuple[Json, ...]
    """As a protocol names them."""
    inputs: tuple[Json, ...]

    def measurements(self, kind: str) -> Json:
        """Return them as a summary of this kind has them."""
        keyed = ((self.pairs, self.by_pair), ({"seed": self.seeds}, self.by_seed), (self.cells, self.by_cell))
        return {
            name: measurement(kind, name, keys, column.candidate, column.baseline)
            for keys, columns in keyed
            for name, column in columns.items()
        }


def score_saes(config: ScoredConfig, trained: TrainedSaes, environment: RunEnvironment) -> SaeScores:
    """Measure SAEs on the held-out texts and probe them.

    Raises:
        GatekitError: a dataset shares a text with the SAEs' training, or a probe cannot be trained.
    """
    seeds, draws = trained.stack.seeds, config.gaussian_draws
    held_out = trained.reconstruction(environment.device)
    with showing("matching latents", len(seeds) * (len(seeds) - 1) // 2 * (1 + draws), "pairs") as progress:
        width = config.subject.d_model
        found = score_beside_chance(trained.decoders, held_out.live, seeds, width, draws, progress)
    scores, floor = found.scores, found.floor
    probed, dense = probe(config, trained, environment)
    keys = [(place, seed, name) for place, seed in enumerate(seeds) for name in probed]
    ours = [chosen(probed[name].arms[_arm_name(seed)]) for _, seed, name in keys]
    models = [dense[name].dense for _, _, name in keys]
    by_cell: dict[str, Column] = {}
    for measure in ("auc", "accuracy", "f1"):
        values = [float(getattr(probe, measure)) for probe in ours]
        by_cell[measure] = Column(values)
        by_cell[f"{measure}_delta"] = Column(values, [float(getattr(probe, measure)) for probe in models])
    return SaeScores(
        pairs={"seed_a": [a for a, _ in scores.pairs], "seed_b": [b for _, b in scores.pairs]},
        by_pair={
            "pw_mcc": Column(scores.pw_mcc),
            "pw_mcc_live": Column(scores.pw_mcc_live),
            "pw_mcc_above_gaussian": Column(scores.pw_mcc, floor.pw_mcc),
            "pw_mcc_chance_corrected": Column(found.corrected("pw_mcc")),
        },
        seeds=seeds,
        by_seed={
            "r2": Column(held_out.r2),
            "l0": Column(held_out.l0),
            "dead_fraction": Column(held_out.dead_fraction),
            **{name: Column(values) for name, values in held_out.apart.items()},
        },
        cells={"seed": [seed for _, seed, _ in keys], "dataset": [name.replace(" ", "-") for _, _, name in keys]},
        by_cell=by_cell,
        datasets=tuple(
            {"name": name.replace(" ", "-"), "sha256": one.labelled.sha256, "rows": len(one.labelled.texts)}
            for name, one in probed.items()
        ),
        inputs=(
            *own_set_inputs(config.probing.own or ()),
            *(
                {
                    "name": f"activations:{name.replace(' ', '-')}",
                    "sha256": one.activations_sha256,
                    "rows": len(one.labelled.texts),
                }
                for name, one in probed.items()
            ),
        ),
    )


def _arm_name(seed: int) -> str:
    return f"seed-{seed}"


def probe(
    config: ScoredConfig, trained: TrainedSaes, environment: RunEnvironment
) -> tuple[dict[str, ProbeResults], dict[str, ProbeResults]]:
    """Return the SAEs' probes and the model's own, which reads the subject's hook however many the SAEs read."""
    source = trained.inputs.source
    arms = [
        Arm(_arm_name(seed), trained.sae(place), trained.digests[place]) for place, seed in enumerate(trained.seeds)
    ]
    names = dataset_names(config.probing, sae_probes_folder())
    bench = Bench(
        model=source.model,
        hook=trained.inputs.hook,
        plan=config.probing,
        folder=sae_probes_folder(),
        cache=environment.cache,
        device=environment.device,
        trained_on=source.trained_on,
    )
    with showing("probing", len(names) * (len(arms) + 1), "SAEs on datasets") as progress:
        ours = probe_datasets(bench, arms, names, dense=False, progress=progress)
        single = dataclasses.replace(bench, hook=config.subject.hook)
        return ours, probe_datasets(single, [], names, dense=True, progress=progress)
