"""No reader goes round the bounded ones: what opens, parses, lists or starts something is listed here, with why.

Files are read by `strict_json.read_regular_file`, `read_json` and `strict_yaml.read_yaml`, JSON is parsed by
`strict_json`, folders are listed by `evidence.listing`, git runs by `repo.git`: each has limits. A direct call of what
they stand for fails here until it is listed with the bound that it has.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
READS = {
    *("read_text", "read_bytes", "readline", "readlines", "urlopen", "stdin"),
    *("rglob", "glob", "iglob", "iterdir", "scandir", "listdir"),
    *("ParquetFile", "ZipFile", "literal_eval"),
}
"""Methods and functions by their own name, whatever they are called on."""
OF_MODULE = {
    "json": {"load", "loads", "JSONDecoder"},
    "tomllib": {"load", "loads"},
    "subprocess": {"run", "Popen", "check_output", "call", "check_call"},
    "os": {"open", "read", "pread", "popen", "walk"},
    "ast": {"parse", "literal_eval"},
    "csv": {"reader", "DictReader"},
}

PACKAGE = "a file of the package itself, or of the checkout that it runs from"
ONE_FOLDER = "the names in one folder, each as long as a file system lets it be"
WRITES = "opens to write, not to read"

BOUNDED: dict[str, tuple[dict[str, int], str]] = {
    "evidence/strict_json.py": ({"json.JSONDecoder": 3, "json.loads": 1, "os.open": 2, "os.read": 1}, "JsonLimits"),
    "evidence/listing.py": ({"os.walk": 1, "listdir": 1}, "MOST_ENTRIES, and the names in one folder"),
    "evidence/canonical.py": ({"open": 1}, "sha256_file reads a file in pieces and holds none of it"),
    "repo/git.py": ({"os.read": 1, "subprocess.Popen": 1}, "OUTPUT_LIMIT and TIMEOUT_SECONDS"),
    "repo/objects.py": ({"readline": 1}, "reads at most 1,000 bytes"),
    "kinds/publishing.py": ({"json.loads": 3, "read_text": 3}, PACKAGE),
    "policy/publishing.py": ({"json.loads": 2, "read_text": 1}, PACKAGE),
    "source_commit.py": ({"read_text": 2}, PACKAGE),
    "plugins.py": ({"listdir": 1, "read_text": 1, "tomllib.loads": 1}, PACKAGE),
    "evidence/schemas.py": ({"json.loads": 1, "read_text": 1}, PACKAGE),
    "evidence/complaints.py": ({"json.loads": 1}, "a list of words in one of our schemas"),
    "evidence/adapters/saebench/published_schemas.py": ({"json.loads": 1, "read_text": 1}, PACKAGE),
    "github/starter_workflow.py": ({"read_text": 1}, PACKAGE),
    "report/policy_page/html.py": ({"read_text": 2}, PACKAGE),
    "cli/init.py": ({"read_bytes": 1}, PACKAGE),
    "cli/policy_templates.py": ({"read_bytes": 1}, PACKAGE),
    "cli/import_.py": ({"json.loads": 2}, "summaries that this process has just made"),
    "cache/entries.py": ({"iterdir": 2}, ONE_FOLDER),
    "cache/wholeness.py": ({"ast.literal_eval": 1, "open": 4}, "LIMITS, LONGEST_NPY_HEADER, and weights in pieces"),
    "candidates/finding_files.py": ({"scandir": 1}, "MOST_ENTRIES"),
    "claims/json_strings.py": ({"json.loads": 2}, "one string of a document that is read already"),
    "claims/paths.py": ({"scandir": 1}, "MOST_ENTRIES"),
    "claims/written.py": ({"listdir": 1}, ONE_FOLDER),
    "cli/action.py": ({"subprocess.run": 1}, "gatekit itself, whose output goes to the log of the step"),
    "cycles/estimates.py": ({"glob": 1}, "LARGEST_TOGETHER, and the names in one folder"),
    "cycles/finishing.py": ({"open": 1, "subprocess.run": 1}, "gatekit itself, whose output goes to a log"),
    "cycles/registering.py": ({"json.loads": 1}, "what it wrote itself, as the key of what it remembers"),
    "cycles/lease.py": ({"open": 2}, "one line each of two files of /proc"),
    "cycles/ledger.py": ({"os.open": 1, "os.pread": 1}, "appends, and reads one byte"),
    "cycles/linting.py": ({"listdir": 3}, ONE_FOLDER),
    "cycles/pieces.py": ({"open": 1, "json.JSONDecoder": 1}, "LARGEST_LISTING and MOST_STARTS"),
    "cycles/processes.py": (
        {"open": 1, "subprocess.Popen": 1},
        "a task, in its budget, that writes to a log",
    ),
    "cycles/ray_engine.py": ({"open": 2, "subprocess.Popen": 1}, "as cycles/processes.py"),
    "cycles/reading.py": ({"listdir": 1}, ONE_FOLDER),
    "cycles/endings.py": ({"open": 1}, "LONGEST_END, from the end"),
    "cycles/resources.py": ({"open": 2}, "/proc/meminfo and /proc/vmstat"),
    "dossier/folder.py": ({"iterdir": 1}, "asks only whether there is a first name"),
    "evidence/adapters/downstream/inspect_archive.py": (
        {"open": 1, "ZipFile": 1},
        "LIMITS, MOST_MEMBERS and others",
    ),
    "evidence/adapters/table/csv_table.py": ({"csv.reader": 1}, "of bytes that are read already; MAX_ROWS and others"),
    "evidence/adapters/table/parquet.py": ({"ParquetFile": 1}, "UNPACKED, MAX_ROWS and others"),
    "evidence/adapters/saebench/recorded_sae.py": (
        {"ast.parse": 1, "ast.literal_eval": 2},
        "LONGEST, of a text that is parsed already",
    ),
    "evidence/atomic.py": ({"os.open": 2, "open": 1}, WRITES),
    "evidence/committed.py": ({"open": 1, "subprocess.run": 1}, "LARGEST_TEXT; 60 seconds"),
    "evidence/lfs_pointer.py": ({"open": 1}, "the 40 bytes that a pointer begins with"),
    "evidence/left_behind.py": ({"os.walk": 1, "scandir": 1}, "MOST_ENTRIES"),
    "evidence/model_digest.py": ({"glob": 1, "iterdir": 1}, ONE_FOLDER),
    "evidence/object_files.py": ({"open": 5}, "_LONGEST_TEXT, and larger files in pieces to or from the disk"),
    "evidence/object_store.py": ({"json.loads": 1, "open": 1}, "object_files._LONGEST_TEXT, and a digest in pieces"),
    "evidence/patterns.py": ({"scandir": 1}, "listing.MOST_ENTRIES"),
    "evidence/provenance.py": ({"subprocess.run": 1}, "git of the user's own checkout, for 60 seconds"),
    "evidence/source_digest.py": ({"ast.parse": 1}, "LARGEST"),
    "github/api.py": ({"open": 1, "json.loads": 1}, "MAX_ANSWER, and 64 KiB of an error; TIMEOUT"),
    "github/doctor.py": ({"glob": 1}, ONE_FOLDER),
    "github/outputs.py": ({"open": 1}, WRITES),
    "pull_request/gate_sources.py": ({"tomllib.loads": 1}, "LARGEST_PROJECT and MOST_DOTS"),
    "signing/private_key.py": ({"os.open": 1, "open": 1}, WRITES),
    "second_process.py": ({"listdir": 1, "open": 2}, "a pipe from this process's own child, by LARGEST_HANDED"),
    "streams.py": ({"os.open": 1, "open": 1}, WRITES),
}
"""Module -> what it calls, how often, and what bounds it."""

CHOSEN = "a model, SAEs or a dataset that a configuration names, and that a run reads whole anyway"
BY_PIECES = "a dataset of any size, a row or a piece at a time"
OWN_WORK = "what a run has written itself, into its cache or its own folder"

OF_RUNNERS: dict[str, tuple[dict[str, int], str]] = {
    "arms/activations.py": ({"iterdir": 1, "open": 1}, "names and sizes in one folder, and a store that is mapped"),
    "arms/given_saes.py": ({"read_text": 1}, "a list of digests that a configuration names: its training texts"),
    "benchmarks/absorption.py": ({"read_text": 1}, "a list of words that a configuration names"),
    "benchmarks/saebench_cache.py": ({"json.loads": 2, "read_text": 1}, OWN_WORK),
    "benchmarks/saebench_core.py": ({"json.loads": 2, "read_text": 2}, f"{CHOSEN}; {OWN_WORK}"),
    "benchmarks/saebench_upstream.py": ({"glob": 1, "json.loads": 1, "read_text": 1}, OWN_WORK),
    "code_digest.py": ({"ast.parse": 1, "read_bytes": 1}, PACKAGE),
    "config_text.py": ({"open": 1}, "LARGEST; MOST_BASES of config.py"),
    "costs/model_size.py": ({"json.loads": 3, "read_text": 2, "open": 1}, f"_LONGEST_HEADER, and {CHOSEN}"),
    "determinism.py": ({"open": 1}, "/proc/cpuinfo"),
    "digests.py": ({"open": 1}, "a digest in pieces"),
    "object_cache.py": ({"iterdir": 1}, ONE_FOLDER),
    "provenance.py": ({"rglob": 1}, PACKAGE),
    "request.py": ({"rglob": 1}, "a folder of SAEs below the commit that is measured, of at most repo.tree.MAX_FILES"),
    "sae_paths.py": ({"iterdir": 1}, f"_MOST names of a folder and _DEEPEST folders, of {CHOSEN}"),
    "saes/formats/any_format.py": ({"glob": 2, "iterdir": 1}, f"names two folders deep of {CHOSEN}"),
    "saes/formats/npz.py": ({"open": 1}, CHOSEN),
    "saes/formats/own_formats.py": ({"json.loads": 1, "read_text": 1}, CHOSEN),
    "saes/formats/sae_format.py": ({"iterdir": 1}, ONE_FOLDER),
    "saes/sae_cache.py": ({"glob": 2, "json.loads": 2, "read_text": 1}, OWN_WORK),
    "saes/snapshots.py": ({"glob": 1, "open": 1, "json.loads": 1}, OWN_WORK),
    "saes/weights.py": ({"json.loads": 1, "read_text": 1}, CHOSEN),
    "stage/judging.py": ({"subprocess.run": 1}, "gatekit itself, whose output goes to the terminal of the run"),
    "stage/supervision.py": ({"json.loads": 1}, "LARGEST, of what the run has written itself into memory"),
    "stage/units.py": ({"json.loads": 1, "read_text": 1, "rglob": 1}, OWN_WORK),
    "stage/hub_commits.py": ({"open": 1}, "64 bytes of what the hub's client wrote"),
    "subjects/given_activations.py": ({"rglob": 1}, f"the names of the files of {CHOSEN}"),
    "subjects/model_files.py": ({"glob": 1}, ONE_FOLDER),
    "subjects/sharded_store.py": ({"glob": 1}, OWN_WORK),
    "subjects/stored_array.py": ({"json.loads": 1, "read_text": 1}, OWN_WORK),
    "subjects/story_pairs.py": (
        {"json.loads": 1, "ParquetFile": 1, "rglob": 1, "open": 1},
        f"{BY_PIECES}, and the names of its files",
    ),
    "subjects/text_corpus.py": ({"glob": 3}, ONE_FOLDER),
    "subjects/text_forms/csv_table.py": ({"csv.reader": 1}, f"LONGEST_ROW; {BY_PIECES}"),
    "subjects/text_forms/encoding_fault.py": ({"readline": 1}, f"LONGEST_ROW; {BY_PIECES}"),
    "subjects/text_forms/json_lines.py": ({"json.loads": 1, "readline": 1}, f"LONGEST_ROW; {BY_PIECES}"),
    "subjects/text_forms/json_values.py": ({"json.JSONDecoder": 1, "json.loads": 1}, f"LONGEST_ROW; {BY_PIECES}"),
    "subjects/text_forms/parquet_file.py": ({"ParquetFile": 1}, BY_PIECES),
    "subjects/text_forms/saved_folder.py": (
        {"json.loads": 1, "read_bytes": 1, "rglob": 1},
        "_LARGEST_STATE, and the names of its files",
    ),
    "subjects/text_rows.py": ({"open": 1}, f"opens a file for a reader; {BY_PIECES}"),
    "tracking.py": ({"rglob": 1}, OWN_WORK),
    "whole_files.py": ({"iterdir": 1, "open": 1}, ONE_FOLDER),
}
"""The same of the runners, which measure what whoever starts them names; a pull request starts none. A request to
measure brings configurations alone (`runners/request.py`)."""


def calls(path: Path) -> Counter[str]:
    """What a module calls that reads something without a limit of its own, and how often."""
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in READS | {"open"}:
            found[called.id] += 1
        elif isinstance(called, ast.Attribute):
            owner = called.value.id if isinstance(called.value, ast.Name) else ""
            if called.attr in OF_MODULE.get(owner, ()):
                found[f"{owner}.{called.attr}"] += 1
            elif called.attr in READS or (called.attr == "open" and owner != "Repository"):
                found[called.attr] += 1
    return found


@pytest.mark.parametrize(("package", "listed"), [("gatekit", BOUNDED), ("gatekit_husai", {}), ("runners", OF_RUNNERS)])
def test_what_reads_without_the_bounded_readers_is_listed_with_its_bound(
    package: str, listed: dict[str, tuple[dict[str, int], str]]
) -> None:
    folder = ROOT / package
    found = {path.relative_to(folder).as_posix(): dict(calls(path)) for path in sorted(folder.rglob("*.py"))}
    assert {name: called for name, called in found.items() if called} == {name: one[0] for name, one in listed.items()}


@pytest.mark.parametrize(
    "text",
    [
        *("Path(x).read_bytes()", "json.loads(x)", "json.load(x)", "open(x)", "x.open()", "os.walk(x)", "x.rglob('*')"),
        *(
            "subprocess.run(x)",
            "subprocess.Popen(x)",
            "urlopen(x)",
            "tomllib.loads(x)",
            "glob.glob(x)",
            "os.listdir(x)",
        ),
        *("zipfile.ZipFile(x)", "ast.literal_eval(x)", "csv.reader(x)", "x.read_text()", "os.scandir(x)"),
    ],
)
def test_a_new_reader_is_seen(tmp_path: Path, text: str) -> None:
    module = tmp_path / "new.py"
    module.write_text(text)
    assert sum(calls(module).values()) == 1
    module.write_text('read_regular_file(x, "json", 10)')
    assert not calls(module)
