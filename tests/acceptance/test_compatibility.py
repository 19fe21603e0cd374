"""docs/compatibility.md, held: files that were frozen in November 2026 are read, and judged, as they were then.

A test here that fails is a break of the promise, not a reason to change what is frozen.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from acceptance.console_script import gatekit

from gatekit.evidence import find_summaries, read_summary
from gatekit.evidence.kind_files import own_kinds
from gatekit.evidence.schemas import check

FROZEN = Path(__file__).resolve().parents[1] / "data" / "frozen" / "2026_11"
EXPECTED: dict[str, Any] = json.loads((FROZEN / "expected.json").read_text("utf-8"))
NOW = EXPECTED["now"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen") / "repository"
    shutil.copytree(FROZEN, folder)
    return folder


def test_nobody_changed_what_is_frozen() -> None:
    lines = [line.split("  ", 1) for line in (FROZEN / "SHA256SUMS").read_text("utf-8").splitlines()]
    here = {path.relative_to(FROZEN).as_posix() for path in FROZEN.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert {name for _, name in lines} == here
    assert [name for digest, name in lines if sha256((FROZEN / name).read_bytes()).hexdigest() != digest] == []


def test_every_policy_judges_the_frozen_evidence_as_it_did(repository: Path, tmp_path: Path) -> None:
    policies = EXPECTED["policies"]
    done = gatekit("check", "--policy", "policies", "--now", NOW, "--output", f"json={tmp_path / 'v'}", cwd=repository)
    assert done.returncode == 2, done.stdout + done.stderr
    verdict = json.loads((tmp_path / "v").read_text("utf-8"))
    assert {
        policy["id"]: {gate["name"]: gate["outcome"] for gate in policy["gates"]} for policy in verdict["policies"]
    } == {name: policy["gates"] for name, policy in policies.items()}


@pytest.mark.parametrize("policy", EXPECTED["policies"])
def test_every_policy_ends_with_the_code_that_it_ended_with(repository: Path, policy: str) -> None:
    done = gatekit("check", "--policy", f"policies/{policy}.yaml", "--now", NOW, cwd=repository)
    assert done.returncode == EXPECTED["policies"][policy]["code"], done.stdout + done.stderr


def test_every_estimate_of_the_frozen_verdict_is_computed_again(repository: Path, tmp_path: Path) -> None:
    # Without the candidate that the verdict was on: its score stands on bounds, which may be mended.
    arguments = ["--evidence", "evidence/minilm/topk", "--now", NOW]
    output = f"json={tmp_path / 'verdict.json'}"
    done = gatekit("check", "--policy", "policies/release.yaml", *arguments, "--output", output, cwd=repository)
    assert done.returncode == 2, done.stderr
    then, now = (
        list(estimates(json.loads(p.read_text("utf-8")))) for p in (FROZEN / "verdict.json", tmp_path / "verdict.json")
    )
    assert [name for name, _ in now] == [name for name, _ in then]
    assert len(then) == 11
    assert all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for (_, a), (_, b) in zip(now, then, strict=True))


def estimates(value: Any, effect: str = "") -> Iterator[tuple[str, float]]:
    """Every estimate with the effect that it is of, in the order of the file."""
    if isinstance(value, dict):
        effect = value.get("effect", effect)
        if isinstance(value.get("estimate"), float | int):
            yield effect, value["estimate"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from estimates(item, effect)


def test_every_frozen_summary_is_read(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    kinds = own_kinds("kinds")
    paths = find_summaries(["evidence"])
    assert len(paths) == 18
    assert {read_summary(path, kinds).status for path in paths} == {"ok"}


def test_policies_kinds_registrations_and_subjects_are_sound(repository: Path) -> None:
    assert gatekit("lint", "--now", NOW, cwd=repository).returncode == 0
    done = gatekit("lint", "subject.yaml", cwd=repository)
    assert (done.returncode, done.stdout) == (0, "subject.yaml: sound: subject, 5 seeds\n")


def test_the_registry_and_the_block_of_its_claim_are_read(repository: Path) -> None:
    done = gatekit("claims", "check", "--now", NOW, cwd=repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 claim and 3 bound numbers" in done.stdout


@pytest.mark.parametrize(
    ("schema", "name"),
    [("verdict", "verdict.json"), ("selection", "selection/selection.json"), ("candidate", "selection/candidate.json")],
)
def test_documents_that_others_read_still_follow_their_schema(schema: str, name: str) -> None:
    check(schema, json.loads((FROZEN / name).read_text("utf-8")), name)


def test_migrate_has_nothing_to_do(repository: Path) -> None:
    done = gatekit("migrate", cwd=repository)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("migrate: 33 current; nothing to do\n")
    assert "current  evidence/stability/stability.json: gatekit.summary/1\n" in done.stdout
