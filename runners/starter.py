"""What `gatekit init --saes` writes for SAEs that lie on disk: configurations, a policy, a claim and a page about them.

All that the files say is taken from them. What they leave unsaid and a run cannot do without is asked for, in one line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatekit.errors import UsageError
from gatekit.evidence.model_digest import CONFIG
from runners.arms.given_saes import is_transcoder, module_stated, read_all
from runners.sae_paths import seeds_of
from runners.saes.given_plan import GivenSaesPlan, GivenShape
from runners.saes.identity import sae_sha256
from runners.saes.sae import Sae
from runners.subjects.model_files import positions_of

SMALL = 1 << 20
"""Weights of an encoder up to which five SAEs of its shape train in minutes on two cores."""
HELD_OUT = 4096
TRAIN = 65_536
_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
LONGEST = 128
"""Tokens of a text where neither the files nor the user say a number."""


def files_for(
    paths: Sequence[str], folder: Path, model: str | None, hook: str | None, format: str, threads: int
) -> dict[str, str]:
    """Return path below `folder` -> content.

    Args:
        paths: of the SAEs, as of `runners.sae_paths.seeds_of`.
        folder: where all is written, and where the runner is started.
        model: folder of the language model, or its name on the hub; None where the SAEs' files name it.
        hook: as TransformerLens names it; None where the SAEs' files name it.
        format: as of `runners.saes.formats.any_format.read_sae`.
        threads: for the configuration.

    Raises:
        UsageError: two SAEs of one seed, fewer than two SAEs, transcoders, no model or hook that anybody names, or a
            model that is neither a folder with one nor a name that the hub could have.
        GatekitError: as `runners.arms.given_saes.read_all`.
    """
    seeds = seeds_of(paths)
    saes, shape = read_all(GivenSaesPlan(dict(seeds), format))
    sae = next(iter(saes.values()))
    if is_transcoder(sae):
        raise UsageError(
            "these are transcoders, which no first configuration is for", "see docs/runners.md: transcoder"
        )
    model = model or sae.stated.model
    if model is None:
        raise UsageError(
            "the SAEs' files do not say which model they are of", "give --model FOLDER, or its name on the hub"
        )
    _check_model(model)
    hook = hook or _hook_stated(sae)
    named = {seed: _relative(path, folder) for seed, path in seeds.items()}
    trains = sae.architecture.d_in * sae.architecture.d_sae <= SMALL
    return {
        "measure/saes.yaml": _shared(named, format, sae, model, hook, folder, threads, trains),
        "measure/random_model.yaml": _random_model(trains),
        "measure/saebench.yaml": _PROBES,
        "policies/saes.yaml": _policy(shape, _shown(model), hook, trains),
        "claims.yaml": _CLAIMS.replace("AGREEMENT", "agreement" if trains else "chance"),
        "evidence/README.md": _readme(sae, shape, model, hook, len(saes), trains),
    }


def facts_of(paths: Sequence[str], format: str, hook: str | None) -> dict[str, Any]:
    """Return what SAEs tell of a summary's subject: hook, shape, and the digest of each seed's SAE.

    Args:
        paths: as of `files_for`; one SAE alone has a digest too.
        format: as of `files_for`.
        hook: as of `files_for`.

    Raises:
        UsageError: two SAEs of one seed, or no hook that anybody names.
        GatekitError: as `runners.arms.given_saes.read_all`.
    """
    saes, shape = read_all(GivenSaesPlan(seeds_of(paths, least=1), format))
    sae = next(iter(saes.values()))
    return {
        "hook": hook or _hook_stated(sae),
        "d_model": sae.architecture.d_in,
        "architecture": shape.label,
        "d_sae": shape.width,
        "k": shape.active,
        "checkpoints": [{"seed": seed, "sha256": sae_sha256(each)} for seed, each in saes.items()],
    }


def _check_model(model: str) -> None:
    """Refuse a path that leads to no model, before it is taken for a name on the hub.

    Raises:
        UsageError: as `files_for`.
    """
    place = Path(model)
    if place.is_dir():
        if not (place / CONFIG).is_file():
            raise UsageError(
                f"there is no model in '{model}': it has no {CONFIG}", "give --model the model's own folder"
            )
    elif place.exists():
        raise UsageError(f"'{model}' is a file", "give --model the folder that it lies in")
    elif not _HUB_NAME.fullmatch(model):
        raise UsageError(f"there is no folder '{model}'", "give --model FOLDER, or OWNER/NAME on the hub")


def _hook_stated(sae: Sae) -> str:
    """Return the hook that the SAE's files name, as a run takes it from them.

    Raises:
        UsageError: they name none, or a module by a part of its path.
    """
    hook = sae.stated.hook or module_stated(sae)
    if hook is None:
        module = sae.stated.module
        what = "do not say which hook they read"
        if module is not None:
            what = f"say '{module}', which is neither a hook of TransformerLens nor a module's whole path"
        raise UsageError(f"the SAEs' files {what}", "give --hook, as TransformerLens names it, or hf:PATH:0")
    return hook


def _relative(path: str, folder: Path) -> str:
    """Return a path as the runner, started in `folder`, finds it."""
    return os.path.relpath(Path(path).resolve(), folder.resolve())


def _shown(model: str) -> str:
    """Return what a summary calls the model."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def _shared(
    named: dict[int, str], format: str, sae: Sae, model: str, hook: str, folder: Path, threads: int, trains: bool
) -> str:
    local = Path(model).is_dir()
    place = _relative(model, folder) if local else model
    known_as = sae.stated.model
    also = ""
    if local and known_as is not None and Path(known_as).name.casefold() != _shown(model).casefold():
        also = f", known_as: {json.dumps(known_as)}"
    train = f" train_tokens: {TRAIN}," if trains else ""
    lines = [
        "# The SAEs, and what they are measured on. Every file in measure/ takes these keys in.",
        f"threads: {threads}",
        "subject:",
        *([] if local else _FROM_HUB),
        f"  model: {{source: {'folder' if local else 'hub'}, name: {json.dumps(place)}{also}}}",
        f"  hook: {hook}",
        f"  max_tokens_per_text: {_longest(sae, Path(model) if local else None)}",
        "# Texts that no probing dataset contains. More held-out tokens cost time only where activations are computed.",
        f"texts: {{source: sae-probes, seed: 0,{train} held_out_tokens: {HELD_OUT}}}",
        "saes:",
        f"  format: {format}",
        "  # Probes on texts that the SAEs were trained on prove nothing. Name the digests of yours, one a line:",
        "  # trained_on: training_texts.sha256",
        "  seeds:",
        *(f"    {seed}: {json.dumps(path)}" for seed, path in named.items()),
    ]
    return "\n".join(lines) + "\n"


