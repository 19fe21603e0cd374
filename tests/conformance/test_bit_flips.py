"""One flipped bit in a file of evidence: signed, it is never zero; unsigned, a second opinion must pass it too."""

from __future__ import annotations

import contextlib
import io
import json
from hashlib import sha256
from pathlib import Path

import pytest
from conformance import sealing, verify_min
from conformance.cases import NOW, Files, change, fixture, lay_out
from conformance.process import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatekit.cli import process

SUMMARY = "evidence/a.json"
SEALED = "evidence/a.gpu.dsse.json"
SIGNED_BY = "signed_by: {roles: [measure]}\n"


def small(signed: bool) -> Files:
    """The small fixture, signed or not, on as few bytes as JSON takes."""
    files = fixture("small")
    document = files[SUMMARY]
    assert isinstance(document, bytes)
    files[SUMMARY] = json.dumps(json.loads(document), separators=(",", ":")).encode()
    if signed:
        steps = [{"trust": "trust/keys.yaml", "keys": [{"key": "gpu"}]}, {"sign": SUMMARY}]
        change(files, [*steps, {"before": "policies/p.yaml", "text": SIGNED_BY}])
    return files


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def content(files: Files, path: str) -> bytes:
    data = files[path]
    assert isinstance(data, bytes)
    return data


SIGNED = small(signed=True)
UNSIGNED = small(signed=False)


def code(folder: Path, files: Files) -> int:
    lay_out(files, folder)
    return run(["check", "--now", NOW], folder).code


def code_in_this_process(folder: Path, files: Files) -> int:
    """As `code`, without the start of an interpreter; every flip is judged by what the installed command runs."""
    lay_out(files, folder)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return process.run(["check", "--now", NOW])


@pytest.mark.parametrize("signed", [True, False])
def test_without_a_flip_it_passes(tmp_path: Path, signed: bool) -> None:
    files = SIGNED if signed else UNSIGNED
    assert code(tmp_path / "a", files) == code_in_this_process(tmp_path / "b", files) == 0


@pytest.mark.parametrize("path", [SUMMARY, SEALED])
def test_a_flip_is_refused_by_the_installed_command(tmp_path: Path, path: str) -> None:
    data = content(SIGNED, path)
    assert code(tmp_path, SIGNED | {path: flipped(data, 8 * (len(data) // 2))}) == 4


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from([SUMMARY, SEALED]), place=st.floats(0, 1, exclude_max=True))
def test_any_flip_in_signed_evidence_or_its_attestation_is_refused(tmp_path: Path, path: str, place: float) -> None:
    data = content(SIGNED, path)
    bit = int(place * len(data) * 8)
    assert code_in_this_process(tmp_path, SIGNED | {path: flipped(data, bit)}) == 4


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True))
def test_a_flip_in_unsigned_evidence_passes_only_where_the_verifier_passes_it(tmp_path: Path, place: float) -> None:
    data = content(UNSIGNED, SUMMARY)
    files = UNSIGNED | {SUMMARY: flipped(data, int(place * len(data) * 8))}
    passed = code_in_this_process(tmp_path, files) == 0
    now = verify_min.time(NOW)
    assert verify_min.passes([tmp_path / "policies/p.yaml"], [tmp_path / SUMMARY], now) is passed


def test_no_flipped_copy_of_signed_evidence_is_verified(tmp_path: Path) -> None:
    """Every seventh bit of the file, in one process: `verify` names what is signed, and only the true file is."""
    data = content(SIGNED, SUMMARY)
    copies: Files = {f"evidence/{bit}.json": flipped(data, bit) for bit in range(0, len(data) * 8, 7)}
    lay_out(SIGNED | copies, tmp_path)
    done = run(["verify", "--now", NOW], tmp_path)
    assert done.code == 4
    assert f"1 of {len(copies) + 1} files verified" in done.text
    assert [line for line in done.text.splitlines() if ": signed by gpu" in line] == [
        f"{SUMMARY}: signed by gpu as measure ({SEALED})"
    ]


def test_the_fixtures_attestation_is_over_the_fixtures_bytes() -> None:
    """What the other tests flip is really signed: checked with `cryptography` alone."""
    import base64

    envelope = json.loads(content(SIGNED, SEALED))
    payload = base64.b64decode(envelope["payload"])
    assert json.loads(payload)["subject"][0]["digest"]["sha256"] == sha256(content(SIGNED, SUMMARY)).hexdigest()
    kind = envelope["payloadType"]
    pae = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    sealing.private("gpu").public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae)
