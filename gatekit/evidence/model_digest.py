"""The identity of a language model on disk: one digest over the files that decide what it computes.

    SHA-256 over the lines `NAME SHA256`, in order of name, of
      the weights: model.safetensors, or model.safetensors.index.json and the files that it names,
      config.json, and config.*.json, which newer versions of transformers read in its place,
      the tokeniser's files, by `TOKENISER`: vocabularies, merges, special tokens, chat templates, those in
      additional_chat_templates/ among them (`NAME` is then `additional_chat_templates/FILE`), and
      *.py, the code that a loader runs which trusts the folder.

Runners, importers, subject files and `gatekit digest` all use it, so that evidence of any origin on one model is about
one model. Another activation function in config.json, or another vocabulary, is another model. README.md and
generation_config.json count for nothing: what a model computes on given tokens does not depend on them.
"""

from __future__ import annotations

import hashlib
import os
from fnmatch import fnmatchcase
from pathlib import Path

from gatekit.errors import GatekitError, Location
from gatekit.evidence.canonical import sha256_file
from gatekit.evidence.lfs_pointer import refuse_pointer

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
VOCABULARIES = (
    *("tokenizer.json", "*.model", "*.spm", "*.tiktoken", "tekken.json", "*vocab*", "*.tokenizer", "dict.txt"),
    *("merges*", "bpe.codes", "emoji.json", "normalizer.json", "byte_maps.json", "word_*.json"),
)
"""Names of files that hold a tokeniser's vocabulary, or a part of it, in any of the classes of transformers."""
TOKENISER = (*VOCABULARIES, "tokenizer*", "special_tokens*", "added_tokens.json", "chat_template*")
"""Names of files that a tokeniser is made of."""
TEMPLATES = "additional_chat_templates"
"""Folder of further chat templates, `*.jinja`, of a tokeniser that has several."""
OTHER_CONFIGS = "config.*.json"
CODE = "*.py"


def model_sha256(folder: str | os.PathLike[str]) -> str:
    """Return the digest of a model's folder.

    Raises:
        GatekitError: `digest.unreadable`: no safetensors weights, a shard that is not there, or a file that cannot be
            read; `file.pointer`: one of the files is a pointer of Git LFS; `json.*`: the index is not JSON.
    """
    place = Path(folder)
    others = files_named(place, (CONFIG, OTHER_CONFIGS, CODE))
    files = {*weight_files(place), *others, *tokeniser_files(place)}
    for path in sorted(files):
        refuse_pointer(path)
    named = sorted((path.relative_to(place).as_posix(), path) for path in files)
    lines = "".join(f"{name} {sha256_file(path)}\n" for name, path in named)
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()


def tokeniser_files(folder: Path) -> list[Path]:
    """Return the files that a model's tokeniser is made of, in order of their paths in the folder."""
    templates = folder / TEMPLATES
    further = files_named(templates, ("*.jinja",)) if templates.is_dir() else []
    return sorted([*files_named(folder, TOKENISER), *further], key=lambda path: path.relative_to(folder).as_posix())


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold a model's weights, the index of several among them, in order of name.

    Where neither of the two usual names is there, all safetensors files are meant.

    Raises:
        GatekitError: as `model_sha256`.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        return [folder / INDEX, *shards(folder)]
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        reason = "there are no safetensors weights in this folder"
        raise GatekitError("digest.unreadable", reason, Location(os.fspath(folder)), "give the digest, or another file")
    return found


def shards(folder: Path) -> list[Path]:
    """Return the files that the index of a sharded model names, in order of name.

    Raises:
        GatekitError: `digest.unreadable`: the index names no files, one outside its folder, or one that is not there.
    """
    from gatekit.evidence.strict_json import read_json

    path = folder / INDEX
    value = read_json(str(path)).value
    table = value.get("weight_map") if isinstance(value, dict) else None
    names = set(table.values()) if isinstance(table, dict) else set()
    if not names or not all(isinstance(name, str) and name == Path(name).name for name in names):
        reason = "'weight_map' does not name the files of the weights"
        raise GatekitError("digest.unreadable", reason, Location(str(path)))
    missing = sorted(name for name in names if not (folder / name).is_file())
    if missing:
        reason = f"the index names '{missing[0]}', which is not there"
        raise GatekitError("digest.unreadable", reason, Location(str(path)), "fetch all files of the model")
    return [folder / name for name in sorted(names)]


def files_named(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Return the files of a folder that one of some patterns names, in order of name.

    Args:
        folder: searched; what lies in folders below it is not meant, nor are hidden files (`._tokenizer.model`, which
            some systems leave beside a copy).
        patterns: of names, as a shell has them; upper and lower case differ.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and any(fnmatchcase(path.name, pattern) for pattern in patterns)
        and path.is_file()
    )