_FROM_HUB = (
    "  # From the hub by this name. One on disk: {source: folder, name: PATH, known_as: NAME}, as the SAEs name it.",
    "  # With `revision: COMMIT` it stays this one; without, a summary says which commit was the newest.",
)


def _longest(sae: Sae, model: Path | None) -> int:
    """Return how many tokens a text may have: as in the training of the SAE, and no more than the model takes."""
    wanted = sae.stated.context_size or LONGEST
    limit = positions_of(model) if model is not None and (model / CONFIG).is_file() else None
    return wanted if limit is None else min(wanted, limit[1])


def _random_model(trains: bool) -> str:
    question = (
        "# Do the SAEs agree across seeds, more than chance and than SAEs on a random model do? Are they healthy?\n"
    )
    return f"{question}base: saes.yaml\n{_RANDOM_MODEL if trains else _RANDOM_MODEL_LATER}"


_RECIPE = """\
    training:
      steps: 256
      batch_tokens: 512
      learning_rate: 1.0e-3
      warmup_fraction: 0.05
      decay_fraction: 0.2
      auxiliary_coefficient: 0.03125
      dead_after_tokens: 32768
      gradient_clip: 1.0
      centre: mean
"""

_RANDOM_MODEL = f"""\
controls:
  gaussian_draws: 1
  matched_cosine: 0.7
  random_model_seed: 0
  # SAEs of the same shape on a re-initialised model. Your own are better than ours: name them and their model,
  # random_model: {{model: {{source: folder, name: ...}}, saes: {{seeds: {{0: ..., 1: ...}}}}}}
  # and leave random_model_seed out. These are trained here, by a recipe of ours, shorter than yours will have been.
  random_model:
{_RECIPE}"""

_RANDOM_MODEL_LATER = """\
controls:
  gaussian_draws: 1
  matched_cosine: 0.7
  # SAEs of this size train on a GPU. Name your own, trained on a re-initialised model:
  # random_model: {model: {source: folder, name: ...}, saes: {seeds: {0: ..., 1: ...}}}
  # or let them be trained here (docs/runners.md); then the policy can ask for pw_mcc_above_control.
"""

