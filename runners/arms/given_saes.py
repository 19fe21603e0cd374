"""SAEs that somebody trained elsewhere, as an arm: read from their files, and held to what these say of their use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from runners.arms.activations import Activations
from runners.arrays import Floats
from runners.metrics.reconstruction import Reconstruct, Reconstruction, measure_reconstruction
from runners.places import config_error
from runners.saes.architecture import describe
from runners.saes.checkpoint import SavedCheckpoint
from runners.saes.formats.any_format import read_sae
from runners.saes.formats.use import Use, contradictions
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.identity import sae_sha256
from runners.saes.sae import Sae
from runners.saes.stated_facts import StatedFacts
from runners.stage.sae_subject import SaeConfig, subject_json
from runners.subjects.hook_names import ModuleHook, module_hook
from runners.subjects.language_model import begins_with_bos
from runners.summary_writing import Json

_TRAINING_FACTS = ("format", "dataset", "context_size", "prepend_bos", "normalisation", "stored_as")
"""What the files say of the training, that a summary repeats."""
_TRANSCODERS = ("transcoder", "jump_relu_transcoder")
_ONE_FOR_ALL = ("model", "hook", "target_hook", "module", "head", *_TRAINING_FACTS)
"""What the files of all seeds must say alike."""
_FOLDED = (
    *("dict_class", "apply_b_dec_to_input", "rescale_acts_by_decoder_norm"),
    *("sparsity_include_decoder_norm", "apply_decoder_bias_to_pre_encoder", "norm_activation"),
)
"""Settings of the files that readers take into the weights, after which an SAE does not show them any more."""
_BESIDE = {"model": "subject.model.name", "hook": "subject.hook", "context": "subject.max_tokens_per_text"}
"""The key of a configuration that a statement of a checkpoint is held against."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART_OF_A_PATH = ("layers.", "layer.", "h.", "blocks.", "block.")
"""sparsify names modules by their path within the model without its head."""
_SEED = "{seed}"
"""Stands in the name of a repository for the seed, where each seed has one of its own."""


@dataclass(frozen=True)
class GivenSaes:
    """One SAE per seed, from files."""

    name: str
    inputs: Activations
    targets: Activations | None
    """What transcoders reconstruct; None where that is the inputs."""
    seeds: tuple[int, ...]
    shape: GivenShape
    saes: tuple[Sae, ...]
    digests: tuple[str, ...]
    checkpoints: tuple[SavedCheckpoint, ...] = ()
    """This run writes none."""

    @property
    def decoders(self) -> Floats:
        """(seeds, d_sae, d_out) rows."""
        rows: Floats = np.stack([sae.parameters["W_dec"].float().numpy() for sae in self.saes])
        return rows

    def sae(self, place: int) -> Sae:
        """Return the SAE of the seed at this place."""
        return self.saes[place]

    def reconstruction(self, device: str) -> Reconstruction:
        """Return r2, L0 and live latents on the held-out rows."""
        rows = self.inputs.held_out.read()
        targets = None if self.targets is None else self.targets.held_out.read()
        # One after the other: the latents of five wide SAEs together would not fit.
        found = [measure_reconstruction(alone(sae), rows, device, targets) for sae in self.saes]
        return Reconstruction(
            r2=tuple(each.r2[0] for each in found),
            l0=tuple(each.l0[0] for each in found),
            mse=tuple(each.mse[0] for each in found),
            live=np.concatenate([each.live for each in found]),
            r2_all_rows=tuple(each.r2_all_rows[0] for each in found),
            extreme_rows=found[0].extreme_rows,
        )

    def subject(self, config: SaeConfig) -> Json:
        """Return these SAEs as a summary's subject."""
        model = self.inputs.model
        pairs = zip(self.seeds, self.digests, strict=True)
        entries = [{"seed": seed, "sha256": digest} for seed, digest in pairs]
        return subject_json(config, model.name, model.digest, entries, self.shape, self.inputs.hook)


