"""A repository and a server in folders, on which act (nektos/act) runs a workflow as GitHub would, without docker.

    scene = Scene(tmp_path, {".github/workflows/gate.yml": TEXT, **BASE})
    ran = scene.pull_request({"docs/notes.md": "More."})
    assert ran.passed

act runs in host mode: every step is a process of this machine. Third-party actions are the tiny ones in stand_ins/:
what they leave behind is what the real ones leave, and they need neither node nor a network. gatekit's own action,
which is `octo/gatekit` in these workflows, is this checkout. The clock cannot be set, so policies of these
repositories take evidence of any age. act itself fails where a folder that it works in has a blank in its name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import repositories

import gatekit
from release.wheel_sets import MACHINES, download, write_set

REPO = Path(__file__).resolve().parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
OUR_COMMIT = "c0ffee" + "0" * 34
"""What workflows name as the commit of octo/gatekit."""
OUR_ACTIONS = ("action.yml", "comment/action.yml", ".github/workflows/gate-reusable.yml")
OUR_FILES = ("gatekit", "gatekit_husai", "schemas", "requirements", "comment", "action.yml", "pyproject.toml")


def act_command() -> str | None:
    """Where act is: named by ACT, beside this Python, or on the path."""
    beside = Path(sys.executable).parent / "act"
    return os.environ.get("ACT") or (str(beside) if beside.is_file() else shutil.which("act"))


@cache
def python_of(version: str) -> Path | None:
    """The folder of this machine's Python of a version like 3.12, whose `python3` it is; None where there is none."""
    for candidate in (
        shutil.which(f"python{version}"),
        *map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))),
    ):
        if candidate is not None:
            code = "import sys; print(sys.executable, *sys.version_info[:2])"
            done = subprocess.run([candidate, "-I", "-c", code], capture_output=True, text=True)
            words = done.stdout.rsplit(maxsplit=2)
            if done.returncode == 0 and ".".join(words[1:]) == version:
                return Path(words[0])
    return None


@dataclass
class Ran:
    """What became of a run of act."""

    log: list[dict[str, Any]]
    seconds: float
    artifacts: Mapping[str, Mapping[str, str]]
    """Name -> file -> text."""

    @property
    def passed(self) -> bool:
        """Every job succeeded."""
        results = [line["jobResult"] for line in self.log if "jobResult" in line]
        return bool(results) and set(results) == {"success"}

    @property
    def text(self) -> str:
        """All that the steps wrote, and what act says of them."""
        return "".join(line["msg"] + "\n" * (not line["msg"].endswith("\n")) for line in self.log if "msg" in line)

    @property
    def codes(self) -> list[int]:
        """Different exit codes of the steps that failed; act gives that of an action's step twice."""
        found = (re.match(r"exit status (\d+)", line.get("msg", "")) for line in self.log)
        return list(dict.fromkeys(int(code[1]) for code in found if code))

    @property
    def jobs(self) -> list[str]:
        """Names of the jobs that ran."""
        names = (line["job"] for line in self.log if "jobResult" in line)
        # In front stands the workflow's name, which may have a slash in it.
        return list(dict.fromkeys(name[name.index("gatekit / gate") :] for name in names))

    @property
    def summary(self) -> str:
        """What the job's page shows."""
        return "".join(line["content"] for line in self.log if line.get("command") == "summary")

    def took(self, word: str) -> float:
        """Seconds of the step whose id is a word, or whose name starts with it."""
        found = 0.0
        for line in self.log:
            ended = "executionTime" in line and line.get("stage") == "Main"
            if ended and (line["stepID"][-1] == word or re.search(rf"Main {word}\b", line["msg"])):
                found += line["executionTime"] / 1e9
        return found


