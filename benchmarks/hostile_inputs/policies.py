"""Policies."""

from __future__ import annotations

import json
from math import comb
from pathlib import Path

import builders

from gatekit.evidence.folder_limits import KIND_FILES, POLICY_FILES
from gatekit.policy import evidence_folders
from gatekit.policy.lint import MAX_WEIGHTINGS
from gatekit.policy.loading import MAX_DEPTH, MOST_RULES
from hostile_inputs.cases import CASES, KIB, POLICY, SUMMARY, Case, case, check, gates, padded, write


@case("policy: 2,400 gates")
def _(folder: Path) -> list[str]:
    return check(folder, SUMMARY, policy=gates(2400))


@case("policy: 200 gates")
def _(folder: Path) -> list[str]:
    return check(folder, SUMMARY, policy=gates(200))


@case("policies: 25 of 150 gates")
def _(folder: Path) -> list[str]:
    for index in range(25):
        write(folder, f"policies/p{index}.yaml", gates(150).replace("id: p\n", f"id: p{index}\n"))
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: 20 of 20,000 nodes")
def _(folder: Path) -> list[str]:
    for index in range(20):
        write(folder, f"policies/p{index}.yaml", "- a\n" * 6_500)
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: 40 of 2,400 gates")
def _(folder: Path) -> list[str]:
    for index in range(40):
        write(folder, f"policies/p{index}.yaml", gates(2400).replace("id: p\n", f"id: p{index}\n"))
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: 200 of one gate")
def _(folder: Path) -> list[str]:
    for index in range(199):
        write(folder, f"policies/p{index}.yaml", gates(1).replace("id: p\n", f"id: p{index}\n"))
    check(folder, SUMMARY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policy diff: 2,400 gates renamed")
def _(folder: Path) -> list[str]:
    write(folder, "a.yaml", gates(2400))
    write(folder, "b.yaml", gates(2400).replace("  g", "  h"))
    return ["policy", "diff", "a.yaml", "b.yaml"]


def policy(name: str, text: str) -> None:
    """Add a case of one policy."""
    CASES.append(Case(f"policy: {name}", lambda folder: check(folder, SUMMARY, policy=text)))


HEAD = "schema: gatekit.policy/1\nid: p\ngates:\n"
RULE = "{from: random_model, measure: r2, at_least: 0.5}"
policy("any_of nested 30 deep", HEAD + "  g: " + "{any_of: [" * 30 + RULE + "]}" * 30)
policy("any_of nested 20,000 deep", HEAD + "  g: " + "{any_of: [" * 20_000)
policy("any_of of 1,500 rules", HEAD + "  g: {any_of: [" + ", ".join([RULE] * 1500) + "]}\n")
policy(
    "any_of nested, seven deep and wide",
    HEAD + "  g: " + "{any_of: [" * 6 + ", ".join([RULE] * 1500) + (", " + RULE + "]}") * 6,
)
policy("aliases of aliases", HEAD + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 3000)))
policy("flow sequences", "[" * 250_000)
policy("a line of 250 KiB", "id: " + "a" * 250 * KIB)
policy("a key of 250 KiB", "? " + "a" * 250 * KIB + "\n: 1\n")
policy("a number of 250 KiB", "id: " + "1" * 250 * KIB)
policy("19,000 unknown keys", HEAD.replace("gates:\n", "") + "".join(f"k{i}: 1\n" for i in range(9_000)))
policy("a key twice, 9,000 times", "a: 1\n" * 9_000)
policy("gates with a misspelt measure", gates(2400).replace("measure: r2", "measure: r22"))
policy("gates with an unknown key", gates(2400).replace("at_least", "atleast"))
policy("comments", "#\n" * 120_000 + POLICY)
policy("blank lines", "\n" * 250_000 + POLICY)
policy("tabs", "\t" * 250_000)
policy("dashes", "- " * 125_000)
policy("question marks", "? " * 125_000)
policy("quotes", '"' * 250_000)
policy("escapes", 'id: "' + "\\n" * 120_000 + '"')
policy("block scalar", "id: |\n" + "  a\n" * 60_000)
policy("folded scalar", "id: >\n" + "  a\n\n" * 50_000)
policy("plain scalar over lines", "id:\n" + "  a\n" * 60_000)
policy("colons", "a:" * 125_000)
policy("anchors", "&a " * 80_000)
policy("tags", "!!a " * 60_000)


