"""What a store of activations is of: a manifest of ten lines beside it, and the configuration that it must agree with.

schema: gatekit.activations/1
model: gpt2
model_digest: 831cca366f0017ea65470c1d39532366a5f946cba1ee940502cc95512df7d4ae  # gatekit digest FOLDER
hook: blocks.5.hook_resid_post
context: 128
prepend_bos: true
tokens: the first 20 M tokens of our web texts
tokens_sha256: 0f5a...  # of the file of token ids or of texts
held_out: [{path: held-out.npy, sha256: 91b2...}]
training: [{path: train-0.safetensors, sha256: 7c40...}, {path: train-1.safetensors, sha256: e8d1...}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from gatekit.errors import GatekitError, Location
from runners.config import Bounds, read_config
from runners.places import config_error
from runners.subjects.model_files import ModelFiles, find_model
from runners.subjects.plan import SubjectPlan, TextPlan

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredRows:
    """One file of rows, or a folder of `datasets.save_to_disk`."""

    path: str
    """From the manifest's folder."""
    sha256: str
    """Of the file's bytes; of a folder over its files' names and digests."""
    tensor: str | None = None
    """Name inside a .safetensors file with several; the column of a folder where that is not the hook's name."""


@dataclass(frozen=True)
class ActivationManifest:
    """Rows at one hook of one model, and what they are of."""

    schema: Literal["gatekit.activations/1"]
    model: str
    model_digest: str
    hook: str
    context: Annotated[int, Bounds(1, 1_000_000)]
    """Tokens of a text, special tokens included."""
    prepend_bos: bool
    """Whether every text began with the token for a beginning."""
    tokens: str
    """For people: which tokens."""
    tokens_sha256: str
    held_out: tuple[StoredRows, ...]
    training: tuple[StoredRows, ...] | None = None
    leave_out_tokens: Annotated[tuple[int, ...], Bounds(0, 1_000_000_000)] | None = None
    """Ids whose rows are no rows, such as BOS; for folders, whose column `token_ids` has them."""


def read_manifest(path: Path) -> ActivationManifest:
    """Read a manifest.

    Raises:
        GatekitError: `config.*` at the place; a digest that is none; a file that is both trained on and held out.
    """
    manifest = read_config(path, ActivationManifest)
    digests = {"model_digest": manifest.model_digest, "tokens_sha256": manifest.tokens_sha256}
    for name, rows in (("held_out", manifest.held_out), ("training", manifest.training or ())):
        digests |= {f"{name}[{place}].sha256": each.sha256 for place, each in enumerate(rows)}
    for key, digest in digests.items():
        if not _SHA256.fullmatch(digest):
            message = "a digest is a SHA-256: 64 small hexadecimal digits"
            raise config_error(manifest, key, message, error_id="activations.manifest")
    held_out = {each.sha256 for each in manifest.held_out}
    for place, each in enumerate(manifest.training or ()):
        if each.sha256 in held_out:
            message = f"'{Path(each.path).name}' is held out as well"
            raise config_error(manifest, f"training[{place}]", message, error_id="activations.manifest")
    return manifest


def agreed_model(manifest: ActivationManifest, subject: SubjectPlan, texts: TextPlan) -> ModelFiles:
    """Return the model that both speak of; of a model that is not here, the digest is the manifest's.

    Args:
        manifest: of the store.
        subject: of the configuration.
        texts: of the configuration, whose `manifest` is at fault where they differ.

    Raises:
        GatekitError: `activations.differ`: model, hook, context or beginning differ, with both named.
    """
    plan = subject.model
    files = None
    if plan.source == "package" or (plan.source == "folder" and Path(plan.name).is_dir()):
        files = find_model(plan.source, plan.name, plan.revision)
    name = Path(plan.name).resolve().name if plan.source == "folder" else plan.name
    checks = [
        ("hook", manifest.hook, subject.hook),
        ("context", manifest.context, subject.max_tokens_per_text),
        ("prepend_bos", manifest.prepend_bos, subject.prepend_bos),
    ]
    if manifest.model not in (name, plan.known_as):
        checks.insert(0, ("model", manifest.model, plan.known_as or name))
    if files is not None:
        checks.append(("model_digest", manifest.model_digest, files.digest))
    for key, theirs, ours in checks:
        if ours is not None and theirs != ours:
            message = f"the activations are of {key.replace('_', ' ')} '{theirs}'; the configuration is about '{ours}'"
            remedy = "if it is the same model under another name, say 'known_as'" if key == "model" else None
            raise config_error(texts, "manifest", message, remedy, error_id="activations.differ")
    return files or ModelFiles(name, Path(), manifest.model_digest, "")


class AbsentModel:
    """Stands where a model's network or tokeniser would, in a run that has activations alone."""

    def __init__(self, name: str, place: Location) -> None:
        self._name, self._place = name, place

    def __getattr__(self, wanted: str) -> object:
        message = f"'{self._name}' is not opened: this run has activations alone, and asks the model for '{wanted}'"
        raise GatekitError("activations.no_model", message, self._place, "give texts in place of activations")
