"""Sigstore bundles: believed when an identity of the key file stands behind them, at its time, and not otherwise.

The bundles come from the instance in `sigstore_instance`; no bundle of the public one can be issued without a network.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import POLICY, gatekit, sitecustomize, workspace
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from signing import sealing, sigstore_instance
from signing.sigstore_instance import IDENTITY, ISSUER, TRUSTED_ROOT

from gatekit.signing import SignatureFindings, SignedFile, judge, parse_keys

BODY = sealing.payload(sealing.statement())
BUNDLE = sigstore_instance.bundle(BODY)
OVER_FILE = sigstore_instance.bundle(file=sealing.EVIDENCE)
NAME = "evidence/a.sigstore.json"
BESIDE = "evidence/a.json.sigstore.json"
Json = dict[str, Any]


def keys_yaml(**changes: Any) -> bytes:
    """A key file that believes IDENTITY, signed in for 2026-03-01."""
    entry = {"id": "workflow", "identity": IDENTITY, "issuer": ISSUER, "roles": ["measure"]}
    times = {"valid_from": "2026-03-01", "valid_until": "2026-03-01"}
    return json.dumps({"schema": "gatekit.keys/1", "identities": [{**entry, **times, **changes}]}).encode()


def found(bundle: Json | bytes, name: str = NAME, root: bytes = TRUSTED_ROOT, **changes: Any) -> SignatureFindings:
    data = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
    keys = parse_keys(keys_yaml(**changes), "trust/keys.yaml")
    return judge([(name, data)], keys, [sealing.FILE], sealing.NOW, trusted_root=root)


def outcome(findings: SignatureFindings) -> tuple[bool, list[str], list[str]]:
    """Whether somebody vouches for the file, and the ids of errors and of notes."""
    errors, notes = (
        [e.error_id.removeprefix("signature.") for e in part] for part in (findings.errors, findings.notes)
    )
    return bool(findings.signers), errors, notes


@pytest.mark.parametrize(("bundle", "name"), [(BUNDLE, NAME), (OVER_FILE, BESIDE)])
def test_a_bundle_over_a_statement_or_over_the_file_beside_it_is_believed(bundle: Json, name: str) -> None:
    findings = found(bundle, name)
    assert outcome(findings) == (True, [], [])
    assert set(findings.signers) == {sealing.DIGEST}
    (signer,) = findings.signers[sealing.DIGEST]
    assert signer.roles == {"measure"}
    assert findings.verified[0].opened.names == ("workflow",)


@pytest.mark.parametrize(
    "changes",
    [
        {"identity": IDENTITY + "x"},
        {"identity": IDENTITY[:-1]},
        {"identity": IDENTITY.replace("refs/heads/main", "refs/heads/evil")},
        {"identity": IDENTITY.upper()},
        {"issuer": "https://accounts.example.org"},
        {"issuer": ISSUER + "/"},
    ],
)
def test_the_certificate_must_name_an_identity_whole_and_from_its_issuer(changes: Json) -> None:
    assert outcome(found(BUNDLE, **changes)) == (False, [], ["unknown_key"])


def test_a_certificate_of_another_authority_is_an_error() -> None:
    stranger = sigstore_instance.bundle(BODY, authority=ec.generate_private_key(ec.SECP256R1()))
    assert outcome(found(stranger)) == (False, ["invalid"], [])


def edited(*path: Any, to: Any = None, where: Json = BUNDLE) -> Json:
    """A copy with one value replaced; by default one bit of what the base64 there holds is flipped."""
    document = copy.deepcopy(where)
    node = document
    for step in path[:-1]:
        node = node[step]
    if to is None:
        data = bytearray(base64.b64decode(node[path[-1]]))
        data[len(data) // 2] ^= 1
        to = base64.b64encode(bytes(data)).decode()
    node[path[-1]] = to
    return document


ENTRY = ("verificationMaterial", "tlogEntries", 0)
OTHER = sigstore_instance.bundle(sealing.payload(sealing.statement(name="x")))


@pytest.mark.parametrize(
    "bundle",
    [
        edited("dsseEnvelope", "payload"),
        edited("dsseEnvelope", "payload", to=OTHER["dsseEnvelope"]["payload"]),
        edited("dsseEnvelope", to=OTHER["dsseEnvelope"]),
        edited("dsseEnvelope", "payloadType", to="application/json"),
        edited("dsseEnvelope", "signatures", 0, "sig", to=OTHER["dsseEnvelope"]["signatures"][0]["sig"]),
        edited("dsseEnvelope", "signatures", to=[]),
        edited("verificationMaterial", "certificate", to=OTHER["verificationMaterial"]["certificate"]),
        edited("verificationMaterial", "tlogEntries", to=OTHER["verificationMaterial"]["tlogEntries"]),
        edited(*ENTRY, "canonicalizedBody"),
        edited(*ENTRY, "inclusionPromise", "signedEntryTimestamp"),
        edited(*ENTRY, "inclusionProof", "rootHash"),
        edited(*ENTRY, "inclusionProof", "treeSize", to="2"),
        edited(*ENTRY, "integratedTime", to="1772368201"),
        edited(*ENTRY, "logIndex", to="1"),
        edited(*ENTRY, "logId", "keyId"),
        sigstore_instance.bundle(BODY, payload_type="text/plain"),
        sigstore_instance.bundle(b"not a statement"),
        sigstore_instance.bundle(sealing.payload(sealing.statement(subject=[]))),
    ],
)
def test_a_bundle_that_names_somebody_and_does_not_hold_is_an_error(bundle: Json) -> None:
    vouched, errors, notes = outcome(found(bundle))
    assert (vouched, len(errors), notes) == (False, 1, [])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        b"{}",
        b"[]",
        b"null",
        json.dumps(edited("mediaType", to="application/json")).encode(),
        json.dumps(edited("verificationMaterial", "tlogEntries", to=[])).encode(),
        json.dumps(edited("verificationMaterial", "certificate", to={"rawBytes": "AAAA"})).encode(),
        json.dumps({k: v for k, v in BUNDLE.items() if k != "verificationMaterial"}).encode(),
        json.dumps(BUNDLE).encode() + b"{}",
        json.dumps(BUNDLE).encode()[:-1] + b', "mediaType": "x"}',
        sealing.envelope(sealing.statement(), "gpu"),
    ],
)
def test_what_is_no_bundle_is_noted_and_counts_for_nothing(data: bytes) -> None:
    vouched, errors, notes = outcome(found(data))
    assert (vouched, errors, len(notes)) == (False, [], 1)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(json.dumps(BUNDLE)) * 8 - 1))
def test_a_flipped_bit_never_makes_a_bundle_vouch_for_anything_else(bit: int) -> None:
    """Unlike our own envelopes, a bundle holds some bytes that nothing depends on, such as an empty keyid."""
    data = bytearray(json.dumps(BUNDLE).encode())
    data[bit // 8] ^= 1 << bit % 8
    assert set(found(bytes(data)).signers) <= {sealing.DIGEST}
    changed = SignedFile("evidence/a.json", "0" * 64)
    keys = parse_keys(keys_yaml(), "trust/keys.yaml")
    assert judge([(NAME, bytes(data))], keys, [changed], sealing.NOW, trusted_root=TRUSTED_ROOT).signers == {}


def test_a_signature_over_another_file_is_an_error() -> None:
    other = sigstore_instance.bundle(file=b"another file")
    assert outcome(found(other, BESIDE)) == (False, ["invalid"], [])
    # Over a file that is not there, it is about nothing.
    assert outcome(found(OVER_FILE, "evidence/b.json.sigstore.json")) == (False, [], ["unrelated"])


@pytest.mark.parametrize(
    ("changes", "error_ids"),
    [
        # The log proves when it was signed: 2026-03-01 12:30, within a certificate of ten minutes.
        ({"valid_until": "2026-03-01T12:35:00Z"}, []),
        ({"valid_until": "2026-03-01T12:34:59Z"}, ["expired"]),
        ({"valid_from": "2026-03-01T12:25:00Z"}, []),
        ({"valid_from": "2026-03-01T12:25:01Z"}, ["not_yet_valid"]),
        ({"revoked": {"at": "2026-03-01T12:35:01Z", "reason": "moved"}}, []),
        ({"revoked": {"at": "2026-03-01T12:35:00Z", "reason": "moved"}}, ["revoked"]),
        ({"roles": ["verdict"]}, ["role"]),
        ({"roles": ["review"]}, ["role"]),
    ],
)
def test_a_signer_is_judged_at_the_time_that_the_log_proves(changes: Json, error_ids: list[str]) -> None:
    assert outcome(found(BUNDLE, **changes)) == (not error_ids, error_ids, [])


def test_a_key_file_without_identities_believes_no_bundle() -> None:
    keys = sealing.ring(sealing.entry("gpu"))
    data = json.dumps(BUNDLE).encode()
    findings = judge([(NAME, data)], keys, [sealing.FILE], sealing.NOW, trusted_root=TRUSTED_ROOT)
    assert outcome(findings) == (False, [], ["unknown_key"])


def lab(folder: Path) -> Path:
    """A workspace whose policy requires a signature, and whose evidence lies beside a bundle."""
    workspace(folder, POLICY.replace("id: small\n", "id: small\nsigned_by: {roles: [measure]}\n"))
    (folder / "trust").mkdir()
    (folder / "trust" / "keys.yaml").write_bytes(keys_yaml())
    (folder / "trust" / "sigstore_root.json").write_bytes(TRUSTED_ROOT)
    evidence = (folder / "evidence" / "random_model.json").read_bytes()
    bundle = sigstore_instance.bundle(sealing.payload(sealing.statement(sealing.sha256(evidence).hexdigest())))
    (folder / "evidence" / "random_model.sigstore.json").write_text(json.dumps(bundle))
    return folder


def changed(place: Path) -> None:
    path = place / "evidence" / "random_model.json"
    path.write_text(path.read_text() + " ")


def spoiled(place: Path) -> None:
    path = place / "evidence" / "random_model.sigstore.json"
    path.write_text(json.dumps(edited("dsseEnvelope", "payload", where=json.loads(path.read_text()))))


def garbage(place: Path) -> None:
    (place / "evidence" / "random_model.sigstore.json").write_bytes(b"\x00garbage")


def no_root(place: Path) -> None:
    """The public instance's root, which the library carries, does not know ours."""
    (place / "trust" / "sigstore_root.json").unlink()


