"""A model's files: where they are, and what identifies the model that they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gatekit.errors import GatekitError, Location
from gatekit.evidence.model_digest import (
    CODE,
    CONFIG,
    INDEX,
    TEMPLATES,
    TOKENISER,
    WEIGHTS,
    model_sha256,
    tokeniser_files,
    weight_files,
)
from gatekit.evidence.strict_json import read_json
from runners.digests import file_sha256, sequence_sha256

_ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_OTHER_LAYOUT = "consolidated"
"""Some publishers put the same weights under other names beside those that transformers reads."""
_POSITIONS = (
    *("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length"),
    *("context_length", "max_context_length", "max_target_positions", "model_max_length"),
)
_OFFSET = (
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "xmod", "ibert"),
    *("data2vec-text", "mpnet", "esm", "luke", "lilt", "markuplm"),
)

SourceKind = Literal["package", "folder", "hub"]


@dataclass(frozen=True)
class ModelFiles:
    """A model on disk."""

    name: str
    """For people and for the subject; never a path."""
    folder: Path
    digest: str
    """SHA-256 over names and digests of its weights, configuration and tokeniser (gatekit.evidence.model_digest)."""
    tokenizer_digest: str
    positions: int | None = None
    """Most tokens of a text, where its configuration says it."""
    positions_key: str = ""
    """Of config.json, that says it."""


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

        # All that the digest is over, so that it is that of a full clone; no code of a folder is ever run.
        wanted = ["*.json", "*.safetensors", *TOKENISER, f"{TEMPLATES}/*.jinja", CODE]
        try:
            folder = Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
        except (OSError, ValueError) as error:
            # The hub's own errors derive from these two.
            message = f"'{name}' cannot be fetched: {error}".split("\n")[0]
            raise GatekitError("runner.model_missing", message) from None
    if not (folder / "config.json").is_file():
        raise GatekitError("runner.model_missing", f"there is no model in the folder '{folder.name}'")
    place = Location(str(folder))
    check_weights(folder, place)
    limit = positions_of(folder)
    lines = (f"{path.relative_to(folder).as_posix()} {file_sha256(path)}" for path in tokeniser_files(folder))
    return ModelFiles(
        name=folder.resolve().name if source == "folder" else name,
        folder=folder,
        digest=model_sha256(folder),
        tokenizer_digest=sequence_sha256(lines),
        positions=limit[1] if limit else None,
        positions_key=limit[0] if limit else "",
    )


def check_weights(folder: Path, place: Location) -> None:
    """Refuse weights of which nobody could say what the loader makes of them.

    Raises:
        GatekitError: `runner.model_weights`: no safetensors weights under one of the names that transformers reads, a
            matrix of whole numbers, which are weights only together with scales that nothing here applies, a
            shard that is missing, an adapter beside the weights, a second set of weights, or another file that
            config.json names for them.
    """
    named = _object(folder / CONFIG).get("transformers_weights")
    if named is not None:
        message = f"config.json takes the weights from '{named}' (transformers_weights), whatever {WEIGHTS} holds"
        raise GatekitError("runner.model_weights", message, place, "leave transformers_weights out")
    adapter = next((name for name in _ADAPTERS if (folder / name).exists()), None)
    if adapter is not None:
        message = f"'{adapter}' is an adapter: what is measured would be neither this model nor that of the adapter"
        raise GatekitError("runner.model_weights", message, place, "merge it into the weights, or move it away")
    found = sorted(path.name for path in folder.glob("*.safetensors"))
    if not found:
        message, remedy = "no safetensors weights here", "convert them to safetensors"
        raise GatekitError("runner.model_weights", message, place, remedy)
    if not any((folder / name).is_file() for name in (WEIGHTS, INDEX)):
        message = f"the weights are {found[0]}; the loader reads {WEIGHTS}, or the files of {INDEX}"
        raise GatekitError("runner.model_weights", message, place, f"rename it to {WEIGHTS} if it is the model")
    read = {path.name for path in weight_files(folder)}
    stray = next((name for name in found if name not in read and not name.startswith(_OTHER_LAYOUT)), None)
    if stray is not None:
        message = f"beside the weights lies '{stray}', which the loader does not read"
        raise GatekitError("runner.model_weights", message, place, "move it away if it is no part of the model")
    if "quantization_config" not in _object(folder / CONFIG):
        for path in weight_files(folder):
            _check_numbers(path)


def _check_numbers(path: Path) -> None:
    """Refuse weights that are whole numbers, which loaders read as such where nothing says that they were quantised."""
    if path.suffix != ".safetensors":
        return
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            kinds = {name: stream.get_slice(name).get_dtype() for name in stream.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError):
        return  # The loader refuses it, in words for what is wrong.
    whole = next((name for name, kind in kinds.items() if name.endswith(".weight") and kind[0] in "IU"), None)
    if whole is not None:
        message = f"'{whole}' is of whole numbers ({kinds[whole]}), and config.json has no quantization_config"
        raise GatekitError("runner.model_weights", message, Location(str(path)), "store the weights as they are used")


def positions_of(folder: Path) -> tuple[str, int] | None:
    """Return the key of config.json that limits the tokens of a text, and the limit; None where none does.

    A configuration that leaves it out has what transformers gives its class.
    """
    config = _object(folder / CONFIG)
    inner = config.get("text_config")
    stated = {**(inner if isinstance(inner, dict) else {}), **config}
    limits = [(name, stated[name]) for name in _POSITIONS if type(stated.get(name)) is int and stated[name] > 0]
    found = min(limits, key=lambda entry: entry[1]) if limits else _usual_positions(folder)
    if found is None:
        return None
    key, limit = found
    if stated.get("model_type") in _OFFSET:
        # These models count positions from the number after their padding token's.
        padding = stated.get("pad_token_id")
        limit -= (padding if isinstance(padding, int) else 1) + 1
    return key, limit


def _usual_positions(folder: Path) -> tuple[str, int] | None:
    """Return the limit that transformers sets where config.json names none, and its key; None where there is none."""
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder).get_text_config()
    except (OSError, ValueError, KeyError, TypeError):
        return None  # The loader refuses it, in words for what is wrong.
    limit = getattr(config, "max_position_embeddings", None)
    return ("no max_position_embeddings, which is then its class's", limit) if isinstance(limit, int) else None


def _object(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds; nothing where it is no object, which the loader refuses."""
    found = read_json(str(path)).value
    return found if isinstance(found, dict) else {}
