"""Runner `known_circuit`: do SAEs find the circuit of a model whose circuit is known?

The subject is one transformer on modular addition, which adds by rotating on circles of a few key frequencies
(Nanda et al., 2301.05217); the candidates are SAEs of several seeds on one of its hooks.

What the result establishes: how concentrated this transformer's embedding is on few frequencies; how much of what each
latent computes, as a function of the two numbers, lies on one frequency; which of the key frequencies have a latent of
their own; each beside what chance, an untrained SAE, SAEs on a re-initialised transformer and a relabelling of the
numbers give. What it does not: anything about other transformers, whose bound would need several of them, or that an
SAE whose latents stand for sums instead of frequencies is a wrong description of the model.

Importing this module is cheap; torch is imported when the run starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from runners.arms.random_models import baseline_json, model_seeds, seed_faults, seed_settings
from runners.config import ABSENT_WHERE_NONE, Bounds
from runners.metrics.extreme_rows import RULE
from runners.places import derived, refuse_first, taking
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.plan import SaePlan, TrainingPlan
from runners.stage.selection import SelectionPlan, selection_json
from runners.summary_writing import Json

KIND = "known_circuit"
PROTOCOL = "known_circuit/1"


@dataclass(frozen=True)
class TransformerPlan:
    """The transformer and the hook."""

    weights: Literal["committed", "trained"]
    """Those that ship with the package, or trained by this run; the recipe below is that of either."""
    p: Annotated[int, Bounds(3, 1001)]
    train_fraction: Annotated[float, Bounds(0.01, 0.99)]
    seed: Annotated[int, Bounds(0, 4294967295)]
    steps: Annotated[int, Bounds(1, 10_000_000)]
    hook: str
    position: Literal["a", "b", "equals"]
    d_model: Annotated[int, Bounds(1, 1_000_000)]
    """Width at the hook; stated so that a wrong hook is an error and not a guess."""


@dataclass(frozen=True)
class InputPairPlan:
    """Which of all pairs the SAEs train on; the transformer's own split is another one."""

    train_fraction: Annotated[float, Bounds(0.01, 0.99)]
    seed: Annotated[int, Bounds(0, 4294967295)]


@dataclass(frozen=True)
class CircuitPlan:
    """What counts as part of the circuit."""

    key_multiple: Annotated[float, Bounds(1.0, 1000.0)]
    """A frequency is a key one from this many times the mean share of the embedding's variance."""
    purity_cut: Annotated[float, Bounds(0.0, 1.0)]
    """A latent is single-frequency from this share of its variance on one frequency."""
    random_model_seed: Annotated[int, Bounds(0, 4294967295)] | None = None
    """Of the re-initialised transformer that the control's SAEs are trained on."""
    control_training: TrainingPlan | None = None
    """Of SAEs from files: how SAEs of their shape are trained on it here; None measures no such control."""
    random_model_seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)] | None = field(
        default=None, metadata=ABSENT_WHERE_NONE
    )
    """Of several re-initialised transformers, in place of `random_model_seed`."""

    @property
    def model_seeds(self) -> tuple[int, ...]:
        """Seeds of the weights of all re-initialised transformers."""
        return model_seeds(self.random_model_seed, self.random_model_seeds)


@dataclass(frozen=True)
class KnownCircuitConfig:
    """Everything that determines the observations, on one device."""

    threads: Annotated[int, Bounds(1, 1024)]
    seeds: Annotated[tuple[int, ...], Bounds(0, 4294967295)]
    transformer: TransformerPlan
    pairs: InputPairPlan
    sae: SaePlan | GivenShape
    training: TrainingPlan | None
    circuit: CircuitPlan
    selection: SelectionPlan
    saes: GivenSaesPlan | None = None
    """SAEs from files, in place of `seeds`, `sae` and `training`."""


def check(config: KnownCircuitConfig) -> None:
    """Refuse values that do not go together.

    Raises:
        GatekitError: `config.together`.
    """
    selection = config.selection
    rows = round(config.pairs.train_fraction * config.transformer.p**2)
    given, control = config.saes is not None, config.circuit.control_training
    refuse_first(
        config,
        (
            "saes.seeds" if given else "seeds",
            "'seeds' must be at least two, different and in increasing order",
            len(config.seeds) < 2 or list(config.seeds) != sorted(set(config.seeds)),
        ),
        (
            "transformer.p",
            f"p={config.transformer.p} is even, and its largest frequency has one dimension",
            config.transformer.p % 2 == 0,
        ),
        (
            "pairs.train_fraction",
            f"{config.pairs.train_fraction:g} of {config.transformer.p**2} pairs leaves one side of the split empty",
            not 0 < rows < config.transformer.p**2,
        ),
        (
            "selection",
            "a choice among several candidates names the seeds that it looked at",
            (selection.candidates > 1) != (selection.seeds is not None),
        ),
        (
            "circuit.control_training",
            "'control_training' belongs to SAEs from files: those trained here have a control of the same training",
            control is not None and not given,
        ),
        ("circuit", "'circuit' has no 'random_model_seed'", not config.circuit.model_seeds),
        *seed_faults("circuit", config.circuit.random_model_seed, config.circuit.random_model_seeds),
        ("training", "'training' is null: say how the SAEs are trained", config.training is None and not given),
    )
    if isinstance(config.sae, SaePlan):
        _check_shape(config, config.sae)
    for key, training in (("training", config.training), ("circuit.control_training", control)):
        if training is not None:
            _check_training(config, key, training, rows)


