"""A model's files: where they are, and what identifies the model that they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gatekit.errors import GatekitError, Location
from gatekit.evidence.canonical import weights_sha256
from runners.digests import file_sha256, sequence_sha256

SourceKind = Literal["package", "folder", "hub"]


@dataclass(frozen=True)
class ModelFiles:
    """A model on disk."""

    name: str
    """For people and for the subject; never a path."""
    folder: Path
    digest: str
    """SHA-256 over names and digests of the weight files."""
    tokenizer_digest: str


def find_model(source: SourceKind, name: str, revision: str | None = None) -> ModelFiles:
    """Find a model's files: inside an installed package, in a local folder, or on the hub by name.

    Args:
        source: where `name` is to be looked up.
        name: import name of a package with a `model` folder; path of a folder; or `owner/name` on the hub.
        revision: commit or tag; for the hub only.

    Raises:
        GatekitError: there is no such model, or its weights are not safetensors (pickled weights run code).
    """
    if source == "package":
        import importlib.util

        try:
            found = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # a part of a dotted name is no package, or the name is empty
            found = None
        if found is None or found.origin is None:
            raise GatekitError(
                "runner.package_missing",
                f"the package {name} is not installed",
                remedy="install gatekit with [runners]",
            )
        folder = Path(found.origin).parent / "model"
    elif source == "folder":
        folder = Path(name)
    else:
        from huggingface_hub import snapshot_download

        wanted = ["*.json", "*.txt", "*.model", "*.safetensors"]
        try:
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
        except (OSError, ValueError) as error:
            # The hub's own errors derive from these two.
            message = f"'{name}' cannot be fetched: {error}".split("\n")[0]
            raise GatekitError("runner.model_missing", message) from None
    if not (folder / "config.json").is_file():
        raise GatekitError("runner.model_missing", f"there is no model in the folder '{folder.name}'")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise GatekitError(
            "runner.model_weights", "no safetensors weights here", Location(str(folder)), "convert them to safetensors"
        )
    texts = sorted(
        path for path in folder.iterdir() if path.name.startswith(("tokenizer", "vocab", "merges", "special_tokens"))
    )
    return ModelFiles(
        name=folder.resolve().name if source == "folder" else name,
        folder=folder,
        digest=weights_sha256(folder),
        tokenizer_digest=sequence_sha256(f"{path.name} {file_sha256(path)}" for path in texts),
    )
