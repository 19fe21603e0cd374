"""Summaries."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import builders

from hostile_inputs.cases import MIB, PLAIN_JSON, POLICY, case, check, write


def rows_summary(seeds: int, rows: int) -> Any:
    """A summary of observations per row."""
    count = seeds * rows
    values = [4.0 + 0.001 * (i % 97) for i in range(count)]
    below = [3.0 + 0.001 * (i % 89) for i in range(count)]
    return builders.summary("cebench", {"interpretability_delta": (values, below)}, seeds=range(seeds))


ROWS = "schema: gatekit.policy/1\nid: p\ngates:\n  g: {from: cebench, measure: interpretability_delta, at_least: 0.5}\n"
PAIRS = (
    "schema: gatekit.policy/1\nid: p\ngates:\n"
    "  g: {from: random_model, measure: pw_mcc_above_control, at_least: 0.05}\n"
)
FIRST = PLAIN_JSON.format("evidence/00000.json")


@case("summary: 20,000 rows of 10 seeds", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, rows_summary(10, 20_000), policy=ROWS)


@case("summary: 240,000 observations with controls", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, rows_summary(10, 24_000), policy=ROWS)


def pairs_summary(seeds: int, measures: tuple[str, ...] = ("pw_mcc_above_control",)) -> Any:
    """A summary of observations per pair of seeds."""
    count = len(list(combinations(range(seeds), 2)))
    values = [0.6 + 0.0001 * (i % 97) for i in range(count)]
    below = [0.4 + 0.0001 * (i % 89) for i in range(count)]
    return builders.summary("random_model", {name: (values, below) for name in measures}, seeds=range(seeds))


@case("summary: 100 seeds in pairs", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, pairs_summary(100), policy=PAIRS)


@case("summary: 800 seeds in pairs", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, pairs_summary(800), policy=PAIRS)


@case("summary: 500 seeds in pairs, three measures", peer=FIRST)
def _(folder: Path) -> list[str]:
    names = ("pw_mcc_above_control", "pw_mcc_above_untrained", "pw_mcc_above_gaussian")
    return check(folder, pairs_summary(500, names), policy=PAIRS)


@case("summary: 319,600 observations, 800 seeds in pairs", peer=FIRST)
def _(folder: Path) -> list[str]:
    name = "similarity_at_init"
    document = builders.summary("random_model", {name: [0.5] * 319_600}, seeds=range(800))
    return check(folder, document, policy=PAIRS.replace("pw_mcc_above_control", name).replace("at_least", "at_most"))


@case("summary: 1,000 seeds, each with rows of its own", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = rows_summary(1000, 200)
    columns = document["measurements"]["interpretability_delta"]["columns"]
    columns["row"] = list(range(len(columns["row"])))
    return check(folder, document, policy=ROWS)


@case("summary: 100,000 seeds", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, builders.summary("random_model", {"r2": [0.8] * 100_000}, seeds=range(100_000)))


@case("summary: 16 MiB of one array", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}))
    return check(folder, document.replace("[0.8,", "[" + "0," * (8 * MIB - 3000) + "0.8,"))


@case("summary: 999,000 numbers of 14 characters", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}))
    return check(folder, document.replace("[0.8,", "[" + "0.12345678912," * 999_000 + "0.8,"))


@case("summary: 900,000 unknown keys", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}))
    return check(folder, document[:-1] + "," + ",".join(f'"key{i}":1' for i in range(900_000)) + "}")


@case("summary: 100,000 unknown measures", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["measurements"] |= {f"measure_{i}": {} for i in range(100_000)}
    return check(folder, document)


@case("summary: 100,000 settings", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["protocol"]["settings"] = {f"setting_{i}": i for i in range(100_000)}
    return check(folder, document)


@case("summary: 100,000 inputs", peer=FIRST)
def _(folder: Path) -> list[str]:
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["producer"]["inputs"] = [{"path": f"a{i}", "sha256": builders.digest("a")} for i in range(100_000)]
    return check(folder, document)


@case("summary: 80,000 datasets", peer=FIRST)
def _(folder: Path) -> list[str]:
    sets = {"datasets": [{"name": f"d{i}", "sha256": builders.digest(str(i)), "rows": 10} for i in range(80_000)]}
    document = builders.summary("random_model", {"r2": [0.8] * 5})
    document["protocol"] |= sets
    return check(folder, document)


@case("summary: 1,000,000 empty objects", peer=FIRST)
def _(folder: Path) -> list[str]:
    return check(folder, "[" + "{}," * 999_990 + "{}]")


@case("summary: nested 1,000,000 deep")
def _(folder: Path) -> list[str]:
    return check(folder, "[" * 1_000_000 + "]" * 1_000_000)


@case("summary: strings of brackets and backslashes")
def _(folder: Path) -> list[str]:
    return check(folder, '["' + '\\"[' * 5_000_000 + '"]')


@case("summary: a key of 15 MiB")
def _(folder: Path) -> list[str]:
    return check(folder, '{"' + "a" * 15 * MIB + '": 1}')


@case("summary: duplicate keys")
def _(folder: Path) -> list[str]:
    return check(folder, "{" + ",".join('"a":1' for _ in range(900_000)) + "}")


@case("summary: integers of 15 MiB")
def _(folder: Path) -> list[str]:
    return check(folder, "[" + "9" * 15 * MIB + "]")


@case("summary: 400,000 surrogates")
def _(folder: Path) -> list[str]:
    return check(folder, "[" + ",".join(['"\\ud800"'] * 400_000) + "]")


@case("summaries: 10,000 of two KB")
def _(folder: Path) -> list[str]:
    for index in range(10_000):
        of = builders.subject(model=f"model-{index}")
        document = builders.summary("random_model", {"r2": [0.8] * 5}, of=of)
        write(folder, f"evidence/{index:05d}.json", json.dumps(document))
    write(folder, "policies/p.yaml", POLICY.replace("id: p", "id: p\nsubject: {model: model-7}"))
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 10,000 of one subject")
def _(folder: Path) -> list[str]:
    for index in range(10_000):
        document = builders.summary("random_model", {"r2": [0.8 + index * 1e-6] * 5})
        write(folder, f"evidence/{index:05d}.json", json.dumps(document))
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 10,000 of one subject, other settings")
def _(folder: Path) -> list[str]:
    for index in range(10_000):
        document = builders.summary("random_model", {"r2": [0.8] * 5}, protocol_changes={"settings": {"a": index}})
        write(folder, f"evidence/{index:05d}.json", json.dumps(document))
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 30 of 14 MB")
def _(folder: Path) -> list[str]:
    document = json.dumps(rows_summary(10, 33_000))
    for index in range(30):
        write(folder, f"evidence/{index:05d}.json", document.replace("pythia-70m", f"pythia-{index}"))
    write(folder, "policies/p.yaml", ROWS)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("summaries: 20,000 that are not JSON")
def _(folder: Path) -> list[str]:
    return check(folder, *["{"] * 20_000)