@dataclass
class Scene:
    """A server, the repository octo/cat on it, and what the machine is given."""

    folder: Path
    base: Mapping[str, repositories.Content]
    python: Path | None = None
    """The machine's python3; by default this one."""
    later: Path | None = None
    """The python3 that setup-python puts on the path; by default the same."""
    tools: Path | None = None
    """The machine's tool cache."""
    instance: str = "github.com"
    variables: dict[str, str] = field(default_factory=dict)
    platforms: Sequence[str] = ("ubuntu-24.04",)
    repository: str = "octo/cat"
    tell_head: Callable[[str], None] = lambda _: None
    """Is told the change's last commit before anything runs: somebody approves it."""

    def pull_request(self, change: Mapping[str, repositories.Content], **event: Any) -> Ran:
        """Run the workflows of a pull request that makes `change`, as GitHub checks it out."""
        return self.run("pull_request", change, **event)

    def run(
        self,
        name: str,
        change: Mapping[str, repositories.Content],
        labels: Sequence[str] = (),
        fork: bool = False,
        workflow: str = ".github/workflows/",
    ) -> Ran:
        """Run the workflows for an event; labels may name the head commit by `{0}`."""
        builder = repositories.Builder(self.folder / "server" / self.repository, bare=True)
        base = builder.commit("main", dict(self.base))
        head = builder.commit("refs/pull/7/head", dict(change), parents=[base])
        merge = builder.merge("refs/pull/7/merge", base, head)
        queue = "gh-readonly-queue/main/pr-7"
        if name == "merge_group":
            builder.branch(queue, merge)
        root = builder.save()
        repositories.git(root, "config", "uploadpack.allowAnySHA1InWant", "true")
        work = self.folder / "work"
        repositories.git(self.folder, "clone", "--quiet", "--no-checkout", str(root), str(work))
        repositories.git(work, "fetch", "--quiet", "origin", merge)
        repositories.git(work, "checkout", "--quiet", *(["-b", queue] if name == "merge_group" else []), merge)
        repositories.git(work, "remote", "set-url", "origin", f"https://{self.instance}/{self.repository}")
        side = {"sha": head, "ref": "patch", "repo": {"id": 2 if fork else 1}}
        pull = {"number": 7, "base": {"ref": "main", "sha": base}, "head": side, "user": {"login": "cat"}}
        pull["labels"] = [{"name": label.format(head)} for label in labels]
        group = {"base_ref": "refs/heads/main", "base_sha": base, "head_ref": f"refs/heads/{queue}", "head_sha": merge}
        event: dict[str, Any] = {"repository": {"full_name": self.repository, "id": 1}}
        if name == "push":
            event |= {"ref": "refs/heads/main", "before": base, "after": merge}
        else:
            event |= {"merge_group": group} if name == "merge_group" else {"pull_request": pull, "number": 7}
        (self.folder / "event.json").write_text(json.dumps(event))
        self.tell_head(head)
        return self._act(name, work, workflow)

    def _act(self, event: str, work: Path, workflow: str) -> Ran:
        command = act_command()
        assert command is not None
        artifacts = self.folder / "artifacts"
        artifacts.mkdir()
        variables = {
            "STAND_IN_SERVER": str(self.folder / "server"),
            "STAND_IN_ARTIFACTS": str(artifacts),
            "STAND_IN_PYTHONS": str(self.folder / "pythons"),
            # `git fetch` of an address on the server reads the folder.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{self.folder}/server/.insteadOf",
            "GIT_CONFIG_VALUE_0": f"https://{self.instance}/",
            **self.variables,
        }
        arguments = [
            event,
            "-C",
            str(work),
            "-W",
            str(work / workflow),
            "-e",
            str(self.folder / "event.json"),
            "--json",
        ]
        arguments += ["--no-skip-checkout", "--action-offline-mode", "--no-cache-server", "--pull=false"]
        arguments += ["--github-instance", self.instance, "--secret", "GITHUB_TOKEN=a-token-of-nobody"]
        arguments += [word for name in self.platforms for word in ("-P", f"{name}=-self-hosted")]
        arguments += [word for key, value in variables.items() for word in ("--env", f"{key}={value}")]
        arguments += [word for pair in self._actions(work) for word in ("--local-repository", pair)]
        environment = self._environment()
        for _ in range(3):
            start = time.monotonic()
            done = subprocess.run(
                [command, *arguments], env=environment, capture_output=True, text=True, timeout=600, cwd=work
            )
            seconds = time.monotonic() - start
            lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            assert any("jobResult" in line for line in lines), done.stdout[-2000:] + done.stderr[-2000:]
            # A busy act at times loses all that a job printed which was over at once; then it is asked again.
            if any(line.get("raw_output") for line in lines):
                break
        found = {
            folder.name: {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}
            for folder in sorted(artifacts.iterdir())
        }
        return Ran(lines, seconds, found)

    def _environment(self) -> dict[str, str]:
        """The machine: its Python as `python3`, its folders, and where packages come from."""
        machine = self.folder / "machine"
        python = self.python or Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        later = self.folder / "pythons" / "3.13"
        for place, given in ((machine / "bin", python), (later, self.later or python)):
            place.mkdir(parents=True, exist_ok=True)
            # A link would lose the folder of its own library.
            (place / "python3").write_text(f'#!/bin/sh\nexec "{given}" "$@"\n')
            (place / "python3").chmod(0o755)
        cache = machine / "cache" / "act" / "tool_cache"
        cache.parent.mkdir(parents=True)
        if self.tools is not None:
            cache.symlink_to(self.tools)
        kept = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_", "UV_"))}
        system = os.pathsep.join(["/usr/local/bin", "/usr/bin", "/bin"])
        path = os.pathsep.join([str(machine / "bin"), system])
        return {
            **kept,
            "HOME": str(machine),
            "XDG_CACHE_HOME": str(machine / "cache"),
            "PATH": path,
            "LC_ALL": "C.UTF-8",
        }

    def _actions(self, work: Path) -> list[str]:
        """Where each action of the workflows is, as act is told it."""
        texts = [path.read_text("utf-8") for path in (work / ".github" / "workflows").iterdir()]
        texts += [(our_checkout(self.folder) / name).read_text("utf-8") for name in OUR_ACTIONS]
        used = set(re.findall(r"uses: ([\w.-]+/[\w.-]+)((?:/[\w./-]+)?)@(\w+)", "\n".join(texts)))
        pairs = []
        for name, _, ref in sorted(used):
            owner, _, action = name.partition("/")
            local = STAND_INS / action if owner == "actions" else our_checkout(self.folder)
            pairs.append(f"{name}@{ref}={local}")
        return pairs


