"""Commits, as `gatekit pr` reads them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import builders

from hostile_inputs.cases import CLAIMS, POLICY, SUMMARY, case, filled, gates


def repository(folder: Path, fast_import: bytes) -> list[str]:
    """Make a repository of what `git fast-import` reads: branches main and feature."""
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q", "-b", "start"], check=True)
    subprocess.run([*git, "fast-import", "--quiet"], input=fast_import, check=True)
    return ["pr", "--base", "main", "--head", "feature", "--now", builders.NOW]


def commit(branch: str, files: dict[str, bytes], start: str = "") -> bytes:
    """A commit as `git fast-import` reads it."""
    parts = [f"commit refs/heads/{branch}\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n".encode()]
    parts += [f"from refs/heads/{start}\n".encode()] if start else []
    for name, data in files.items():
        parts.append(f"M 100644 inline {name}\ndata {len(data)}\n".encode() + data + b"\n")
    return b"".join(parts) + b"\n"


BASE = {
    "policies/p.yaml": POLICY.encode(),
    "evidence/a.json": json.dumps(SUMMARY).encode(),
    "claims.yaml": (CLAIMS % "x.md").encode(),
    "x.md": b"<!-- gatekit:claim c -->It agrees.<!-- /gatekit:claim -->\n",
}


@case("git: one file under 1,500 folders of 4,000 letters")
def _(folder: Path) -> list[str]:
    git = ["git", "-C", str(folder)]
    repository(folder, commit("main", BASE) + commit("feature", {"y.md": b"x"}, "main"))

    def made(listing: bytes) -> str:
        done = subprocess.run([*git, "mktree", "-z"], input=listing, capture_output=True, check=True)
        return done.stdout.decode().strip()

    blob = subprocess.run([*git, "hash-object", "-w", "--stdin"], input=b"x", capture_output=True, check=True).stdout
    tree = made(b"100644 blob " + blob.strip() + b"\tf\0")
    for _ in range(1500):
        tree = made(f"040000 tree {tree}\t{'a' * 4000}\0".encode())
    listing = subprocess.run([*git, "ls-tree", "-z", "main"], capture_output=True, check=True).stdout
    tree = made(listing + f"040000 tree {tree}\tzz\0".encode())
    done = subprocess.run(
        [*git, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", tree, "-p", "main", "-m", "x"],
        capture_output=True,
        check=True,
    )
    subprocess.run([*git, "update-ref", "refs/heads/feature", done.stdout.decode().strip()], check=True)
    return ["pr", "--base", "main", "--head", "feature", "--now", builders.NOW]


@case("git: 100,000 files")
def _(folder: Path) -> list[str]:
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(100_000)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: 100,000 files added")
def _(folder: Path) -> list[str]:
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(100_000)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 200,000 files")
def _(folder: Path) -> list[str]:
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(199_000)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: 3,000 summaries added")
def _(folder: Path) -> list[str]:
    many = {}
    for i in range(3000):
        document = builders.summary("random_model", {"r2": [0.8] * 5}, of=builders.subject(model=f"model-{i}"))
        many[f"evidence/{i}.json"] = json.dumps(document).encode()
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 25 policies of 150 gates, all changed")
def _(folder: Path) -> list[str]:
    base = {f"policies/p{i}.yaml": gates(150).replace("id: p\n", f"id: p{i}\n").encode() for i in range(25)}
    head = {name: data.replace(b"at_least: 0.", b"at_least: 0.0") for name, data in base.items()}
    return repository(folder, commit("main", BASE | base) + commit("feature", head, "main"))


@case("git: 40 policies of 2,400 gates")
def _(folder: Path) -> list[str]:
    many = {f"policies/p{i}.yaml": gates(2400).replace("id: p\n", f"id: p{i}\n").encode() for i in range(40)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 40 policies of 2,400 gates on the base")
def _(folder: Path) -> list[str]:
    many = {f"policies/p{i}.yaml": gates(2400).replace("id: p\n", f"id: p{i}\n").encode() for i in range(40)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: a document of decimals on one line")
def _(folder: Path) -> list[str]:
    return repository(folder, commit("main", BASE) + commit("feature", {"x.md": filled("0.12 ").encode()}, "main"))


@case("git: CODEOWNERS of 3 MB")
def _(folder: Path) -> list[str]:
    owners = b"".join(b"/a%d/**/b*c*d*e*f*g @x\n" % i for i in range(120_000))
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(10_000)}
    base = BASE | {"CODEOWNERS": owners} | many
    return repository(folder, commit("main", base) + commit("feature", {"y.md": b"x"}, "main"))
