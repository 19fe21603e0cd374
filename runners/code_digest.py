"""The code that a result depends on, followed by its import statements and digested by its syntax tree.

A cache key must change when the code behind its entry does, and for no other reason: one more architecture, a comment
or a progress bar must not train anything anew.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gatekit.errors import GatekitError
from gatekit.evidence.committed import source_bytes
from gatekit.evidence.source_digest import source_entry
from runners.digests import sequence_sha256
from runners.sources import counts

ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds the package `runners`."""


def code_sha256(modules: Iterable[str], root: Path = ROOT) -> str:
    """Return the digest of modules and of all that they import, directly or not, from their own packages.

    Args:
        modules: full names, of `runners` or of another package that builds on it.
        root: folder that holds `runners`.

    Raises:
        GatekitError: `code.no_file`: a module that lies in no file, whose changes nobody could notice.
    """
    return _sha256(tuple(sorted(set(modules))), root)


@cache
def _sha256(modules: tuple[str, ...], root: Path) -> str:
    found = needed_modules(modules, root)
    return sequence_sha256(f"{name} {source_of(path)['sha256']}" for name, path in sorted(found.items()))


def needed_modules(modules: Iterable[str], root: Path = ROOT) -> dict[str, Path]:
    """Return the modules behind a result, by name: the given ones and what they import.

    Imports inside functions are followed too. Left out are those for a type checker alone, other packages, and what
    `runners.sources` says cannot change a number, such as the list in which architectures are looked up by name.

    Raises:
        GatekitError: as `code_sha256`.
    """
    waiting = list(modules)
    packages = {"runners", *(name.partition(".")[0] for name in waiting)}
    found: dict[str, Path] = {}
    for name in waiting:
        if _module_file(name, root) is None:
            raise GatekitError("code.no_file", f"the module '{name}' lies in no file", remedy="write it into one")
    while waiting:
        name = waiting.pop()
        path = _module_file(name, root)
        if path is None or name in found or not counts(name):
            continue
        found[name] = path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        imported = _imports(_file_tree(path), package)
        waiting += [other for other in imported if other.partition(".")[0] in packages]
    return found


def _module_file(name: str, root: Path) -> Path | None:
    top, _, rest = name.partition(".")
    folder = root / top if top == "runners" else package_folder(top)
    if folder is None:
        return None
    if folder.is_file():
        return folder if not rest else None
    place = folder.joinpath(*rest.split(".")) if rest else folder
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


@cache
def package_folder(top: str) -> Path | None:
    """Return the folder of a package, or the file of a module, that Python knows by this name."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin is not None and Path(spec.origin).is_file() else None


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the names that a module imports, and the packages that they lie in, which run first.

    `from a.b import c` may mean a module a.b.c or something in a.b; where there is no such file it is the latter.
    """
    for node in _executed(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # One dot is this package, every further one its parent.
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those under `if TYPE_CHECKING:`, which never runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _executed(other)
            continue
        yield child
        yield from _executed(child)


# Read once in a process: what runs is what was imported, not what is written into the files meanwhile.
@cache
def _file_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@cache
def source_of(path: Path) -> dict[str, str]:
    """Return a file's digest, and how it was digested, as a summary lists it; its name is not a path there yet."""
    return source_entry(path.name, source_bytes(path))
