from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import pandas as pd
import pytest
import zstandard

from gatekit.errors import GatekitError
from runners.subjects.text_corpus import read_corpus, sae_probes_folder, shuffled

pytestmark = pytest.mark.runners


def write(folder: Path, name: str, prompts: list[str], column: str = "prompt") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({column: prompts, "target": 0}).to_csv(folder / f"{name}.csv.zst", index=False, compression="zstd")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    write(data / "cleaned_data", "1_registered", ["shared text", "only probed"])
    write(data / "cleaned_data", "2_parent", ["  shared text\n", "own text", "own text ", "", "007", "shifted text"])
    write(data / "cleaned_data", "3_other", ["own text", "another", "nan"])
    write(data / "OOD data", "1_registered_OOD", ["shifted text"])
    register = pd.DataFrame(
        {
            "Data type": ["Binary Classification", "Continuous Data"],
            "Dataset save name": ["cleaned_data/1_registered.csv", "cleaned_data/2_parent.csv"],
        }
    )
    register.to_csv(data / "probing_datasets_MASTER.csv.zst", index=False, compression="zstd")
    return data


def test_a_text_of_a_registered_dataset_is_left_out_whatever_its_own_dataset_is_called(small):
    texts = {text.text for text in read_corpus(small).texts}
    assert texts == {"own text", "007", "another", "nan"}


def test_what_was_left_out_is_counted(small):
    corpus = read_corpus(small)
    # Left out: the shared and the shifted text of 2_parent; the second "own text" there and the one in 3_other.
    assert (corpus.in_registered, corpus.repeated) == (2, 2)
    assert corpus.per_dataset == {"2_parent": 2, "3_other": 2}
    assert (corpus.registered_datasets, corpus.unregistered_datasets) == (2, 2)


def test_a_missing_registered_dataset_is_refused(small):
    (small / "cleaned_data" / "1_registered.csv.zst").unlink()
    with pytest.raises(GatekitError, match="1_registered"):
        read_corpus(small)


def test_the_digest_of_the_source_changes_with_any_file(small):
    before = read_corpus(small).source_sha256
    write(small / "OOD data", "1_registered_OOD", ["shifted text", "more"])
    assert read_corpus(small).source_sha256 != before


def prompts(name: str) -> set[str]:
    """Digests of one real dataset's prompts, read with other tools than the code under test."""
    with (sae_probes_folder() / "cleaned_data" / f"{name}.csv.zst").open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8", newline="")
        return {hashlib.sha256(row["prompt"].strip().encode()).hexdigest() for row in csv.DictReader(text)}


def test_the_borough_texts_that_probes_use_are_not_trained_on(corpus):
    kept = {text.sha256 for text in corpus.texts}
    probed = set().union(
        *map(prompts, ("114_nyc_borough_Manhattan", "115_nyc_borough_Brooklyn", "116_nyc_borough_Bronx"))
    )
    parent = prompts("10_nyc_borough")
    assert len(parent & probed) > 3000, "the parent shares most of its texts with the registered datasets"
    assert not kept & probed
    assert kept & parent


def test_the_installed_package_gives_the_texts_that_the_documents_speak_of(corpus):
    assert corpus.registered_datasets == 113 + 9
    assert corpus.unregistered_datasets == 42
    assert len(corpus.texts) == len({text.sha256 for text in corpus.texts}) == 75_886


def test_the_order_depends_on_the_seed_and_not_on_the_other_texts(small):
    corpus = read_corpus(small)
    orders = {tuple(text.text for text in shuffled(corpus, seed)) for seed in range(20)}
    assert len(orders) > 5
    before = [text.text for text in shuffled(corpus, 4)]
    write(small / "cleaned_data", "4_more", [f"new {i}" for i in range(50)])
    after = [text.text for text in shuffled(read_corpus(small), 4) if not text.text.startswith("new")]
    assert after == before