_PROBES = """\
# Do few latents probe labelled texts as well as all of the model's activations do?
base: saes.yaml
probing:
  datasets: [113_movie_sent, 100_news_fake, 87_glue_cola, 96_spam_is] # or [all], 113 of them
  split: distinct
  rows: 200
  test_fraction: 0.3
  max_tokens: 64
  pooling: mean
  ks: [1, 4, 16]
  penalty: l1
  seed: 0
baseline: {kind: dense_probe}
"""

_CLAIMS = """\
# yaml-language-server: $schema=schemas/claims.schema.json
# The sentences that this repository's documents may state as results. A supported one needs every gate that it names to
# pass; a pending one needs nothing yet. With a registry, a pull request is judged by what it claims.
schema: gatekit.claims/1
rules:
  documents: [evidence/README.md] # add README.md, "docs/**/*.md" or the paper: where results are stated
  unregistered_numbers: warn
  claim_language: warn
claims:
  - id: reproducible
    sentence: The features of our SAEs are reproducible across seeds.
    status: pending # supported, once `gatekit check` passes
    policy: saes
    gates: [AGREEMENT, health]
"""


def _policy(shape: GivenShape, model: str, hook: str, trains: bool) -> str:
    pinned = [f"architecture: {shape.label}", f"d_sae: {shape.width}"]
    if shape.active is not None:
        pinned.append(f"k: {shape.active}")
    gates = "  chance:\n    description: Seeds agree more than directions drawn at random do.\n"
    gates += "    from: random_model\n    measure: pw_mcc_above_gaussian\n    at_least: 0.0\n"
    if trains:
        gates += (
            "  agreement:\n"
            "    description: Seeds agree more than SAEs of the same shape on a re-initialised model do.\n"
            "    from: random_model\n    measure: pw_mcc_above_control\n    at_least: 0.0\n"
        )
    l0 = "" if shape.active is None else f"      - {{from: random_model, measure: l0, at_most: {2 * shape.active}}}\n"
    return f"""\
# yaml-language-server: $schema=../schemas/policy.schema.json
# What must hold before a sentence about these SAEs is published. Each gate compares a one-sided confidence bound,
# recomputed from the raw observations, with its threshold. Edit the thresholds until they say what your claim needs.
schema: gatekit.policy/1
id: saes
description: What must hold before the features of these SAEs are called reproducible.
subject: {{model: {json.dumps(model)}, hook: {hook}, {", ".join(pinned)}}}
defaults:
  confidence: 0.95 # one-sided
  min_seeds: 5 # fewer are inconclusive; `gatekit plan` says how many an effect needs
  max_age: 90d
gates:
{gates}  health:
    description: The SAEs reconstruct, and their latents are alive.
    all_of:
      - {{from: random_model, measure: r2, at_least: 0.5}}
{l0}      - {{from: random_model, measure: dead_fraction, at_most: 0.2}}
# Once measure/saebench.yaml was run:
#  probing:
#    {{from: saebench, measure: auc_delta, at_least: -0.05}}
"""


def _readme(sae: Sae, shape: GivenShape, model: str, hook: str, seeds: int, trains: bool) -> str:
    active = "" if shape.active is None else f", k {shape.active}"
    minutes = (
        "It trains a control of the same shape on a re-initialised model, in minutes on two cores."
        if trains
        else "It trains no control: SAEs of this size take a GPU. measure/random_model.yaml says how to bring one."
    )
    return f"""\
# Evidence

{seeds} SAEs of {_shown(model)} at `{hook}`: {shape.label}, {shape.width} latents{active} (`{sae.stated.format}`).

| to | run |
|---|---|
| measure agreement and health | `gatekit run random_model --config measure/random_model.yaml --out evidence` |
| measure sparse probes | `gatekit run saebench --config measure/saebench.yaml --out evidence` |
| judge | `gatekit check` |
| understand one gate | `gatekit explain health` |

{minutes} Commit summaries, not checkpoints: a summary names those by digest.

## What is claimed

`claims.yaml` registers each sentence, and a document states it between two comments, where it can be checked:

<!-- gatekit:claim reproducible -->
The features of our SAEs are reproducible across seeds.
<!-- /gatekit:claim -->

It is pending: nothing has been measured yet.
"""