# At the limits


@case("policies: as many files as there may be")
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY, policy=gates(1))
    for index in range(POLICY_FILES.files - 1):
        write(folder, f"policies/p{index}.yaml", gates(1).replace("id: p\n", f"id: p{index}\n"))
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: as many thresholds as there may be, in 20 files")
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY, policy=gates(MOST_RULES // 20))
    for index in range(19):
        write(folder, f"policies/p{index}.yaml", gates(MOST_RULES // 20).replace("id: p\n", f"id: p{index}\n"))
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policies: as many bytes as all may have")
def _(folder: Path) -> list[str]:
    for index in range(4):
        text = gates(200).replace("id: p\n", f"id: p{index}\n")
        write(folder, f"policies/p{index}.yaml", padded(text, POLICY_FILES.size // 4))
    check(folder, SUMMARY)
    (folder / "policies" / "p.yaml").unlink()
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case("policy: any_of, as deep as it may be")
def _(folder: Path) -> list[str]:
    text = HEAD + "  g: " + "{any_of: [" * (MAX_DEPTH - 1) + ", ".join([RULE] * 600)
    return check(folder, SUMMARY, policy=text + f", {RULE}]}}" * (MAX_DEPTH - 1) + "\n")


SELECTION = """\
selection:
  eligibility: [g]
  weight_grid: %d
  scores:
    - {from: random_model, measure: r2, worst: 0.0, best: 1.0, weight: 1}
    - {from: random_model, measure: pw_mcc_above_control, worst: 0.0, best: 0.5, weight: 1}
    - {from: random_model, measure: dead_fraction, worst: 1.0, best: 0.0, weight: 1}
    - {from: random_model, measure: l0, worst: 64.0, best: 0.0, weight: 1}
"""


@case("selection: as many combinations of weights as there may be", codes=(0,))
def _(folder: Path) -> list[str]:
    grid = next(n for n in range(100, 0, -1) if comb(n + 3, 3) <= MAX_WEIGHTINGS)
    check(folder, policy=HEAD + f"  g: {RULE}\n" + SELECTION % grid)
    for index in range(6):
        values = {
            "r2": [0.8 + index * 0.01 + seed * 1e-6 for seed in range(5)],
            "dead_fraction": [0.1] * 5,
            "l0": [32.0] * 5,
        }
        pairs = ([0.6 - index * 0.01 + pair * 1e-6 for pair in range(10)], [0.1 + pair * 1e-6 for pair in range(10)])
        own = [{"seed": seed, "sha256": builders.digest(f"{index} {seed}")} for seed in builders.SEEDS]
        of = builders.subject(k=32 + index, checkpoints=own)
        document = builders.summary("random_model", {**values, "pw_mcc_above_control": pairs}, of=of)
        write(folder, f"evidence/{index}.json", json.dumps(document))
    return ["select", "--policy", "policies/p.yaml", "evidence"]


@case("policy: as many folders of evidence as it may name, and as long")
def _(folder: Path) -> list[str]:
    paths = [f"evidence/{i:03d}".ljust(evidence_folders.LONGEST, "x") for i in range(evidence_folders.MOST)]
    (folder / "evidence").mkdir()
    named = "evidence: [" + ", ".join(paths) + "]\n"
    return check(folder, SUMMARY, policy=POLICY.replace("gates:", named + "gates:"))


# Kinds of your own

MEASURE = "  m%d: {range: [0, 1], direction: higher, description: x}\n"


def kind(measures: int) -> str:
    """A kind of so many measures."""
    return "schema: gatekit.kind/1\ndescription: x\nmeasures:\n" + "".join(MEASURE % i for i in range(measures))


@case("kinds: as many files as there may be")
def _(folder: Path) -> list[str]:
    for index in range(KIND_FILES.files):
        write(folder, f"kinds/k{index}.yaml", kind(20))
    return check(folder, SUMMARY)


@case("kinds: as many bytes as all may have")
def _(folder: Path) -> list[str]:
    for index in range(4):
        write(folder, f"kinds/k{index}.yaml", padded(kind(1500), KIND_FILES.size // 4))
    return check(folder, SUMMARY)
