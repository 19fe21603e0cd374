"""What an input of benchmarks/hostile.py is, and what those of all sorts are built from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import builders  # the tests' own documents: valid, complete, one subject

from gatekit.claims.document_formats import MOST_LINES

ROOT = Path(__file__).resolve().parents[2]

KIB, MIB = 1 << 10, 1 << 20
POLICY = "schema: gatekit.policy/1\nid: p\ngates:\n  g: {from: random_model, measure: r2, at_least: 0.5}\n"
CLAIMS = """\
schema: gatekit.claims/1
rules: {documents: [%s], unregistered_numbers: error, claim_language: error}
claims:
  - {id: c, sentence: It agrees., status: pending, policy: p, gates: [g]}
"""
BLOCK = "<!-- gatekit:claim c{0} -->It agrees {0}.<!-- /gatekit:claim -->\n\n"
BINDING = "<!-- gatekit:value evidence/a.json r2 estimate .2f -->0.80<!-- /gatekit:value --> "
PLAIN_JSON = "import json; json.load(open({!r}))"


@dataclass(frozen=True)
class Case:
    """One hostile input."""

    name: str
    build: Callable[[Path], list[str]]
    """Writes files into a folder and returns arguments of gatekit, which runs in it."""
    codes: tuple[int, ...] = (0, 2, 3, 4, 5)
    """Exit codes that are right."""
    peer: str = ""
    """Python that reads the same file with the plain reader of its format."""
    program: str = ""
    """Python that is run in place of the command, where a reader is reached only by measuring or over a network."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the command, beside PATH and HOME."""


CASES: list[Case] = []


def case(name: str, codes: tuple[int, ...] = (0, 2, 3, 4, 5), **more: Any) -> Callable[[Any], Any]:
    """Add the function that follows as a case; `more` are further fields of it."""

    def add(build: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
        CASES.append(Case(name, build, codes, **more))
        return build

    return add


def write(folder: Path, name: str, text: str | bytes) -> str:
    """Write a file, make its folders, return its name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def claims(folder: Path, text: str, name: str = "x.md", command: str = "check") -> list[str]:
    """A registry over one document, one policy and one summary."""
    write(folder, "claims.yaml", CLAIMS % name)
    write(folder, "policies/p.yaml", POLICY)
    write(folder, "evidence/a.json", json.dumps(builders.summary("random_model", {"r2": [0.8] * 5})))
    write(folder, name, text)
    return ["claims", command]


def padded(text: str, size: int, comment: str = "#") -> str:
    """Make a text of ASCII exactly so many bytes long, by a comment at its end."""
    return text + comment.ljust(size - len(text), "x")


def filled(unit: str, size: int = 512 * KIB - 200) -> str:
    """Repeat a unit up to a size, or up to as many lines as documents may have."""
    lines = unit.count("\n") + unit.count("\r")
    count = size // len(unit.encode())
    return unit * (min(count, (MOST_LINES - 100) // lines) if lines else count)


def check(folder: Path, *documents: Any, policy: str = POLICY) -> list[str]:
    """One policy over summaries."""
    write(folder, "policies/p.yaml", policy)
    for index, document in enumerate(documents):
        text = document if isinstance(document, str | bytes) else json.dumps(document)
        write(folder, f"evidence/{index:05d}.json", text)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


def gates(count: int) -> str:
    """A policy of many gates."""
    lines = [f"  g{i}: {{from: random_model, measure: r2, at_least: 0.{i + 1:04d}}}" for i in range(count)]
    return "schema: gatekit.policy/1\nid: p\ngates:\n" + "\n".join(lines) + "\n"


SUMMARY = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.84]})