def bad_root(place: Path) -> None:
    (place / "trust" / "sigstore_root.json").write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(None, 0), (changed, 4), (spoiled, 4), (garbage, 4), (no_root, 4), (bad_root, 4)],
)
def test_the_commands_verify_bundles_without_a_network(
    tmp_path: Path, spoil: Callable[[Path], None] | None, code: int
) -> None:
    place = lab(tmp_path / "lab")
    if spoil is not None:
        spoil(place)
    # HOME: the library keeps its roots there.
    offline = sitecustomize(
        tmp_path / "site", "import socket\nsocket.socket.connect = None\nsocket.getaddrinfo = None\n"
    ) | {"HOME": str(tmp_path / "home")}
    for arguments in (("verify",), ("check",), ("verify", "--identity", IDENTITY, "--issuer", ISSUER)):
        done = gatekit(*arguments, "--now", builders.NOW, cwd=place, env=offline)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_an_identity_on_the_command_line_needs_its_issuer(tmp_path: Path) -> None:
    place = lab(tmp_path / "lab")
    for arguments in (("--identity", IDENTITY), ("--issuer", ISSUER), ("--identity", IDENTITY, "--issuer", ISSUER)):
        code = 0 if len(arguments) == 4 else 64
        assert gatekit("verify", *arguments, cwd=place).returncode == code
    other = ("--identity", IDENTITY, "--issuer", "https://accounts.example.org")
    assert gatekit("verify", *other, cwd=place).returncode == 4
    both = ("--identity", IDENTITY, "--issuer", ISSUER, "--keys", "trust/keys.yaml")
    assert gatekit("verify", *both, cwd=place).returncode == 64


def test_without_the_library_one_line_says_what_to_install(tmp_path: Path) -> None:
    place = lab(tmp_path / "lab")
    missing = sitecustomize(tmp_path / "site", "import sys\nsys.modules['sigstore'] = None\n")
    done = gatekit("verify", "--now", builders.NOW, cwd=place, env=missing)
    assert (done.returncode, done.stdout) == (64, "")
    assert "pip install '.[sign]'" in done.stderr
