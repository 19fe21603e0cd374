"""Texts that SAEs may train on: those of the sae-probes package that no probing dataset contains.

Probes are scored on the registered datasets, so a text that stands in any of them, in-distribution or shifted, would
let the SAE see the test. Texts are told apart by the SHA-256 of their stripped UTF-8 form and not by the name of
their dataset: `10_nyc_borough` is unregistered, and most of its rows stand in the registered
`114_nyc_borough_Manhattan`.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError, Location
from runners.digests import file_sha256, sequence_sha256, text_sha256

_REGISTER = "probing_datasets_MASTER.csv.zst"
_DATASETS = "cleaned_data"
_SHIFTED = "OOD data"


@dataclass(frozen=True)
class CorpusText:
    """One text that no registered dataset contains."""

    text: str
    sha256: str
    dataset: str
    """The unregistered dataset that it was first seen in."""


@dataclass(frozen=True)
class Corpus:
    """All texts that may be trained on, each once, and what was left out."""

    texts: tuple[CorpusText, ...]
    registered_datasets: int
    """Probing datasets and files of shifted test sets whose texts are excluded."""
    unregistered_datasets: int
    in_registered: int
    """Rows of unregistered datasets that were left out because a registered dataset has the same text."""
    repeated: int
    """Rows left out because the same text was already taken."""
    source_sha256: str
    """Over names and digests of every file read."""

    label = "sae-probes"
    """Names the texts in a summary."""

    @property
    def inputs(self) -> list[tuple[str, str, int]]:
        """Name, digest and rows of what a summary lists them by."""
        return [
            ("texts:sae-probes-files", self.source_sha256, 0),
            ("texts:in-no-registered-dataset", self.sha256, len(self.texts)),
        ]

    @property
    def sha256(self) -> str:
        """Digest of the texts in order."""
        return sequence_sha256(text.sha256 for text in self.texts)

    @property
    def per_dataset(self) -> dict[str, int]:
        """Number of texts by the dataset that gives them."""
        return dict(Counter(text.dataset for text in self.texts))


def sae_probes_folder() -> Path:
    """Return the data folder of the installed sae-probes package, without importing it.

    Raises:
        GatekitError: the package is not installed.
    """
    found = importlib.util.find_spec("sae_probes")
    if found is None or found.origin is None:
        raise GatekitError(
            "runner.package_missing", "the package sae-probes is not installed", remedy="install gatekit with [runners]"
        )
    return Path(found.origin).parent / "data"


def read_corpus(folder: Path) -> Corpus:
    """Read every dataset under `folder` and keep the texts of unregistered ones that no registered one contains.

    Args:
        folder: holds the register, `cleaned_data/*.csv.zst` and `OOD data/*.csv.zst`.

    Raises:
        GatekitError: a registered dataset is missing, so that disjointness cannot be shown.
    """
    register = folder / _REGISTER
    names = _registered_names(register)
    datasets = sorted((folder / _DATASETS).glob("*.csv.zst"))
    evaluated = evaluation_files(folder)
    forbidden = {text_sha256(text) for path in evaluated for text in texts_of(path)}
    kept: dict[str, CorpusText] = {}
    in_registered = repeated = 0
    unregistered = [path for path in datasets if path.name not in names]
    for path in unregistered:
        for text in texts_of(path):
            digest = text_sha256(text)
            if not text.strip():
                continue
            if digest in forbidden:
                in_registered += 1
            elif digest in kept:
                repeated += 1
            else:
                kept[digest] = CorpusText(text.strip(), digest, path.name.removesuffix(".csv.zst"))
    files = [register, *datasets, *(path for path in evaluated if path.parent.name == _SHIFTED)]
    return Corpus(
        texts=tuple(kept.values()),
        registered_datasets=len(evaluated),
        unregistered_datasets=len(unregistered),
        in_registered=in_registered,
        repeated=repeated,
        source_sha256=sequence_sha256(f"{path.name} {file_sha256(path)}" for path in files),
    )


def evaluation_files(folder: Path) -> list[Path]:
    """Return the files whose texts no SAE may train on: registered datasets, then shifted test sets.

    Raises:
        GatekitError: `corpus.missing_dataset`: a registered dataset is missing, so that disjointness cannot be shown.
    """
    datasets = sorted((folder / _DATASETS).glob("*.csv.zst"))
    names = _registered_names(folder / _REGISTER)
    missing = sorted(names - {path.name for path in datasets})
    if missing:
        raise GatekitError(
            "corpus.missing_dataset",
            f"the registered dataset {missing[0]} is not there, so disjointness from it cannot be checked",
            Location(str(folder / _DATASETS)),
        )
    return [*(path for path in datasets if path.name in names), *sorted((folder / _SHIFTED).glob("*.csv.zst"))]


def shuffled(corpus: Corpus, seed: int) -> list[CorpusText]:
    """Return the texts in an order that depends on the seed and each text alone.

    Sorting by a keyed digest keeps the order of the others when a text is added or removed; a shuffle would not.
    """

    def place(text: CorpusText) -> bytes:
        return hashlib.sha256(f"{seed}|{text.sha256}".encode()).digest()

    return sorted(corpus.texts, key=place)


def texts_of(path: Path) -> list[str]:
    """Return the texts of one file of sae-probes as they stand: no number parsing, no missing values."""
    import pandas as pd

    frame = pd.read_csv(path, compression="zstd", dtype=str, keep_default_na=False)
    # One file holds translations under other column names; every column of it counts as text.
    columns = ["prompt"] if "prompt" in frame.columns else list(frame.columns)
    return [text for column in columns for text in frame[column]]


def _registered_names(register: Path) -> set[str]:
    """Return the file names of the datasets that probes are registered on."""
    import pandas as pd

    table = pd.read_csv(register, compression="zstd", dtype=str, keep_default_na=False)
    saved = table.loc[table["Data type"] == "Binary Classification", "Dataset save name"]
    return {f"{Path(name).name}.zst" for name in saved}