def our_checkout(folder: Path) -> Path:
    """What a commit of this checkout would hold, as far as the actions need it, as a repository on the server too."""
    ours = folder / "gatekit"
    if not ours.exists():
        ours.mkdir()
        listed = ["git", "ls-files", "-z", "--", *OUR_FILES, ".github/workflows/gate-reusable.yml"]
        names = subprocess.run(listed, cwd=REPO, capture_output=True, text=True, check=True).stdout.split("\0")
        for name in filter(None, names):
            if (REPO / name).is_file():
                (ours / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPO / name, ours / name)
    return ours


def serve_gatekit(folder: Path, repository: str = "octo/gatekit") -> str:
    """Put this checkout on the server as one commit, and return its id."""
    ours = our_checkout(folder)
    builder = repositories.Builder(folder / "server" / repository, bare=True)
    changes: dict[str, repositories.Content] = {
        path.relative_to(ours).as_posix(): path.read_bytes() for path in ours.rglob("*") if path.is_file()
    }
    commit = builder.commit("main", changes)
    repositories.git(builder.save(), "config", "uploadpack.allowAnySHA1InWant", "true")
    return commit


def make_tool_cache(folder: Path, python: str) -> Path:
    """A tool cache with the wheel set of a version of Python, as the first job of a machine leaves it.

    GATEKIT_WHEEL_SETS names a folder that has sets from before, so that a second run downloads nothing.
    """
    before = Path(os.environ.get("GATEKIT_WHEEL_SETS") or folder)
    system = (
        "macos_arm64"
        if sys.platform == "darwin"
        else f"linux_{'arm64' if os.uname().machine == 'aarch64' else 'x86_64'}"
    )
    (machine,) = [each for each in MACHINES if (each.python, each.system) == (python, system)]
    name = f"gatekit-{gatekit.__version__}-wheels-{machine.name}.zip"
    if not (before / name).is_file():
        before.mkdir(parents=True, exist_ok=True)
        wheels = folder / f"wheels-{python}"
        wheels.mkdir(parents=True)
        download((REPO / "requirements" / "sign.lock").read_text("utf-8"), machine, wheels)
        write_set(before / name, list(wheels.iterdir()))
        shutil.rmtree(wheels)
    place = folder / "tools" / "gatekit" / gatekit.__version__
    place.mkdir(parents=True, exist_ok=True)
    if not (place / name).exists():
        os.symlink(before / name, place / name)
    return folder / "tools"
