"""`gatekit attest`, `gatekit verify` and signatures in `gatekit check`, as processes."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance import console_script
from acceptance.console_script import POLICY, gatekit, sitecustomize, workspace
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from signing import sealing

from gatekit.evidence.schemas import schema

SIGNED = POLICY.replace("id: small\n", "id: small\nsigned_by: {roles: [measure]}\n")
EVIDENCE = "evidence/random_model.json"
GPU = sealing.entry("gpu")
NOW = ("--now", builders.NOW)


def lab(folder: Path, policy: str = SIGNED, *entries: dict[str, Any], **top: Any) -> Path:
    """A workspace that passes once its evidence is signed, with the private keys gpu.key and desk.key beside it."""
    workspace(folder / "lab", policy)
    (folder / "lab" / "trust").mkdir()
    (folder / "lab" / "trust" / "keys.yaml").write_bytes(sealing.keys_yaml(*(entries or (GPU,)), **top))
    for name in ("gpu", "desk"):
        (folder / f"{name}.key").write_text(sealing.key(name).private_bytes_raw().hex())
    return folder / "lab"


def attest(place: Path, *arguments: str, key: str = "gpu", **options: Any) -> subprocess.CompletedProcess[str]:
    return gatekit("attest", "--key", f"../{key}.key", *arguments, cwd=place, **options)


def verify(place: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return gatekit("verify", *NOW, *arguments, cwd=place, **options)


def check(place: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return console_script.check(*arguments, cwd=place, **options)


def attestation(place: Path) -> Path:
    (found,) = place.rglob("*.dsse.json")
    return found


def payload(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(b64decode(json.loads(path.read_bytes())["payload"]))
    return body


def test_unsigned_evidence_is_refused_and_signed_evidence_passes(tmp_path: Path) -> None:
    place = lab(tmp_path)
    assert (check(place).returncode, verify(place).returncode) == (4, 3)
    assert attest(place).returncode == 0
    done = verify(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "1 of 1 files verified"
    assert "signed by gpu as measure" in done.stdout
    assert check(place).returncode == 0


def test_the_statement_says_what_was_signed_for(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place)
    path = attestation(place)
    digest = sealing.sha256(sealing.public("gpu")).hexdigest()
    assert path.name == f"random_model.measure-{digest[:8]}.dsse.json"
    document = payload(path)
    summary = json.loads((place / EVIDENCE).read_bytes())
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    file = sealing.sha256((place / EVIDENCE).read_bytes()).hexdigest()
    assert document["subject"] == [{"name": EVIDENCE, "digest": {"sha256": file}}]
    policy = sealing.sha256((place / "policies" / "small.yaml").read_bytes()).hexdigest()
    predicate = document["predicate"]
    assert predicate["result"] == "PASSED"
    assert predicate["configuration"] == [{"name": "policies/small.yaml", "digest": {"sha256": policy}}]
    assert predicate["gatekit"]["config"] == summary["producer"]["config_sha256"]
    assert "signed_at" not in predicate["gatekit"]


def test_a_run_that_failed_is_signed_as_failed(tmp_path: Path) -> None:
    place = lab(tmp_path)
    builders.write(
        place / "evidence", {"random_model.json": builders.summary("random_model", {}, status="failed", reason="OOM")}
    )
    assert attest(place).returncode == 0
    assert payload(attestation(place))["predicate"]["result"] == "FAILED"


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place)
    before = attestation(place).read_bytes()
    done = attest(place)
    assert done.stdout.startswith("unchanged")
    attestation(place).unlink()
    attest(place)
    assert attestation(place).read_bytes() == before


def test_a_stated_time_is_in_the_statement(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place, *NOW)
    assert payload(attestation(place))["predicate"]["gatekit"]["signed_at"] == builders.NOW


def test_the_key_may_come_from_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    place = lab(tmp_path)
    secret = sealing.key("gpu").private_bytes_raw().hex()
    done = gatekit("attest", "--key-env", "LAB_KEY", cwd=place, env={"LAB_KEY": secret})
    assert done.returncode == 0
    broken = gatekit("attest", "--key-env", "LAB_KEY", cwd=place, env={"LAB_KEY": secret[:-1]})
    assert broken.returncode == 4
    for text in (done.stdout, done.stderr, broken.stdout, broken.stderr, attestation(place).read_text()):
        assert secret[:16] not in text
    assert verify(place).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--key", "../gpu.key", "--key-env", "X"),
        ("--key-env", "NOT_SET"),
        ("--key", "../gpu.key", "--role", "verdict"),
        ("--key", "../gpu.key", "--role", "admin"),
        ("--key", "../gpu.key", "--new-key", "x"),
        ("--key", "../gpu.key", "--verdict", "v.json", "evidence"),
        ("--key", "../gpu.key", "--verdict", "v.json", "--role", "measure"),
        ("--key", "../gpu.key", "nowhere"),
    ],
)
def test_a_wrong_command_line_signs_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    place = lab(tmp_path)
    assert gatekit("attest", *arguments, cwd=place).returncode == 64
    assert list(place.rglob("*.dsse.json")) == []


def broken(document: dict[str, Any]) -> dict[str, Any]:
    document["producer"]["config_sha256"] = "0" * 64
    return document


def future(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"producer": document["producer"] | {"finished": "2999-01-01T00:00:00Z"}}


@pytest.mark.parametrize("spoil", [broken, future])
def test_evidence_that_the_gate_would_refuse_is_not_signed(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    place = lab(tmp_path)
    good = builders.release_evidence()
    builders.write(
        place / "evidence", {"ood.json": good["ood.json"], "transcoder.json": spoil(good["transcoder.json"])}
    )
    done = attest(place)
    assert done.returncode == 4
    assert "nothing was signed" in done.stderr
    assert list(place.rglob("*.dsse.json")) == []


def test_no_evidence_is_nothing_to_sign(tmp_path: Path) -> None:
    place = lab(tmp_path)
    shutil.rmtree(place / "evidence")
    assert attest(place).returncode == 3


def test_attestations_can_go_to_another_folder(tmp_path: Path) -> None:
    place = lab(tmp_path)
    assert attest(place, "--out", "signed").returncode == 0
    assert attestation(place).parent == place / "signed" / "evidence"
    assert verify(place).returncode == 3
    assert verify(place, "--attestation", "signed").returncode == 0


def test_a_new_key_prints_an_entry_that_is_believed(tmp_path: Path) -> None:
    place = lab(tmp_path)
    done = gatekit("attest", "--new-key", "../lab runner.key", *NOW, cwd=place)
    assert done.returncode == 0
    assert stat.S_IMODE((tmp_path / "lab runner.key").stat().st_mode) == 0o600
    assert (tmp_path / "lab runner.key").read_text().splitlines()[1] not in done.stdout
    (place / "trust" / "keys.yaml").write_text(f"schema: gatekit.keys/1\nkeys:\n{done.stdout}")
    Draft202012Validator(schema("keys")).validate(YAML(typ="safe").load((place / "trust" / "keys.yaml").read_text()))
    assert gatekit("attest", "--key", "../lab runner.key", cwd=place).returncode == 0
    assert "signed by lab-runner as measure" in verify(place).stdout
    assert gatekit("attest", "--new-key", "../lab runner.key", cwd=place).returncode == 64


def changed_evidence(place: Path) -> None:
    path = place / EVIDENCE
    path.write_text(path.read_text().replace("0.83", "0.84", 1))


def moved_evidence(place: Path) -> None:
    (place / EVIDENCE).rename(place / "evidence" / "b.json")


def changed_payload(place: Path) -> None:
    path = attestation(place)
    document = json.loads(path.read_bytes())
    document["payload"] = (
        document["payload"][:40] + ("A" if document["payload"][40] != "A" else "B") + document["payload"][41:]
    )
    path.write_text(json.dumps(document))


def no_signature(place: Path) -> None:
    path = attestation(place)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"signatures": []}))


def junk(place: Path) -> None:
    attestation(place).write_bytes(b"\x00junk")


def empty(place: Path) -> None:
    attestation(place).write_bytes(b"")


def too_large(place: Path) -> None:
    attestation(place).write_bytes(b" " * ((1 << 20) + 1))


def a_link(place: Path) -> None:
    path = attestation(place)
    path.rename(place / "elsewhere")
    path.symlink_to(place / "elsewhere")


def expired(place: Path) -> None:
    (place / "trust" / "keys.yaml").write_bytes(sealing.keys_yaml(GPU | {"valid_until": "2026-02-01"}))


def revoked(place: Path) -> None:
    gone = {"at": "2026-02-01", "reason": "stolen"}
    (place / "trust" / "keys.yaml").write_bytes(sealing.keys_yaml(GPU | {"revoked": gone}))


def another_role(place: Path) -> None:
    (place / "trust" / "keys.yaml").write_bytes(sealing.keys_yaml(GPU | {"roles": ["verdict"]}))


def another_key(place: Path) -> None:
    (place / "trust" / "keys.yaml").write_bytes(sealing.keys_yaml(sealing.entry("desk")))


def bad_keys(place: Path) -> None:
    (place / "trust" / "keys.yaml").write_text("keys: []\n")


@pytest.mark.parametrize(
    "spoil",
    [
        *(changed_evidence, changed_payload, no_signature, junk, empty, too_large, a_link),
        *(expired, revoked, another_role, another_key, bad_keys),
    ],
)
def test_whatever_breaks_the_signature_refuses_the_evidence(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    place = lab(tmp_path)
    attest(place)
    spoil(place)
    done = verify(place)
    assert (done.returncode, check(place).returncode) == (4, 4)
    assert "Traceback" not in done.stderr


def test_evidence_that_was_moved_keeps_its_signature(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place)
    moved_evidence(place)
    assert (verify(place).returncode, check(place).returncode) == (0, 0)


def test_one_unsigned_file_among_signed_ones_is_refused(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place)
    builders.write(place / "evidence", {"ood.json": builders.release_evidence()["ood.json"]})
    done = verify(place)
    assert done.returncode == 4
    assert done.stdout.splitlines()[-1] == "1 of 2 files verified"
    assert verify(place, EVIDENCE).returncode == 0
    assert verify(place, "evidence/ood.json").returncode == 3


def test_roles_and_thresholds_can_be_asked_for(tmp_path: Path) -> None:
    place = lab(tmp_path, SIGNED, GPU | {"roles": ["measure", "review"]}, sealing.entry("desk", roles=["review"]))
    attest(place)
    assert verify(place, "--role", "review").returncode == 4
    assert verify(place, "--threshold", "2").returncode == 4
    # The same key in another role is still the same key.
    attest(place, "--role", "review")
    assert len(list(place.rglob("*.dsse.json"))) == 2
    assert verify(place, "--role", "review").returncode == 0
    assert verify(place, "--threshold", "2").returncode == 4
    attest(place, "--role", "review", key="desk")
    assert verify(place, "--threshold", "2").returncode == 0
    assert verify(place, "--threshold", "2", "--role", "measure").returncode == 4
    assert verify(place, "--threshold", "0").returncode == 64


def test_without_evidence_there_is_nothing_to_verify(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place)
    (place / EVIDENCE).unlink()
    assert verify(place).returncode == 3
    assert verify(place, "nowhere").returncode == 64


def test_without_keys_nobody_can_be_believed(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place)
    shutil.rmtree(place / "trust")
    assert verify(place).returncode == 64
    done = check(place)
    assert done.returncode == 4
    assert "1 attestation not verified" in done.stderr


def test_where_no_policy_requires_it_only_a_broken_known_signature_refuses(tmp_path: Path) -> None:
    place = lab(tmp_path, POLICY)
    assert check(place).returncode == 0
    attest(place, key="desk")  # a key that nobody here knows
    done = check(place)
    assert (done.returncode, "not counted" in done.stderr) == (0, True)
    attestation(place).unlink()
    attest(place)
    assert check(place).returncode == 0
    changed_payload(place)
    assert check(place).returncode == 4


def test_signatures_can_be_bound_to_a_repository(tmp_path: Path) -> None:
    place = lab(tmp_path, SIGNED, GPU, repository="4242")
    attest(place)
    assert check(place).returncode == 4
    attest(place, "--repository", "4243")
    assert check(place).returncode == 4
    attest(place, "--repository", "4242")
    assert check(place).returncode == 0
    assert verify(place, "--policy", "policies").returncode == 0
    # The signature was for that policy; a changed one needs another.
    path = place / "policies" / "small.yaml"
    path.write_text(path.read_text() + "# stricter\n")
    done = check(place)
    assert done.returncode == 4
    assert "signature.challenge" in done.stdout


def verdict(place: Path) -> Path:
    check(place, "--output", "json=verdict.json")
    return place / "verdict.json"


def test_a_passing_verdict_is_attested_as_a_simple_verification_result(tmp_path: Path) -> None:
    place = lab(tmp_path, POLICY, GPU | {"roles": ["verdict"]})
    verdict(place)
    assert attest(place, "--verdict", "verdict.json").returncode == 0
    document = payload(attestation(place))
    assert document["predicateType"] == "https://in-toto.io/attestation/svr/v0.2"
    predicate = document["predicate"]
    assert predicate["properties"] == ["GATEKIT_POLICY_PASSED:small"]
    assert predicate["timeCreated"] == builders.NOW
    assert [policy["name"] for policy in predicate["verifier"]["policies"]] == ["policies/small.yaml"]
    assert [subject["name"] for subject in document["subject"]] == ["verdict.json", EVIDENCE]
    done = verify(place, "verdict.json")
    assert (done.returncode, "which says: pass" in done.stdout) == (0, True)
    # It is no signature of the evidence.
    assert verify(place, EVIDENCE, "--attestation", str(attestation(place))).returncode == 4


def test_a_verdict_that_is_no_pass_never_looks_like_one(tmp_path: Path) -> None:
    place = lab(tmp_path, SIGNED, GPU | {"roles": ["verdict"]})
    verdict(place)  # refused: the evidence is not signed
    assert attest(place, "--verdict", "verdict.json").returncode == 0
    document = payload(attestation(place))
    assert document["predicateType"] == "urn:gatekit:verdict:1"
    assert (document["predicate"]["verdict"], document["predicate"]["code"]) == ("refused", 4)
    assert "properties" not in document["predicate"]
    assert "which says: refused" in verify(place, "verdict.json").stdout


def test_a_verdict_changed_after_signing_is_refused(tmp_path: Path) -> None:
    place = lab(tmp_path, POLICY, GPU | {"roles": ["verdict"]})
    path = verdict(place)
    attest(place, "--verdict", "verdict.json")
    path.write_text(path.read_text().replace('"version": "0', '"version": "1'))
    assert verify(place, "verdict.json").returncode == 4


def test_a_key_for_measurements_cannot_vouch_for_a_verdict(tmp_path: Path) -> None:
    place = lab(tmp_path, POLICY)
    verdict(place)
    attest(place, "--verdict", "verdict.json")
    done = verify(place, "verdict.json")
    assert (done.returncode, "signature.role" in done.stderr) == (4, True)


def test_what_is_no_verdict_is_not_signed_as_one(tmp_path: Path) -> None:
    place = lab(tmp_path)
    assert attest(place, "--verdict", EVIDENCE).returncode == 4


def test_without_the_libraries_one_line_says_what_to_install(tmp_path: Path) -> None:
    place = lab(tmp_path)
    attest(place)
    missing = sitecustomize(tmp_path / "site", "import sys\nsys.modules['cryptography'] = None\n")
    for done in (check(place, env=missing), verify(place, env=missing), attest(place, env=missing)):
        assert (done.returncode, done.stdout) == (64, "")
        assert done.stderr == (
            "gatekit: signatures need the package cryptography; "
            "install the sign extra: in a checkout of gatekit, pip install '.[sign]' [usage]\n"
        )
    # Without attestations there is nothing that needs it.
    attestation(place).unlink()
    assert check(place, env=missing).returncode == 4
