"""One model under two names: the digest says which weights they are, and evidence that names others contradicts it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gatekit.evidence.summary import Summary


def two_names(summaries: Iterable[Summary]) -> str | None:
    """Return why one model digest stands under names of two models; None where all of its names are of one.

    A folder, an organisation, case and punctuation are no other name: `pythia-70m`, `EleutherAI/pythia-70m` and
    `models/pythia_70m` are one.
    """
    first: dict[str, Summary] = {}
    for summary in sorted(summaries, key=lambda s: s.path):
        digest = summary.subject.model_digest
        if digest is None:  # then the name is the identity, and two are two subjects
            continue
        other = first.setdefault(digest, summary)
        ours, theirs = summary.subject.model_name, other.subject.model_name
        if _plain(ours) != _plain(theirs):
            return (
                f"{other.path} calls the model with the digest {digest[:12]} '{theirs}', and {summary.path} calls it "
                f"'{ours}': one of them is not about the model that it names"
            )
    return None


def _plain(name: str) -> str:
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1].casefold()
    return "".join(letter for letter in last if letter.isalnum()) or last
