"""Attestations, keys and evidence in, signers out: what `evaluate` is told about who vouches for what."""

from __future__ import annotations

import itertools
import json
from hashlib import sha256
from typing import Any

import builders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judging import HEAD, read
from signing import sealing

from gatekit.errors import GatekitError
from gatekit.gates.evaluate import evaluate
from gatekit.policy import parse_policy
from gatekit.signing import KeyRing, SignatureFindings, SignedFile, collect_signers, files_of, judge

GPU = sealing.entry("gpu")
KEYS = sealing.ring(GPU, sealing.entry("desk", roles=["review"]))
GOOD = sealing.envelope(sealing.statement(), "gpu")


def found(
    *attestations: bytes, keys: KeyRing = KEYS, file: SignedFile = sealing.FILE, **options: Any
) -> SignatureFindings:
    named = [(f"evidence/a.{index}.dsse.json", data) for index, data in enumerate(attestations)]
    return judge(named, keys, [file], sealing.NOW, **options)


def ids(errors: Any) -> list[str]:
    return [error.error_id.removeprefix("signature.") for error in errors]


def key_digest(name: str) -> str:
    return sha256(sealing.public(name)).hexdigest()


def test_a_file_has_the_signers_of_its_bytes() -> None:
    signers = found(GOOD).signers
    assert {s.key: s.roles for s in signers[sealing.DIGEST]} == {key_digest("gpu"): {"measure"}}
    assert found().signers == {}


def test_signers_in_several_attestations_add_up() -> None:
    review = sealing.envelope(sealing.statement(ours={"role": "review"}), "desk")
    signers = found(GOOD, review, GOOD).signers[sealing.DIGEST]
    assert {s.key for s in signers} == {key_digest("gpu"), key_digest("desk")}


def test_a_changed_file_is_named_with_its_attestation() -> None:
    changed = SignedFile("evidence/a.json", "0" * 64)
    findings = found(GOOD, file=changed)
    assert (findings.signers, ids(findings.errors)) == ({}, ["digest"])
    assert str(findings.errors[0].location) == "evidence/a.json"
    # The signer may have called the file by another path; it lies beside the attestation.
    elsewhere = sealing.envelope(sealing.statement(name="run-7/a.json"), "gpu")
    assert ids(found(elsewhere, file=changed).errors) == ["digest"]


def test_the_digest_decides_and_not_the_name() -> None:
    moved = SignedFile("evidence/moved.json", sealing.DIGEST)
    assert set(found(GOOD, file=moved).signers) == {sealing.DIGEST}


def test_an_attestation_about_nothing_that_was_read_is_only_noted() -> None:
    findings = found(sealing.envelope(sealing.statement(digest="0" * 64, name="other.json"), "gpu"))
    assert (findings.signers, ids(findings.errors), ids(findings.notes)) == ({}, [], ["unrelated"])


def test_a_statement_about_several_files_vouches_for_each_that_is_there() -> None:
    a, b, gone = (sha256(text).hexdigest() for text in (b"a", b"b", b"gone"))
    subjects = [{"name": f"{d[:4]}.json", "digest": {"sha256": d}} for d in (a, b, gone)]
    data = sealing.envelope(sealing.statement(subject=subjects), "gpu")
    findings = judge([(sealing.NAME, data)], KEYS, sealing.files(b"a", b"b", b"c"), sealing.NOW)
    assert (set(findings.signers), ids(findings.errors)) == ({a, b}, [])


def test_one_changed_file_of_several_leaves_none_vouched_for() -> None:
    a = sha256(b"a").hexdigest()
    subjects = [{"name": "a.json", "digest": {"sha256": a}}, {"name": "b.json", "digest": {"sha256": "0" * 64}}]
    data = sealing.envelope(sealing.statement(subject=subjects), "gpu")
    files = [SignedFile("evidence/a.json", a), SignedFile("evidence/b.json", sha256(b"b").hexdigest())]
    findings = judge([(sealing.NAME, data)], KEYS, files, sealing.NOW)
    assert (findings.signers, ids(findings.errors)) == ({}, ["digest"])


FORGED = json.loads(GOOD) | {"payload": json.loads(sealing.envelope(sealing.statement(name="x"), "gpu"))["payload"]}


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        (b"junk", "syntax"),
        (b"{}", "envelope"),
        (json.dumps(sealing.sealed(sealing.statement())).encode(), "unsigned"),
        (sealing.envelope(sealing.statement(), "stranger"), "unknown_key"),
        (json.dumps(FORGED | {"signatures": [FORGED["signatures"][0] | {"keyid": "x"}]}).encode(), "unknown_key"),
    ],
)
def test_what_names_nobody_who_is_believed_is_noted_and_counts_for_nothing(data: bytes, error_id: str) -> None:
    findings = found(data)
    assert (findings.signers, ids(findings.errors), ids(findings.notes)) == ({}, [], [error_id])


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        (json.dumps(FORGED).encode(), "invalid"),
        (json.dumps(json.loads(GOOD) | {"payloadType": "application/json"}).encode(), "payload_type"),
        (json.dumps(json.loads(GOOD) | {"payload": "YR=="}).encode(), "base64"),
        (sealing.envelope(sealing.statement(ours={"role": "review"}), "gpu"), "role"),
        (sealing.envelope(sealing.statement(subject=[]), "gpu"), "subject"),
    ],
)
def test_what_names_somebody_who_is_believed_and_does_not_hold_is_an_error(data: bytes, error_id: str) -> None:
    findings = found(data)
    assert (findings.signers, ids(findings.errors), ids(findings.notes)) == ({}, [error_id], [])


