"""JSON, YAML, folders and sources: what every command reads before it knows what is in a file."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import builders

from gatekit.evidence import committed, left_behind, listing, several_files, source_digest
from gatekit.evidence.atomic import TEMPORARY
from gatekit.evidence.strict_json import JSON_LIMITS, MAX_INTEGER
from gatekit.evidence.strict_yaml import YAML_LIMITS
from hostile_inputs.cases import CASES, MIB, PLAIN_JSON, POLICY, SUMMARY, Case, case, check, write
from runners import config, config_text
from runners.subjects.text_forms import unpacking

TABLE = ["import", "table", "--kind", "random_model", "--measure", "r2", "--subject", "s.json", "t.csv"]
ONE_TABLE = "seed,value\n" + "".join(f"{seed},0.{seed}\n" for seed in range(5))


def subject(folder: Path, text: str) -> list[str]:
    """Import one small table, about the subject of a file."""
    write(folder, "s.json", text)
    write(folder, "t.csv", ONE_TABLE)
    return TABLE


def numbers(one: str, count: int) -> str:
    """Return a summary, one of whose measures has so many observations more, all of one spelling."""
    document = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}))
    return document.replace("[0.8,", "[" + f"{one}," * count + "0.8,")


FIRST = PLAIN_JSON.format("evidence/00000.json")


@case("json: 1 MiB of arrays", codes=(4, 64), peer=PLAIN_JSON.format("s.json"))
def _(folder: Path) -> list[str]:
    count = JSON_LIMITS.size // 3 - 1
    return subject(folder, ("[" + "[]," * count + "0]").ljust(JSON_LIMITS.size))


@case("json: as deep as it may be, again and again", peer=FIRST)
def _(folder: Path) -> list[str]:
    deep = "[" * (JSON_LIMITS.depth - 1) + "]" * (JSON_LIMITS.depth - 1)
    return check(folder, "[" + ",".join([deep] * (900_000 // (JSON_LIMITS.depth - 1))) + "]")


@case("json: as many values as there may be", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, "[" + "0," * (JSON_LIMITS.values - 2) + "0]")


@case("json: 240 strings, as long as they may be", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, json.dumps(["é" * (JSON_LIMITS.string // 2)] * 240, ensure_ascii=False))


@case("json: keys, as long as they may be", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, json.dumps({f"{i:04d}".ljust(JSON_LIMITS.string, "k"): 1 for i in range(240)}))


@case("json: 480,000 numbers, as long as they may be", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, numbers("0." + "1" * (JSON_LIMITS.number - 2), 480_000))


@case("json: 900,000 integers, as large as they may be", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, numbers(str(MAX_INTEGER), 900_000))


@case("yaml: a policy of as many bytes as there may be, all comments")
def _(folder: Path) -> list[str]:
    return check(folder, SUMMARY, policy=(POLICY + "#\n" * (YAML_LIMITS.size // 2))[: YAML_LIMITS.size])


@case("yaml: as many nodes as there may be")
def _(folder: Path) -> list[str]:
    return check(folder, SUMMARY, policy="- a\n" * (YAML_LIMITS.nodes - 1))


@case("yaml: as deep as it may be, again and again")
def _(folder: Path) -> list[str]:
    deep = "[" * (YAML_LIMITS.depth - 1) + "]" * (YAML_LIMITS.depth - 1)
    return check(folder, SUMMARY, policy=f"- {deep}\n" * (YAML_LIMITS.nodes // YAML_LIMITS.depth))


@case("yaml: numbers, as long as they may be")
def _(folder: Path) -> list[str]:
    number = "1." + "2" * (YAML_LIMITS.number - 2)
    return check(folder, SUMMARY, policy=f"- {number}\n" * (YAML_LIMITS.size // (YAML_LIMITS.number + 3)))


@case("yaml: anchors that merge each other")
def _(folder: Path) -> list[str]:
    lines = ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 4000))]
    return check(folder, SUMMARY, policy="\n".join(lines) + "\n")


@case("yaml: many documents in one file")
def _(folder: Path) -> list[str]:
    return check(folder, SUMMARY, policy="---\na: 1\n" * 20_000)


@case("folder: as many files as may lie in one", codes=(64,))
def _(folder: Path) -> list[str]:
    (folder / "evidence").mkdir()
    for index in range(listing.MOST_ENTRIES - 1):
        (folder / "evidence" / f"{index}.txt").touch()
    write(folder, "policies/p.yaml", POLICY)
    write(folder, "evidence/a.json", json.dumps(SUMMARY))
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence/*.jso"]


@case("folder: 100,000 folders in one, by a pattern with **", codes=(0, 64))
def _(folder: Path) -> list[str]:
    for index in range(100_000):
        (folder / "evidence" / f"{index // 1000}" / f"{index}").mkdir(parents=True)
    write(folder, "policies/p.yaml", POLICY)
    write(folder, "evidence/a.json", json.dumps(SUMMARY))
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence/**/**/*.json"]


@case("folder: 900 folders in each other, by a pattern with **", codes=(0, 64))
def _(folder: Path) -> list[str]:
    deep = folder / "evidence"
    deep.mkdir()
    write(folder, "evidence/a.json", json.dumps(SUMMARY))
    (deep / ("a/" * 900)).mkdir(parents=True)
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence/**/*/**/*.json"]


WHOLE_SUBJECT = json.dumps({**builders.subject(), "protocol": {"rows": 100}, "finished": "2026-03-01T11:30:00Z"})
"""All that a table lacks."""


@case("output: a file is replaced that is as large as one may be", codes=(0,))
def _(folder: Path) -> list[str]:
    write(folder, "t.csv", ONE_TABLE)
    write(folder, "s.json", WHOLE_SUBJECT)
    write(folder, "evidence/random_model.json", b"x" * several_files.LARGEST_REPLACED)
    return [*TABLE, "--out", "evidence"]


@case("output: as many files as are looked through beside it", codes=(0,))
def _(folder: Path) -> list[str]:
    write(folder, "t.csv", ONE_TABLE)
    write(folder, "s.json", WHOLE_SUBJECT)
    (folder / "evidence").mkdir()
    for index in range(left_behind.MOST_ENTRIES):
        (folder / "evidence" / f"{TEMPORARY}{index:016x}.tmp").touch()
    return [*TABLE, "--out", "evidence"]


CONFIGURED = "from pathlib import Path; from runners.config import parts_of; print(len(parts_of(Path('c.yaml'))))"
"""A runner reads its configuration before it loads anything."""


@case("configuration: as many bytes as one may have", codes=(0, 1), program=CONFIGURED)
def _(folder: Path) -> list[str]:
    write(folder, "c.yaml", "a:\n" + "- a\n" * ((config_text.LARGEST - 4) // 4))
    return []


@case("configuration: as many bases as one may name", codes=(0, 1), program=CONFIGURED)
def _(folder: Path) -> list[str]:
    names = [f"b{i}.yaml" for i in range(config.MOST_BASES)]
    write(folder, "c.yaml", f"base: [{', '.join(names)}]\n")
    for name in names:
        write(folder, name, f"{name[:-5]}:\n" + "- a\n" * (4000))
    return []


@case("configuration: aliases of aliases", codes=(0, 1), program=CONFIGURED)
def _(folder: Path) -> list[str]:
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 4000))]
    write(folder, "c.yaml", "\n".join(lines))
    return []


@case("configuration: lists in each other", codes=(1,), program=CONFIGURED)
def _(folder: Path) -> list[str]:
    write(folder, "c.yaml", "a: " + "[" * 200_000)
    return []


UNPACKED = """
from pathlib import Path
from runners.subjects.text_forms.json_lines import read_json_lines
print(sum(1 for _ in read_json_lines(Path('t.jsonl.gz'))))
"""
"""A runner reads its texts line by line."""


@case("texts: as many blank lines as any packed file may hold", codes=(0, 1), program=UNPACKED)
def _(folder: Path) -> list[str]:
    write(folder, "t.jsonl.gz", gzip.compress(b"\n" * unpacking.ALWAYS))
    return []


@case("texts: blank lines, as many times its size as a file may hold", codes=(0, 1), program=UNPACKED)
def _(folder: Path) -> list[str]:
    # The first part packs to nothing; the second, which is not read any more, to its own size.
    lines = gzip.compress(b"\n" * (3 * unpacking.ALWAYS))
    size = 3 * unpacking.ALWAYS // unpacking.MOST_TIMES
    write(folder, "t.jsonl.gz", lines + gzip.compress(random.Random(0).randbytes(size - len(lines) - 200)))
    return []


def measured_source(folder: Path, data: bytes, name: str) -> list[str]:
    """Ask whether a summary is stale that names one source."""
    write(folder, name, data)
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    by = source_digest.rule_for(name)
    document["producer"]["sources"] = [{"path": name, "sha256": "0" * 64, "by": by}]
    write(folder, "evidence/a.json", json.dumps(document))
    return ["stale", "evidence"]


def python(name: str, unit: str, start: str = "", end: str = "\n") -> None:
    """Ask whether a summary is stale that names Python of as many tokens, or bytes, as are parsed."""
    of_one = max(1, source_digest.tokens(unit.encode(), 100))
    count = min((source_digest.MOST_TOKENS - 4) // of_one, (source_digest.LARGEST - 20) // len(unit))

    def build(folder: Path) -> list[str]:
        return measured_source(folder, (start + unit * count + end).encode(), "a.py")

    CASES.append(Case(f"source: Python of as many {name}", build))


python("tokens as are parsed, short statements", "a\n")
python("tokens as are parsed, one sum", "a+", "a=", "a\n")
python("tokens as are parsed, one list", "0,", "a=[", "]\n")
python("tokens as are parsed, brackets", "(")
python("tokens as are parsed, signs", "-", "a=", "1\n")
python("tokens as are parsed, attributes", ".a", "a")
python("tokens as are parsed, f-strings", "f'{a}'\n")
python("bytes as are parsed, digits of one number", "7" * 1000, "a=")
python("bytes as are parsed, comments", "#" + "x" * 97 + "\n")
python("bytes as are parsed, one string", "x" * 1000, "a='", "'\n")


@case("source: as many bytes as may have other line ends")
def _(folder: Path) -> list[str]:
    return measured_source(folder, b"a\r\n" * (committed.LARGEST_TEXT // 3), "a.txt")


@case("source: 300 MB of data")
def _(folder: Path) -> list[str]:
    return measured_source(folder, b"\r\n" * (150 * MIB), "a.bin")