def alone(sae: Sae) -> Reconstruct:
    """Return the function by which `measure_reconstruction` measures one SAE: a stack of one."""

    def reconstruct(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        restored, latents = on_device(sae, str(rows.device)).reconstruct(rows)
        return restored.unsqueeze(0), latents.unsqueeze(0)

    return reconstruct


def side_by_side(saes: Sequence[Sae]) -> Reconstruct:
    """Return the function that reconstructs rows by all SAEs at once: a stack, whose axis 0 is the seed."""

    def reconstruct(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = [on_device(sae, str(rows.device)).reconstruct(rows) for sae in saes]
        return torch.stack([restored for restored, _ in found]), torch.stack([latents for _, latents in found])

    return reconstruct


def on_device(sae: Sae, device: str) -> Sae:
    """Return the SAE with its parameters on a device."""
    if device == "cpu":
        return sae
    return replace(sae, parameters={name: value.to(device) for name, value in sae.parameters.items()})


def given_saes(
    config: SaeConfig,
    key: str,
    plan: GivenSaesPlan,
    name: str,
    inputs: Activations,
    targets: Activations | None = None,
    known_as: str | None = None,
) -> GivenSaes:
    """Return an arm of SAEs from files.

    Args:
        config: of the stage.
        key: of the configuration, where the plan stands.
        plan: names the files.
        name: of the arm.
        inputs: what the SAEs encode.
        targets: what transcoders reconstruct.
        known_as: name that the files call the model by, beside its own; None is the one of the configuration's subject.

    Raises:
        GatekitError: as `read_all` and `check_use`.
    """
    saes, shape = read_all(plan)
    for seed, sae in saes.items():
        check_use(config, f"{key}.seeds[{seed}]", plan.seeds[seed], sae, inputs, targets, known_as)
    digests = tuple(sae_sha256(sae) for sae in saes.values())
    return GivenSaes(name, inputs, targets, tuple(saes), shape, tuple(saes.values()), digests)


def read_all(plan: GivenSaesPlan) -> tuple[dict[int, Sae], GivenShape]:
    """Read the SAEs of all seeds, in increasing order of these, and what they have in common.

    Raises:
        GatekitError: `runner.checkpoints`: no such folder, or SAEs that differ in more than their weights, or that are
            the same SAE twice; or as `runners.saes.formats.any_format.read_sae`.
    """
    saes = {seed: _read(_located(plan, seed), plan.format) for seed in sorted(plan.seeds)}
    first, *others = saes
    for seed in others:
        _check_alike(plan, first, seed, saes[first], saes[seed])
    digests: dict[str, int] = {}
    for seed, sae in saes.items():
        twin = digests.setdefault(sae_sha256(sae), seed)
        if twin != seed:
            message = f"the SAE of seed {seed} is that of seed {twin}: two seeds do not train the same weights"
            raise config_error(plan, f"seeds[{seed}]", message, error_id="runner.checkpoints")
        lengths = sae.parameters["W_dec"].norm(dim=-1)
        if not bool((lengths > 0).all()):
            message = f"{int((lengths == 0).sum())} decoder rows of seed {seed} are zero, and point nowhere"
            raise config_error(plan, f"seeds[{seed}]", message, error_id="runner.checkpoints")
    sae = saes[first]
    stated = {name: getattr(sae.stated, name) for name in _TRAINING_FACTS}
    known = {name: value for name, value in stated.items() if value is not None}
    architecture = sae.architecture
    # Normalising each token is of the training, as the scale is: the architecture is the one inside.
    label = getattr(architecture, "base", architecture).name
    return saes, GivenShape(label, architecture.d_sae, getattr(architecture, "k", None), known)


def said_by_files(plan: GivenSaesPlan) -> Mapping[str, Any]:
    """Return the keys of a configuration that need not stand there, since the SAEs' files say them.

    Raises:
        GatekitError: as `read_all`.
    """
    saes, shape = read_all(plan)
    sae = next(iter(saes.values()))
    subject = {
        "hook": sae.stated.hook or module_stated(sae),
        "d_model": sae.architecture.d_in,
        "max_tokens_per_text": sae.stated.context_size,
        "prepend_bos": sae.stated.prepend_bos,
    }
    return {
        "seeds": tuple(saes),
        "sae": shape,
        "training": None,
        "subject": {name: value for name, value in subject.items() if value is not None},
        "texts": {"train_tokens": 0},
    }


def module_stated(sae: Sae) -> str | None:
    """Return the module that an SAE's files name by its whole path; None where they name none so."""
    path = (sae.stated.module or "").removesuffix(".output")
    hook = str(ModuleHook(path))
    whole = "." in path and not path.startswith(_PART_OF_A_PATH) and not path.endswith(".input")
    return hook if whole and module_hook(hook) is not None else None


def check_use(
    config: SaeConfig,
    key: str,
    path: str,
    sae: Sae,
    inputs: Activations,
    targets: Activations | None = None,
    known_as: str | None = None,
) -> None:
    """Refuse an SAE that is used where its files say that it does not belong.

    Args:
        config: of the stage.
        key: of the configuration, that names the SAE.
        path: that stands there.
        sae: as read.
        inputs: what it is to encode.
        targets: what a transcoder is to reconstruct; None for an SAE.
        known_as: as of `given_saes`.

    Raises:
        GatekitError: `runner.checkpoints`: a transcoder where an SAE is asked for, or the other way round;
            `runner.d_model`: it reads another width; `runner.stated_use`: its files name another model, hook or
            context, or need what is not done here.
    """
    name = Path(path).name
    if is_transcoder(sae) != (targets is not None):
        message = (
            f"{name} is a transcoder; here an SAE is held against its own input"
            if targets is None
            else f"{name} is an SAE; here a transcoder is asked for"
        )
        raise config_error(config, key, message, error_id="runner.checkpoints")
    if sae.architecture.d_in != inputs.held_out.d_model:
        message = f"{name} reads {sae.architecture.d_in} numbers; the hook has {inputs.held_out.d_model}"
        raise config_error(config, (key, "subject.d_model"), message, error_id="runner.d_model")
    target_hook = None if targets is None else targets.hook
    names = (inputs.model.name, known_as or config.subject.model.known_as or inputs.model.name)
    tokens, begins = config.subject.max_tokens_per_text, begins_with_bos(inputs.model)
    use = Use(tuple(dict.fromkeys(names)), inputs.hook, tokens, target_hook, begins)
    differing = contradictions(sae.stated, use)
    if differing:
        keys = (key, *dict.fromkeys(_BESIDE[one.about] for one in differing if one.about in _BESIDE))
        message = f"{name} {'; it '.join(one.message for one in differing)}"
        remedies = {
            "model": "if it is the same model under another name, say 'known_as' beside it",
            "beginning": f"say 'prepend_bos: {str(not begins).lower()}' in 'subject'",
        }
        remedy = "; ".join(dict.fromkeys(remedies[one.about] for one in differing if one.about in remedies))
        raise config_error(config, keys, message, remedy or None, error_id="runner.stated_use")


def is_transcoder(sae: Sae) -> bool:
    """Say whether an SAE predicts something else than its own input."""
    architecture = sae.architecture
    return architecture.name in _TRANSCODERS or bool(getattr(architecture, "transcoder", False))


def training_texts(plan: GivenSaesPlan) -> frozenset[str] | None:
    """Return the digests of the texts that the SAEs were trained on, or None where nobody says.

    Raises:
        GatekitError: `runner.training_texts`: the file cannot be read, is empty, or has a line that is no SHA-256.
    """
    if plan.trained_on is None:
        return None
    path = Path(plan.trained_on)
    try:
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII"
        message = f"'{path.name}' cannot be read: {reason}"
        raise config_error(plan, "trained_on", message, error_id="runner.training_texts") from None
    wrong = next((number for number, line in enumerate(lines, 1) if not _SHA256.fullmatch(line)), None)
    if wrong is not None or not lines:
        what = "has no line" if not lines else f"line {wrong} is no SHA-256 of 64 small hex digits"
        raise config_error(plan, "trained_on", f"'{path.name}': {what}", error_id="runner.training_texts")
    return frozenset(lines)


def _located(plan: GivenSaesPlan, seed: int) -> str:
    """Return the path of one seed's SAE on this machine."""
    named = plan.seeds[seed]
    hub = None if plan.hub is None else plan.hub.replace(_SEED, str(seed))
    if hub is None:
        if not Path(named).exists():
            message = f"there is no file or folder '{Path(named).name}'"
            raise config_error(plan, f"seeds[{seed}]", message, error_id="runner.checkpoints")
        return named
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(hub, revision=plan.revision, allow_patterns=_with_companions(named)))
    except (OSError, ValueError) as error:
        # The hub's own errors derive from these two.
        message = f"'{hub}' cannot be fetched: {error}".split("\n")[0]
        raise config_error(plan, "hub", message, error_id="runner.checkpoints") from None
    if not (folder / named).exists():
        message = f"'{hub}' has no file or folder '{named}'"
        raise config_error(plan, f"seeds[{seed}]", message, error_id="runner.checkpoints")
    return str(folder / named)


def _with_companions(named: str) -> list[str]:
    """Return patterns of an SAE's files in a repository: itself, what it holds, and what formats keep beside it."""
    path = PurePosixPath(named)
    if path == PurePosixPath():
        return ["*"]
    described = [str(path.with_name(f"{path.stem}{end}")) for end in (".json", "_cfg.json")]
    of_all = [str(above / name) for above in path.parents for name in ("config.json", "config.yaml")]
    return [str(path), f"{path}/*", *described, *of_all]


@lru_cache(maxsize=256)
def _read(path: str, format: str) -> Sae:
    """Return one SAE; several stages of one run read the same files, and hold each SAE in memory once."""
    return read_sae(path, format)


def _check_alike(plan: GivenSaesPlan, first: int, other: int, one: Sae, two: Sae) -> None:
    ours: dict[str, object] = {**describe(one.architecture), **_stated(one.stated)}
    theirs: dict[str, object] = {**describe(two.architecture), **_stated(two.stated)}
    folded, others = _folded(one), _folded(two)
    for name in folded.keys() & others.keys():
        ours[name], theirs[name] = folded[name], others[name]
    differing = next((name for name in (*ours, *theirs) if ours.get(name) != theirs.get(name)), None)
    if differing is not None:
        message = (
            f"the SAEs differ in more than their seed: {differing} is {ours.get(differing)!r} of seed {first} and "
            f"{theirs.get(differing)!r} of seed {other}"
        )
        raise config_error(plan, (f"seeds[{other}]", f"seeds[{first}]"), message, error_id="runner.checkpoints")


def _stated(facts: StatedFacts) -> dict[str, object]:
    return {f"the stated {name}": getattr(facts, name) for name in _ONE_FOR_ALL}


def _folded(sae: Sae) -> dict[str, object]:
    """Return the settings among `_FOLDED` that the files of an SAE say; versions of a library leave out some."""
    found: dict[str, object] = {}
    for config in sae.facts.values():
        trainer = config.get("trainer") if isinstance(config, Mapping) else None
        for block in (config, trainer):
            if isinstance(block, Mapping):
                found |= {name: block[name] for name in _FOLDED if block.get(name) is not None}
    return found
