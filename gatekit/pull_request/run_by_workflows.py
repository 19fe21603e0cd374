"""What the jobs that judge run of the repository's own files: scripts, their helpers, what they install, actions.

A workflow needs approval to be changed, and `run: ./ci/gate.sh` in it makes that script as much of the gate as the
workflow is. The texts are the base's, written by people who want a gate, so they are read for the usual ways to name a
file; a shell is not written anew here. Whoever builds a name from parts has to look at it in CODEOWNERS.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gatekit.errors import GatekitError
from gatekit.repo import Tree
from gatekit.repo.tree import FILE_MODES

WORKFLOWS = ".github/workflows"
OTHER_SYSTEMS = re.compile(
    r"\.gitlab-ci\.ya?ml|\.gitlab/ci/.+\.ya?ml|\.circleci/.+\.ya?ml|azure-pipelines\.ya?ml|\.azure-pipelines/.+\.ya?ml"
    r"|Jenkinsfile(\.[^/]+)?|\.(gitea|forgejo)/workflows/.+\.ya?ml|\.woodpecker\.ya?ml|\.woodpecker/.+\.ya?ml"
    r"|bitbucket-pipelines\.ya?ml|\.travis\.ya?ml|\.buildkite/.+\.ya?ml|\.drone\.ya?ml|\.cirrus\.ya?ml"
    r"|cloudbuild\.ya?ml|buildspec\.ya?ml|\.builds/.+\.ya?ml|appveyor\.ya?ml"
)
"""Files by which systems other than GitHub run jobs. Of GitHub's whole folder every file judges."""
LARGEST = 256 << 10
"""Bytes of one text that is followed."""
MOST_FILES = 200
"""Texts that are followed from one job; what more of them name is taken for no part of the gate."""
MOST_NAMES = 20_000
"""Files, there or not, that one job names."""
MOST_BYTES = 16 << 20
"""Bytes of all texts that are followed, counted for each job; beyond, any script is the gate's."""
MOST_LOOKED_UP = 1_000_000
"""Names that are looked up, each in each folder where it may be meant; beyond, any script is the gate's."""

