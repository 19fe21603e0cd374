"""A subject file to fill in: what is known stands in it, and a null in the place of everything that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatekit.evidence.draft import SummaryDraft
from gatekit.evidence.subject_file import SCHEMA

_SAID = {
    "hook": "where the activations come from, such as blocks.3.hook_resid_post",
    "d_model": "numbers in one activation",
    "architecture": "of the SAE, such as topk",
    "d_sae": "latents of the SAE",
    "k": "active latents per token; null stays where the architecture does not fix them",
}
_FINISHED = 'when the measurement was done, in quotes: "2026-03-01T11:30:00Z"'
_SOURCES = "files of this repository that the numbers depend on; the evidence goes stale when one of them changes"


def subject_skeleton(draft: SummaryDraft) -> str:
    """Return a subject file (YAML) for a draft: seeds, datasets and all that was given, and a null for what is missing.

    Once every null has a value, nothing is missing in what `draft` lacks now, observations apart.
    """
    facts, protocol = draft.facts, draft.protocol()
    lines = [
        f"# What was measured, for a summary of the kind {draft.kind}. Put a value in the place of every null.",
        f"schema: {SCHEMA}",
        *_subject(facts.subject, draft.observed_seeds()),
        *_protocol(draft, protocol),
        _line("finished", facts.finished, _FINISHED),
        _line("sources", list(facts.sources), None if facts.sources else _SOURCES),
    ]
    if facts.started is not None:
        lines.append(_line("started", facts.started))
    return "\n".join(lines) + "\n"


def _subject(subject: Mapping[str, Any], seeds: Sequence[int]) -> Iterator[str]:
    model = subject.get("model", {})
    yield "model:"
    yield "  " + _line("name", model.get("name"), "as others know it, such as gpt2")
    yield "  " + _line("digest", model.get("digest"), "`gatekit digest FOLDER` prints it; or folder: and its path")
    for part, said in _SAID.items():
        yield _line(part, subject.get(part), said)
    known = {entry["seed"]: entry.get("sha256") for entry in subject.get("checkpoints", ())}
    yield "checkpoints:"
    if not known and not seeds:
        yield "  - {seed: 0, file: null}  # a line per seed: its weights; or sha256: as `gatekit digest SAE` prints it"
    for seed in sorted({*known, *seeds}):
        digest = known.get(seed)
        if digest is None:
            yield f"  - {{seed: {seed}, file: null}}  # its weights; or sha256: as `gatekit digest SAE` prints it"
        else:
            yield f"  - {{seed: {seed}, sha256: {digest}}}"


def _protocol(draft: SummaryDraft, protocol: Mapping[str, Any]) -> Iterator[str]:
    yield "protocol:"
    yield "  " + _line("rows", protocol.get("rows"), "rows (tokens, texts) that each value was computed on")
    given = draft.facts.protocol
    for part in ("name", "ks", "selection", "settings"):
        if part in given:
            yield "  " + _line(part, given[part])
    datasets = given.get("datasets") or [{"name": name} for name in draft.observed_datasets()]
    if datasets:
        yield "  datasets:"
        for dataset in datasets:
            parts = (f"{part}: {_flow(dataset.get(part))}" for part in ("name", "sha256", "rows"))
            yield f"    - {{{', '.join(parts)}}}"
    baseline = protocol.get("baseline")
    if baseline is None or "kind" not in baseline:
        choices = ", ".join(name for name in draft.baselines if name != "unknown")
        yield "  " + _line("baseline", None, f"what the baseline columns hold: {choices}")
    elif baseline.get("subject") is None:
        yield "  " + _line("baseline", baseline["kind"])
    else:
        yield "  baseline:"
        yield f"    kind: {baseline['kind']}"
        yield "    subject:"
        for line in _subject(baseline["subject"], ()):
            yield f"      {line}"


def _line(key: str, value: Any, said: str | None = None) -> str:
    """Return `key: value`, with what belongs there as a comment where there is no value."""
    comment = f"  # {said}" if said is not None and value in (None, []) else ""
    return f"{key}: {_flow(value)}{comment}"


def _flow(value: Any) -> str:
    # JSON is YAML, and no text in quotes is taken for anything else.
    return json.dumps(value, ensure_ascii=False)
