"""A signature is over what is committed: a checkout with other line ends verifies as the repository does."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import builders
import pytest
from acceptance.console_script import POLICY, gatekit, workspace
from signing import sealing

SIGNED = POLICY.replace("id: small\n", "id: small\nsigned_by: {roles: [measure]}\n")
NOW = ("--now", builders.NOW)
TEXT = ("evidence/random_model.json", "policies/small.yaml")


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=n", "-c", "user.email=a@b.c")
    subprocess.run(["git", "-C", folder, *settings, *arguments], check=True, capture_output=True)


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A repository whose evidence is signed for this repository and this policy, all of it with LF."""
    place = workspace(tmp_path / "lab", SIGNED)
    (place / "trust").mkdir()
    (place / "trust/keys.yaml").write_bytes(sealing.keys_yaml(sealing.entry("gpu"), repository="octo/cat"))
    (tmp_path / "gpu.key").write_text(sealing.key("gpu").private_bytes_raw().hex())
    given = ("--key", "../gpu.key", "--repository", "octo/cat", "--policy", "policies/small.yaml")
    done = gatekit("attest", *given, cwd=place)
    assert done.returncode == 0, done.stderr
    git(place, "init", "-q", "-b", "main")
    git(place, "config", "core.autocrlf", "false")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "signed")
    return place


def clone(origin: Path, setting: str) -> Path:
    made = origin.parent / f"clone-{setting}"
    subprocess.run(["git", "clone", "-q", "-c", f"core.autocrlf={setting}", origin, made], check=True)
    return made


def codes(place: Path) -> tuple[int, int]:
    return gatekit("verify", *NOW, cwd=place).returncode, gatekit("check", *NOW, cwd=place).returncode


def test_what_was_signed_with_lf_holds_in_a_checkout_with_crlf(signed: Path) -> None:
    made = clone(signed, "true")
    assert all(b"\r\n" in (made / name).read_bytes() for name in TEXT)
    assert codes(made) == codes(signed) == (0, 0)
    named = gatekit("verify", *TEXT[:1], *NOW, cwd=made)
    assert (named.returncode, named.stderr) == (0, "")


def test_line_ends_that_git_would_commit_are_another_file(signed: Path) -> None:
    made = clone(signed, "false")
    path = made / TEXT[0]
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert codes(made) == (4, 4)


def test_outside_of_git_the_bytes_are_what_they_are(signed: Path) -> None:
    made = clone(signed, "true")
    shutil.rmtree(made / ".git")
    assert codes(made) == (4, 4)


def test_a_number_that_was_changed_beside_the_line_ends_is_still_found(signed: Path) -> None:
    made = clone(signed, "true")
    path = made / TEXT[0]
    path.write_bytes(path.read_bytes().replace(b"32.0", b"31.0"))
    assert codes(made) == (4, 4)


def test_attestations_made_in_a_checkout_with_crlf_hold_in_the_repository(signed: Path) -> None:
    made = clone(signed, "true")
    for old in (made / "evidence").glob("*.dsse.json"):
        old.unlink()
    given = ("--key", "../gpu.key", "--repository", "octo/cat", "--policy", "policies/small.yaml")
    assert gatekit("attest", *given, cwd=made).returncode == 0
    (new,) = (made / "evidence").glob("*.dsse.json")
    (old,) = (signed / "evidence").glob("*.dsse.json")
    assert new.read_bytes() == old.read_bytes()


def test_a_dossier_of_a_checkout_with_crlf_holds_what_was_signed(signed: Path) -> None:
    made = clone(signed, "true")
    done = gatekit("dossier", "--policy", "policies/small.yaml", "--out", "../dossier", *NOW, cwd=made)
    assert done.returncode == 0, done.stderr
    (copied,) = (signed.parent / "dossier" / "evidence").glob("random_model.json")
    assert copied.read_bytes() == (signed / TEXT[0]).read_bytes()