def _check_shape(config: KnownCircuitConfig, sae: SaePlan) -> None:
    refuse_first(
        config,
        (("sae.k", "sae.d_sae"), f"k={sae.k} exceeds d_sae={sae.d_sae}", sae.k > sae.d_sae),
        (
            ("sae.auxiliary_k", "sae.d_sae"),
            f"auxiliary_k={sae.auxiliary_k} exceeds d_sae={sae.d_sae}",
            sae.auxiliary_k > sae.d_sae,
        ),
    )


def _check_training(config: KnownCircuitConfig, key: str, training: TrainingPlan, rows: int) -> None:
    refuse_first(
        config,
        (
            (f"{key}.batch_tokens", "pairs.train_fraction"),
            f"batch_tokens={training.batch_tokens} exceeds the {rows} training pairs",
            training.batch_tokens > rows,
        ),
        (
            f"{key}.centre",
            "the untrained control starts at the mean, and so must the SAEs",
            training.centre != "mean",
        ),
    )


def shrink(config: KnownCircuitConfig, small: KnownCircuitConfig) -> KnownCircuitConfig:
    """Return the configuration's hook and circuit on the smoke configuration's transformer, SAEs and training.

    The transformer too, because training one until it generalises takes minutes at least.
    """
    ours = config.transformer
    transformer = taking(small.transformer, ours, "hook", "position", "d_model")
    if config.saes is not None:
        # SAEs from files are of their own transformer, and as large as they are.
        return config
    return derived(taking(config, small, "seeds", "sae", "training"), transformer=transformer)


def subject_of(config: KnownCircuitConfig, name: str, digest: str | None, checkpoints: Sequence[Json] = ()) -> Json:
    """Return a summary's subject: the SAEs of every seed on one transformer."""
    return {
        "model": {"name": name, "digest": digest},
        "hook": config.transformer.hook,
        "d_model": config.transformer.d_model,
        "architecture": config.sae.label,
        "d_sae": config.sae.width,
        "k": config.sae.active,
        "checkpoints": list(checkpoints),
    }


def protocol_of(
    config: KnownCircuitConfig, datasets: Sequence[Json], baselines: Sequence[Json], key: Sequence[int] = ()
) -> Json:
    """Return a summary's protocol: what must be equal before two of its numbers are compared.

    Args:
        config: of the run.
        datasets: the pairs, by digest.
        baselines: subject of the control's SAEs on each re-initialised transformer.
        key: the key frequencies that this transformer was found to use.
    """
    transformer, circuit = config.transformer, config.circuit
    has_control = config.saes is None or circuit.control_training is not None
    return {
        "name": PROTOCOL,
        "seeds": list(config.seeds),
        "rows": transformer.p**2,
        "datasets": list(datasets),
        "ks": [],
        "baseline": baseline_json("random_model" if has_control else "none", circuit.model_seeds, baselines),
        "selection": selection_json(config.selection),
        "settings": {
            "extreme_rows": RULE,
            "modulus": transformer.p,
            "position": transformer.position,
            "transformer_train_fraction": transformer.train_fraction,
            "transformer_seed": transformer.seed,
            "transformer_steps": transformer.steps,
            "frequencies": "1 .. (p - 1) / 2, conjugates merged, constant left out",
            "key_frequencies": ", ".join(map(str, key)),
            "key_multiple": circuit.key_multiple,
            "embedding_chance": 2 * len(key) / (transformer.p - 1),
            "purity_cut": circuit.purity_cut,
            "purity_functions": "cosine and sine of k a, k b, k (a + b); the best k; mean over live latents",
            **seed_settings(circuit.model_seeds),
            "random_model_initialisation": "TransformerLens",
            "shuffled": "numbers relabelled at random, a permutation per seed",
            **({"untrained": "the same SAEs before the first step"} if config.saes is None else {}),
            "pairs_train_fraction": config.pairs.train_fraction,
            "pairs_seed": config.pairs.seed,
            "activation_precision": "float32",
            **_making(config),
        },
    }


def _making(config: KnownCircuitConfig) -> Json:
    """Return what is known of how the SAEs came about."""
    if config.training is not None and isinstance(config.sae, SaePlan):
        return {**config.training.recipe(), "auxiliary_k": config.sae.auxiliary_k}
    stated = config.sae.stated if isinstance(config.sae, GivenShape) else {}
    control = config.circuit.control_training
    trained = {} if control is None else {f"control_{name}": each for name, each in control.recipe().items()}
    return {"saes": "from files", **{f"saes_{name}": value for name, value in stated.items()}, **trained}


def planned(config: KnownCircuitConfig) -> tuple[Json, Json]:
    """Return subject and protocol of a run that has measured nothing yet."""
    name = f"modular-addition-{config.transformer.p}-seed-{config.transformer.seed}"
    return subject_of(config, name, None), protocol_of(config, (), ())