_JUDGES = re.compile(
    r"\bgatekit[ \t]+(?:-[^\n]*[ \t])?(?:pr|action|check|claims|verify)\b|\buses\b[^\n]*\bgatekit\b|\bGATEKIT_INPUT_"
    r"|[\"']gatekit[\"'][\s,]+[\"'](?:pr|action|check|claims|verify)[\"']"
)
_JOBS = re.compile(r"^jobs[ \t]*:[ \t]*(?:#[^\n]*)?\n", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*#[^\n]*$", re.MULTILINE)
_NEXT_KEY = re.compile(r"^[^\s#]", re.MULTILINE)
_HERE = re.compile(
    r"(?:\$\{\{\s*github\.(?:workspace|action_path)\s*\}\}"
    r"|\$\{?(?:GITHUB_WORKSPACE|GITHUB_ACTION_PATH|CI_PROJECT_DIR|PWD|WORKSPACE)\}?|\$\(pwd\))\"?/"
)
_WORD = re.compile(r"[A-Za-z0-9_.@+~/-]+")
_FOLDER = re.compile(r"(?:working-directory[\"']?[ \t]*:|\bcd\b|\bpushd\b)[ \t]*[\"']?([A-Za-z0-9_./-]+)")
_CHECKED_OUT = re.compile(r"^[ \t]*path[ \t]*:[ \t]*[\"']?([A-Za-z0-9_./-]+)", re.MULTILINE)
_PYTHONPATH = re.compile(r"PYTHONPATH[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"'},]*)")
_AS_MODULE = re.compile(r"\bpython[0-9.]*(?:[ \t]+-(?!\w*[IPm])\S+)*[ \t]+-m[ \t]+gatekit\b")
_IMPORT = re.compile(r"^[ \t]*(?:from|import)[ \t]+([A-Za-z_][\w.]*)", re.MULTILINE)
_RUNS = re.compile(
    r".*\.(sh|bash|zsh|py|pyz|pl|rb|js|mjs|cjs|ts|ps1|mk|txt|in|lock|toml|cfg|ini|env)|(.*/)?[^./]+", re.DOTALL
)
"""Names of scripts, of what they install, and names without an end; evidence, policies and documents have others."""
_COMMAND = r"(?:^|[;&|({\"'`]|:[ \t]|-[ \t])[ \t]*(?:sudo[ \t]+|exec[ \t]+)?"
"""Before a word that is run, and not said."""
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")
_TOOLS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("just", ("justfile", "Justfile", ".justfile")),
    ("task", ("Taskfile.yml", "Taskfile.yaml")),
    ("tox", ("tox.ini", *_PROJECT)),
    ("nox", ("noxfile.py",)),
    ("(?:npm|npx|yarn|pnpm)", ("package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml")),
    (r"(?:[a-z0-9./_-]+[ \t]+-m[ \t]+|uv[ \t]+)?pip3?[ \t]+install[^\n]*(?<=[\s\"'])\.(?=[\s\"'\[/]|$)", _PROJECT),
    (r"uv[ \t]+(?:run|sync|lock)", (*_PROJECT, "uv.lock", "uv.toml")),
    ("poetry", (*_PROJECT, "poetry.lock")),
    ("pdm", (*_PROJECT, "pdm.lock")),
    ("hatch", (*_PROJECT, "hatch.toml")),
    ("pixi", (*_PROJECT, "pixi.toml", "pixi.lock")),
    ("pipenv", ("Pipfile", "Pipfile.lock")),
)
"""What a tool that a script calls reads in the folder where it is called."""
_CALLED = tuple((re.compile(rf"{_COMMAND}{tool}(?![\w.-])", re.MULTILINE), names) for tool, names in _TOOLS)
_MAKE = re.compile(
    _COMMAND + r"(?:make|gmake|\$[({]MAKE[)}])(?![\w-])((?:[ \t]+(?:-C[ \t]*)?[A-Za-z0-9_./=-]+)*)", re.MULTILINE
)
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_RULE = re.compile(r"^([A-Za-z0-9_./-][A-Za-z0-9_./ \t-]*+)::?(?!=)([^\n]*)\n((?:(?:\t[^\n]*)?\n)*)", re.MULTILINE)
_SHADOWS = frozenset(sys.stdlib_module_names) | {
    *("sitecustomize", "usercustomize", "gatekit", "rich", "rich_click", "click", "yaml", "ruamel", "jsonschema"),
    *("jsonschema_rs", "markdown_it", "mdit_py_plugins", "mdurl", "pygments", "markdown", "cryptography", "sigstore"),
    *("numpy", "scipy", "rfc8785", "html5lib", "lxml", "pydantic", "typing_extensions", "attr", "attrs", "referencing"),
}
"""Modules that the gate imports, or Python before it: on its path a file of such a name is run in place of them."""


def run_by_workflows(base: Tree, paths: Sequence[str]) -> list[str]:
    """Return those of `paths` that jobs of the base which judge run, install from, or could import.

    Args:
        base: the whole repository.
        paths: that a change touches, also by adding them.
    """
    if not paths:
        return []
    reach = _Reach(base)
    for text, own in _jobs(base):
        found = _Followed()
        reach.follow(text, ("",), found)
        if found.judges:
            reach.files |= found.files | own
            reach.folders |= found.folders
            reach.importing |= found.importing
    return [path for path in paths if reach.holds(path)]


def _jobs(tree: Tree) -> Iterator[tuple[str, set[str]]]:
    """Yield the text of each job, and the file that it stands in where that judges only with it."""
    for entry in tree.under(WORKFLOWS):
        text = _text(tree, entry.path)
        if text is None or not entry.path.endswith((".yml", ".yaml")):
            continue
        key = _JOBS.search(text)
        if key is None:
            yield text, set()
            continue
        # What stands before and behind the jobs, like `env`, holds for each of them.
        end = _NEXT_KEY.search(text, key.end())
        body, behind = (text[key.end() : end.start()], text[end.start() :]) if end else (text[key.end() :], "")
        first = re.search(r"^([ \t]+)\S", body, re.MULTILINE)
        start = rf"^(?={first[1]}[^\s#-])" if first else "$^"
        for job in re.split(start, body, flags=re.MULTILINE):
            yield f"{text[: key.start()]}\n{job}\n{behind}", set()
    for path, entry in tree.entries.items():
        if OTHER_SYSTEMS.fullmatch(path) and entry.mode in FILE_MODES:
            text = _text(tree, path)
            if text is not None:
                yield text, {path}


@dataclass
class _Followed:
    """What one job, or all that judge, come to."""

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    """Of actions; each with a slash at its end."""
    importing: set[str] = field(default_factory=set)
    """Folders that Python's path begins with; "" is the top."""
    judges: bool = False
    followed: int = 0
    """Texts of files."""


class _Reach(_Followed):
    """Follows texts of one tree to the files that they name."""

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self._tree = tree
        self._bytes, self._names = MOST_BYTES, MOST_LOOKED_UP

    def holds(self, path: str) -> bool:
        """Whether a file is part of what the jobs that were followed run."""
        if path in self.files or path.startswith(tuple(self.folders)):
            return True
        if self._has_stopped and _RUNS.fullmatch(path):
            return True
        for folder in self.importing:
            inside = path[len(folder) :].lstrip("/") if folder == "" or path.startswith(f"{folder}/") else ""
            module = inside.partition("/")[0].partition(".")[0]
            if inside.endswith((".py", ".so", ".pyd", ".pyc")) and module in _SHADOWS:
                return True
        return False

    @property
    def _has_stopped(self) -> bool:
        """Whether there is too much to follow: what was found is not all."""
        return self._bytes < 0 or self._names < 0

    def follow(self, text: str, folders: Sequence[str], found: _Followed, name: str = "") -> None:
        """Note what a text names.

        Args:
            text: of a job, a script or an action.
            folders: where it may stand when it names a file.
            found: what is known so far, which is added to.
            name: its path, where it is a file.
        """
        self._bytes -= len(text)
        if self._has_stopped:
            return
        found.judges = found.judges or _JUDGES.search(text) is not None
        text = _HERE.sub("./", _COMMENT.sub("", text))
        named = [*folders, *(_plain(match[1]) for match in _FOLDER.finditer(text))]
        places = list(dict.fromkeys(place for place in named if place is not None))
        for match in _PYTHONPATH.finditer(text):
            found.importing |= {
                p for p in map(_plain, match[1].split(":")) if p is not None and p not in ("$PYTHONPATH",)
            }
        if _AS_MODULE.search(text):
            found.importing |= set(places)
        wanted = set(_WORD.findall(text))
        for tool, names in _CALLED:
            wanted |= set(names) if tool.search(text) else set()
        if name.endswith(".py"):
            found.importing.add(posixpath.dirname(name))
            wanted |= {f"{module.replace('.', '/')}{end}" for module in _IMPORT.findall(text) for end in _MODULE_ENDS}
        for checked_out in _CHECKED_OUT.findall(text):
            start = f"{checked_out.strip('./')}/"
            wanted |= {word.removeprefix("./").removeprefix(start) for word in wanted if start in word}
        self._names -= len(places) * len(wanted)
        if self._has_stopped:
            return
        # In one order, so that where there is too much to follow, two runs stop at the same place.
        words = sorted(wanted)
        for place in places:
            for word in words:
                self._note(word, place, places, found)
        for match in _MAKE.finditer(text):
            self._make(match[1].split(), places, found)

    def _note(self, word: str, place: str, places: Sequence[str], found: _Followed) -> None:
        path = _plain(posixpath.join(place, word))
        if path is None or path in found.files or len(found.files) > MOST_NAMES:
            return
        entry = self._tree.entries.get(path)
        if entry is None:
            action = next((p for p in _actions(path) if p in self._tree), None)
            if action is not None and f"{path}/" not in found.folders and path:
                found.folders.add(f"{path}/")
                for part in self._tree.under(path):
                    if part.path == action or _RUNS.fullmatch(part.path):
                        self._follow_file(part.path, (*places, path), found)
            elif "/" in word and _RUNS.fullmatch(path) and "." in posixpath.basename(path):
                found.files.add(path)  # a script that a change may bring
            elif word in _BROUGHT:
                found.files.add(path)
            return
        plain_word = "/" not in word and "." not in word  # LICENSE, as well as a script
        runs = _RUNS.fullmatch(path) and not plain_word
        if entry.mode in FILE_MODES and (runs or entry.mode == "100755" or word in _BROUGHT):
            found.files.add(path)
            self._follow_file(path, (*places, posixpath.dirname(path)), found)

    def _follow_file(self, path: str, places: Sequence[str], found: _Followed) -> None:
        text = _text(self._tree, path)
        # What is installed from a file, or locked by it, names packages.
        if text is not None and found.followed < MOST_FILES and not path.endswith((".lock", ".txt", ".in")):
            found.followed += 1
            self.follow(text, tuple(dict.fromkeys(places)), found, path)

    def _make(self, words: Sequence[str], places: Sequence[str], found: _Followed) -> None:
        """Follow the recipes of the targets that are made, and what these need, but no others."""
        for place in (*places, *(_plain(word) for word in words)):
            for name in _MAKEFILES:
                path = None if place is None else _plain(posixpath.join(place, name))
                if path is None or path in found.files:
                    continue
                if path in self._tree:
                    found.files.add(path)
                    text = _text(self._tree, path) or ""
                    self.follow(_recipes(text, words), tuple(dict.fromkeys([*places, place or ""])), found)
                elif place in places:
                    found.files.add(path)


_MODULE_ENDS = (".py", "/__init__.py")
_BROUGHT = frozenset(name for _, names in _TOOLS for name in names)


def _recipes(text: str, targets: Sequence[str]) -> str:
    """Return what a makefile says outside of rules, and the rules of some targets with what they need."""
    rules: dict[str, list[tuple[str, str]]] = {}
    for match in _RULE.finditer(text):
        for name in match[1].split():
            rules.setdefault(name, []).append((match[2], match[3]))
    said = [_RULE.sub("\n", text)]
    waiting = [name for name in targets if name in rules] or list(rules)[:1]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for needs, recipe in rules.get(name, ()):
            said.append(f"{needs}\n{recipe}")
            waiting += [need for need in needs.split() if need in rules]
    return "\n".join(said)


def _actions(folder: str) -> tuple[str, str]:
    return f"{folder}/action.yml", f"{folder}/action.yaml"


def _plain(path: str) -> str | None:
    """Return a path from the top in its plain form, "" for the top; None where it leads elsewhere."""
    normal = posixpath.normpath(path.strip())
    if path.startswith(("/", "~", "-")) or normal.startswith("../") or normal == "..":
        return None
    return "" if normal == "." else normal


def _text(tree: Tree, path: str) -> str | None:
    if path not in tree or tree.entries[path].mode not in FILE_MODES:
        return None
    try:
        return tree.read(path, LARGEST).decode("utf-8")
    except (GatekitError, UnicodeDecodeError):
        return None
