"""Evaluate a policy's text on summary documents, as `gatekit check` does on files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import builders

from gatekit.errors import GatekitError
from gatekit.evidence import Summary, contradictions
from gatekit.evidence.checks import check_document
from gatekit.evidence.parsed_summary import summary_from
from gatekit.evidence.schemas import check_summary
from gatekit.evidence.strict_json import parse_json
from gatekit.evidence.times import parse_time
from gatekit.gates.evaluate import evaluate
from gatekit.gates.verdict import Verdict
from gatekit.policy import parse_policy

NOW = parse_time(builders.NOW)
HEAD = "schema: gatekit.policy/1\nid: p\n"


def read(documents: Mapping[str, Any]) -> tuple[list[Summary], list[GatekitError]]:
    """Read documents through the strict reader, schema and checks."""
    summaries: list[Summary] = []
    errors: list[GatekitError] = []
    for name, document in documents.items():
        try:
            value = document if isinstance(document, bytes) else json.dumps(document).encode()
            parsed = parse_json(value, name)
            table = check_summary(parsed.value, name)
            check_document(parsed.value, name, table)
            summaries.append(summary_from(parsed.value, name, parsed.sha256, table))
        except GatekitError as error:
            errors.append(error)
    return summaries, errors + contradictions(summaries)


def verdict(policy: str, documents: Mapping[str, Any], now: datetime = NOW, advisory: bool = False) -> Verdict:
    """Judge documents by `policy`: everything after the schema and id, or `gates` in short form `name: rule`."""
    text = policy if "gates:" in policy else "gates:\n" + "".join(f"  {line}\n" for line in policy.splitlines())
    loaded = parse_policy((HEAD + text).encode(), "policies/p.yaml")
    summaries, errors = read(documents)
    return evaluate([loaded], summaries, now, errors, advisory)


def outcomes(judged: Verdict) -> dict[str, str]:
    """Outcome per gate."""
    return {gate.name: str(gate.outcome) for policy in judged.policies for gate in policy.gates}


def why(judged: Verdict, gate: str) -> str:
    """The machine word for a gate's outcome."""
    return next(str(g.result.why) for p in judged.policies for g in p.gates if g.name == gate)
