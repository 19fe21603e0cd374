"""A small repository with one policy, evidence, a registry and two documents, which passes unless a test changes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import builders

from gatekit.claims import ClaimsDocument, Registry, parse_document, parse_registry
from gatekit.evidence import Summary
from gatekit.evidence.parsed_summary import summary_from
from gatekit.evidence.times import parse_time
from gatekit.kinds import INSTALLED
from gatekit.policy import Policy, parse_policy

FILE = "evidence/random_model.json"
NOW: datetime = parse_time(builders.NOW)

POLICY = """\
schema: gatekit.policy/1
id: small
gates:
  above: {from: random_model, measure: pw_mcc_above_control, at_least: 0.0}
  good: {from: random_model, measure: r2, at_least: 0.5}
  perfect: {from: random_model, measure: r2, at_least: 0.99}
  measured_elsewhere: {from: ood, measure: auc_drop, at_most: 0.1}
"""

REGISTRY = """\
# yaml-language-server: $schema=schemas/claims.schema.json
schema: gatekit.claims/1
rules:
  documents: [README.md, "docs/*.md"]
  unregistered_numbers: warn
  claim_language: error
claims:
  - id: agree
    sentence: Five SAEs agree more than their control, by {} on average.
    status: supported
    policy: small
    gates: [above, good]
"""

README = """\
# Seeds

<!-- gatekit:claim agree -->
Five **SAEs** agree more than their control, by
<!-- gatekit:value evidence/random_model.json pw_mcc_above_control estimate +.4f -->+0.2100<!-- /gatekit:value --> on
average.
<!-- /gatekit:claim -->

| measure | value |
|---|---|
| r2 | <!-- gatekit:value evidence/random_model.json r2 estimate .2f -->0.83<!-- /gatekit:value --> |
"""

MORE = """\
# More

<!-- gatekit:claim agree -->
Five SAEs agree more than their control, by
<!-- gatekit:value evidence/random_model.json pw_mcc_above_control estimate +.4f -->+0.2100<!-- /gatekit:value --> on
average.
<!-- /gatekit:claim -->
"""

PAPER = r"""\documentclass{article}
\input{gatekit-values}
\begin{document}
\gatekitclaim{agree}
It explains \gatekitvalue{r2} of the variance.
\end{document}
"""

PAPER_REGISTRY = (
    REGISTRY.replace('"docs/*.md"', '"docs/*.md", "paper/*.tex"')
    + """\
    slots:
      - {file: evidence/random_model.json, measure: pw_mcc_above_control, statistic: estimate, format: +.4f}
values:
  - {name: r2, file: evidence/random_model.json, measure: r2, statistic: estimate, format: .2f}
"""
)
"""What PAPER needs: every number of the sentence is fixed, and a value has a name."""


def evidence(**measures: Any) -> dict[str, Any]:
    """A random_model summary: pw_mcc 0.62 against 0.41 in ten pairs, r2 0.83 in five seeds, unless changed."""
    given: dict[str, Any] = {
        "pw_mcc_above_control": (builders.around(0.62, 0.02, 10), builders.around(0.41, 0.01, 10)),
        "r2": builders.around(0.83, 0.01, 5),
    }
    return builders.summary("random_model", given | measures)


def summary(document: Mapping[str, Any], path: str = FILE) -> Summary:
    """A Summary as reading gives it, without a file."""
    return summary_from(document, path, builders.digest(json.dumps(document)), INSTALLED.named(document["kind"]))


def summaries(*others: Summary, **measures: Any) -> dict[str, Summary]:
    """The evidence, by path."""
    return {s.path: s for s in (summary(evidence(**measures)), *others)}


def policy(text: str = POLICY) -> Policy:
    return parse_policy(text.encode(), "policies/small.yaml")


def registry(text: str = REGISTRY) -> Registry:
    return parse_registry(text.encode(), "claims.yaml")


def readme(text: str = README) -> ClaimsDocument:
    return parse_document(text.encode(), "README.md")


def more(text: str = MORE) -> ClaimsDocument:
    return parse_document(text.encode(), "docs/more.md")


def paper(text: str = PAPER) -> ClaimsDocument:
    return parse_document(text.encode(), "paper/p.tex")


def value(arguments: str, printed: str = "0") -> str:
    """A value binding in Markdown."""
    return f"<!-- gatekit:value {arguments} -->{printed}<!-- /gatekit:value -->"


def write(folder: Path, files: Mapping[str, str | bytes] | None = None) -> Path:
    """Write the whole repository into a folder; `files` replace or add some."""
    given: dict[str, str | bytes] = {
        "policies/small.yaml": POLICY,
        "claims.yaml": REGISTRY,
        "README.md": README,
        "docs/more.md": MORE,
        FILE: json.dumps(evidence()),
    }
    for name, content in (given | dict(files or {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
