"""Registries of claims."""

from __future__ import annotations

import json
from pathlib import Path

import builders

from gatekit.candidates import finding_files
from gatekit.claims import paths as claims_paths
from gatekit.claims.checking import MOST_JUDGED
from gatekit.claims.registry import LIMITS, LONGEST_SENTENCE, MOST_CLAIMS, MOST_PATTERNS
from gatekit.evidence.folder_limits import CANDIDATE_FILES
from hostile_inputs.cases import BINDING, BLOCK, CLAIMS, case, claims, gates, padded, write


@case("claims: 1,000 in one registry")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    entry = "  - {{id: c{0}, sentence: It agrees {0}., status: pending, policy: p, gates: [g]}}\n"
    text = (CLAIMS % "x.md").split("  - ")[0] + "".join(map(entry.format, range(1000)))
    write(folder, "claims.yaml", text)
    write(folder, "x.md", "".join(map(BLOCK.format, range(1000))))
    return ["claims", "check"]


@case("claims: 1,000 supported, with evidence folders")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    entry = (
        "  - {{id: c{0}, sentence: It agrees {0}., status: supported, policy: p, gates: [g], evidence: [evidence]}}\n"
    )
    text = (CLAIMS % "x.md").split("  - ")[0] + "".join(map(entry.format, range(1000)))
    write(folder, "claims.yaml", text)
    write(folder, "x.md", "".join(map(BLOCK.format, range(1000))))
    return ["claims", "check"]


@case("claims: 1,000 whose blocks are missing")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    entry = "  - {{id: c{0}, sentence: It agrees {0}., status: supported, policy: q, gates: [h]}}\n"
    write(folder, "claims.yaml", (CLAIMS % "x.md").split("  - ")[0] + "".join(map(entry.format, range(1000))))
    return ["claims", "check"]


@case("claims: 50 document patterns with **")
def _(folder: Path) -> list[str]:
    claims(folder, "", "a/b/x.md")
    patterns = ", ".join(f'"**/b*/**/x{i}*.md"' for i in range(50))
    write(folder, "claims.yaml", CLAIMS % patterns)
    for index in range(2000):
        write(folder, f"a/b{index}/x{index}.md", "x\n")
    return ["claims", "check"]


# At the limits

ENTRY = "  - {{id: c{0}, sentence: It agrees {0}., status: pending, policy: p, gates: [g]}}\n"
START = (CLAIMS % "x.md").split("  - ")[0]


def registry(folder: Path, text: str, document: str = "x\n") -> list[str]:
    """Check a registry."""
    claims(folder, document)
    write(folder, "claims.yaml", text)
    return ["claims", "check"]


@case("claims: as many bytes as a registry may have")
def _(folder: Path) -> list[str]:
    return registry(folder, padded(START + "".join(map(ENTRY.format, range(900))), LIMITS.size))


@case("claims: as many nodes as a registry may have")
def _(folder: Path) -> list[str]:
    return registry(folder, START + "  - a\n" * (LIMITS.nodes - 20))


@case("claims: as many as there may be, and sentences as long as they may be")
def _(folder: Path) -> list[str]:
    entry = "  - {{id: c{0}, sentence: {1}, status: pending, policy: p, gates: [g]}}\n"
    text = START + "".join(entry.format(i, f"It agrees {i}".ljust(LONGEST_SENTENCE, "x")) for i in range(MOST_CLAIMS))
    return registry(folder, text, "".join(map(BLOCK.format, range(MOST_CLAIMS))))


@case("claims: as many patterns as there may be, and stars, over 2,000 documents")
def _(folder: Path) -> list[str]:
    patterns = ", ".join(f'"**/b*{i}/**/x*.md"' for i in range(MOST_PATTERNS))
    claims(folder, "", "a/b/x.md")
    write(folder, "claims.yaml", CLAIMS % patterns)
    for index in range(1990):
        write(folder, f"a/{'bab' * 20}{index % 60}/{index}/x{'ab' * 30}{index}.md", "x\n")
    return ["claims", "check"]


@case("claims: documents are looked for among as many files as there may be")
def _(folder: Path) -> list[str]:
    claims(folder, "", "a/x.md")
    write(folder, "claims.yaml", CLAIMS % '"**/*.md"')
    for index in range(claims_paths.MOST_ENTRIES // 2 - 400):
        place = folder / "a" / str(index // 500)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{index}.txt").touch()
    return ["claims", "check"]


@case("claims: as many thresholds as they may ask for")
def _(folder: Path) -> list[str]:
    count = MOST_JUDGED // 1000
    claims(folder, "")
    write(folder, "policies/p.yaml", gates(1000))
    said = "id: c{0}, sentence: It agrees {0}., status: supported, policy: p, gates: [g0], evidence: [evidence/{0}]"
    entry = f"  - {{{{{said}}}}}\n"
    write(folder, "claims.yaml", START + "".join(map(entry.format, range(count))))
    write(folder, "x.md", "".join(map(BLOCK.format, range(count))))
    (folder / "evidence" / "a.json").unlink()
    for index in range(count):
        document = builders.summary("random_model", {"r2": [0.8 + index * 0.001] * 5}, of=builders.subject(k=8 + index))
        write(folder, f"evidence/{index}/a.json", json.dumps(document))
    return ["claims", "check"]


@case("claims: as many pairs of rules as are compared with `at_least`")
def _(folder: Path) -> list[str]:
    claims(folder, "")
    write(folder, "policies/p.yaml", gates(220))
    write(folder, "policies/q.yaml", gates(220).replace("id: p\n", "id: q\n").replace("at_least: 0.", "at_least: 0.9"))
    said = (
        f"id: c, sentence: It agrees., status: supported, policy: p, gates: [{', '.join(f'g{i}' for i in range(220))}]"
    )
    write(folder, "claims.yaml", START.replace("rules: {", "rules: {at_least: q, ") + f"  - {{{said}}}\n")
    return ["claims", "check"]


@case("claims: 400 documents of 1 KB in one file of YAML")
def _(folder: Path) -> list[str]:
    return registry(folder, ("---\n" + START + "".join(map(ENTRY.format, range(10)))) * 400)


@case("claims: a key of 900 KB")
def _(folder: Path) -> list[str]:
    return registry(folder, "? " + "a" * 900_000 + "\n: 1\n")


@case("claims: 1,000 that are bound to numbers", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    text = "".join(
        f"<!-- gatekit:claim c{i} -->It agrees {i} {BINDING.strip()}.<!-- /gatekit:claim -->\n\n" for i in range(1000)
    )
    return registry(folder, START + "".join(map(ENTRY.format, range(1000))), text)


# Candidate files


@case("candidates: as many files and bytes as there may be")
def _(folder: Path) -> list[str]:
    each = CANDIDATE_FILES.size // CANDIDATE_FILES.files
    for index in range(CANDIDATE_FILES.files):
        text = '{"schema": "gatekit.candidate/1", "candidates": [' + "{}," * (each // 3 - 30) + "{}]}"
        write(folder, f"c{index}/candidate.json", text)
    return registry(folder, START + ENTRY.format(1))


@case("candidates: looked for among as many files and folders as there may be")
def _(folder: Path) -> list[str]:
    for index in range(finding_files.MOST_ENTRIES // 2 - 20):
        (folder / "a" / str(index)).mkdir(parents=True)
        (folder / "a" / str(index) / "x").touch()
    return registry(folder, START + ENTRY.format(1))
