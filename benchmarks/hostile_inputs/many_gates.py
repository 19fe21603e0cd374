"""What commands make of as many gates as there may be: reports in every format, plans, pages, dossiers."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import builders

from gatekit.policy.loading import MOST_RULES
from hostile_inputs.cases import SUMMARY, case, check, claims, filled, gates, write
from hostile_inputs.commits import BASE, commit, repository


def all_gates(folder: Path) -> list[str]:
    """As many thresholds as there may be, in two policies beside one summary; returns where they lie."""
    for index in range(2):
        write(folder, f"policies/p{index}.yaml", gates(MOST_RULES // 2).replace("id: p\n", f"id: p{index}\n"))
    write(folder, "evidence/a.json", json.dumps(SUMMARY))
    return ["--policy", "policies", "--now", builders.NOW]


@case("gates: as many as there may be, a report of each format")
def _(folder: Path) -> list[str]:
    forms = ("markdown", "html", "json", "junit", "sarif")
    outputs = [part for form in forms for part in ("--output", f"{form}=out.{form}")]
    return ["check", *all_gates(folder), *outputs, "--verbose", "evidence"]


@case("gates: as many as there may be, explained")
def _(folder: Path) -> list[str]:
    return ["explain", "p0/g7", *all_gates(folder), "--evidence", "evidence"]


@case("gates: as many as there may be, planned for")
def _(folder: Path) -> list[str]:
    return ["plan", *all_gates(folder), "--evidence", "evidence"]


@case("gates: as many as there may be, on a page with sliders")
def _(folder: Path) -> list[str]:
    return ["report", *all_gates(folder), "--html", "page.html", "evidence"]


@case("gates: as many as there may be, linted")
def _(folder: Path) -> list[str]:
    all_gates(folder)
    return ["lint", "policies"]


@case("gates: as many as there may be, in a dossier")
def _(folder: Path) -> list[str]:
    return ["dossier", *all_gates(folder), "--out", "dossier", "--evidence", "evidence"]


@case("gates: as many as there may be, each waived")
def _(folder: Path) -> list[str]:
    count = 880
    waivers = [f'  - {{gate: g{i}, owner: a, reason: b, expires: "2026-03-20"}}\n' for i in range(count)]
    return check(folder, SUMMARY, policy=gates(count) + "waivers:\n" + "".join(waivers))


@case("gates: as many as there may be, beside 5,000 summaries of the base")
def _(folder: Path) -> list[str]:
    for index in range(4):
        rules = gates(MOST_RULES // 4).replace("id: p\n", f"id: p{index}\n")
        write(folder, f"policies/p{index}.yaml", re.sub(r"at_least: ([\d.]+)", r"not_worse_than: {base: \1}", rules))
    write(folder, "evidence/a.json", json.dumps(SUMMARY))
    # Each of another subject, so that none is the one to compare with.
    for index in range(5_000):
        other = SUMMARY["subject"] | {"d_sae": 20_000 + index}
        write(folder, f"base/{index:04}.json", json.dumps(SUMMARY | {"subject": other}))
    return ["check", "--policy", "policies", "--now", builders.NOW, "--base-evidence", "base", "evidence"]


@case("git: 20,000 files renamed, and changed a little")
def _(folder: Path) -> list[str]:
    text = b"".join(b"line %d of a file\n" % line for line in range(40))
    before = {f"src/a{i}.py": b"%d\n" % i + text for i in range(20_000)}
    gone = b"".join(b"D src/a%d.py\n" % i for i in range(20_000))
    after = {f"lib/b{i}.py": b"%d\n" % i + text + b"x\n" for i in range(20_000)}
    moved = commit("feature", after, "main").removesuffix(b"\n") + gone + b"\n"
    return repository(folder, commit("main", BASE | before) + moved)


@case("git: 50,000 tags and 50,000 branches")
def _(folder: Path) -> list[str]:
    given = repository(folder, commit("main", BASE) + commit("feature", {"y.md": b"x"}, "main"))
    head = subprocess.run(["git", "rev-parse", "feature"], cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    refs = [*(f"refs/heads/x/b{i:05}" for i in range(50_000)), *(f"refs/tags/t{i:05}" for i in range(50_000))]
    # git's own import takes the square of their number.
    write(folder, ".git/packed-refs", "".join(f"{head.stdout.strip()} {ref}\n" for ref in refs))
    return given


@case("document: letters that stand for eighteen")
def _(folder: Path) -> list[str]:
    return claims(folder, filled("\ufdfa 0.12 "))