def test_a_verdicts_attestation_does_not_vouch_for_the_evidence_that_it_names() -> None:
    keys = sealing.ring(GPU | {"roles": ["measure", "verdict"]})
    verdict = sealing.envelope(sealing.statement(predicateType=sealing.SVR, ours={"role": "verdict"}), "gpu")
    assert found(verdict, keys=keys).signers == {}
    of_verdict = SignedFile("verdict.json", sealing.DIGEST, "verdict")
    assert set(found(verdict, keys=keys, file=of_verdict).signers) == {sealing.DIGEST}
    assert found(GOOD, keys=keys, file=of_verdict).signers == {}


POLICIES = ["1" * 64, "2" * 64]
SUBJECT = "5" * 64


def challenged(*policies: str, repository: str = "42", subject: str = SUBJECT) -> bytes:
    """An attestation with challenges as the documentation defines them."""
    made = {p: sha256(f"gatekit/challenge/1\n{repository}\n{p}\n{subject}\n".encode()).hexdigest() for p in policies}
    ours = {"repository": repository, "challenges": made, "subject": SUBJECT}
    return sealing.envelope(sealing.statement(ours=ours), "gpu")


# 32: replay from another repository, policy or subject
@pytest.mark.parametrize(
    ("data", "policies", "counts"),
    [
        (challenged(*POLICIES), POLICIES, True),
        (challenged(*POLICIES), POLICIES[:1], True),
        (challenged(*POLICIES), [], True),
        (challenged(POLICIES[0]), POLICIES, False),
        (challenged(*POLICIES, repository="43"), POLICIES, False),
        (challenged(*POLICIES, repository="43"), [], False),
        (challenged(*POLICIES, subject="6" * 64), POLICIES, False),
        (challenged(), POLICIES, False),
        (GOOD, POLICIES, False),
        (GOOD, [], False),
    ],
)
def test_where_the_key_file_names_a_repository_the_signature_must_be_for_it(
    data: bytes, policies: list[str], counts: bool
) -> None:
    file = SignedFile("evidence/a.json", sealing.DIGEST, subject=SUBJECT)
    findings = found(data, keys=sealing.ring(GPU, repository="42"), file=file, policies=policies)
    assert (bool(findings.signers), ids(findings.errors)) == (counts, [] if counts else ["challenge"])
    # A file whose subject is not known cannot be shown to be the one that was signed for.
    unread = found(data, keys=sealing.ring(GPU, repository="42"), policies=policies)
    assert (unread.signers, ids(unread.errors)) == ({}, ["challenge"])


def test_a_stated_subject_must_be_the_files() -> None:
    file = SignedFile("evidence/a.json", sealing.DIGEST, subject="6" * 64)
    assert ids(found(challenged(*POLICIES), file=file).errors) == ["subject_digest"]


POOL = [
    GOOD,
    sealing.envelope(sealing.statement(ours={"role": "review"}), "desk"),
    sealing.envelope(sealing.statement(), "stranger"),
    json.dumps(FORGED).encode(),
    b"junk",
    sealing.envelope(sealing.statement(digest="0" * 64), "gpu"),
]


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from(POOL), max_size=5), st.data())
def test_leaving_an_attestation_away_never_adds_a_signer(chosen: list[bytes], data: st.DataObject) -> None:
    some = data.draw(st.lists(st.sampled_from(chosen), unique=True)) if chosen else []
    all_of_them, fewer = found(*chosen).signers, found(*some).signers
    for digest, signers in fewer.items():
        assert signers <= all_of_them.get(digest, frozenset())


def test_the_order_of_attestations_does_not_matter() -> None:
    named = [(f"evidence/a.{index}.dsse.json", data) for index, data in enumerate(POOL)]
    outcomes = set()
    for order in itertools.islice(itertools.permutations(named), 20):
        findings = judge(order, KEYS, [sealing.FILE], sealing.NOW)
        outcomes.add((str(sorted(findings.signers)), str(ids(findings.errors)), str(ids(findings.notes))))
    assert len(outcomes) == 1


POLICY = HEAD + "signed_by: {roles: [measure, review], threshold: 2}\ngates:\n  g: %s\n"
GATE = "{from: random_model, measure: r2, at_least: 0.5}"


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        ([("gpu", "measure"), ("desk", "review")], 0),
        ([("gpu", "measure")], 4),
        ([("gpu", "measure"), ("gpu", "measure")], 4),
        ([("gpu", "measure"), ("stranger", "measure")], 4),
        ([], 4),
    ],
)
def test_the_gate_counts_what_was_verified(signers: list[tuple[str, str]], code: int) -> None:
    summaries, _ = read({"a.json": builders.summary("random_model", {"r2": builders.around(0.8, 0.01, 5)})})
    (file,) = files_of(summaries)
    attestations = [
        (f"{file.path}.{i}.dsse.json", sealing.envelope(sealing.statement(file.sha256, ours={"role": role}), name))
        for i, (name, role) in enumerate(signers)
    ]
    collected, errors = collect_signers(attestations, KEYS, files_of(summaries), sealing.NOW)
    policy = parse_policy((POLICY % GATE).encode(), "p.yaml")
    verdict = evaluate([policy], summaries, sealing.NOW, errors, signers=collected)
    assert (verdict.code, errors) == (code, [])


def test_a_missing_library_is_a_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(GatekitError, match="cryptography") as caught:
        found(GOOD)
    assert caught.value.exit_code == 64
    assert "pip install '.[sign]'" in str(caught.value)
    # Nothing that would have to be verified, nothing that is needed for it.
    assert ids(found(b"junk", sealing.envelope(sealing.statement(), "stranger")).notes) == ["syntax", "unknown_key"]
