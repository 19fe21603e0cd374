"""The signing key: every form that it may have, made with 0600, and never in a message."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from signing import sealing

from gatekit.errors import GatekitError
from gatekit.signing.private_key import new_private_key, private_key_from_environment, read_private_key

KEY = sealing.key("gpu")
RAW = KEY.private_bytes_raw()
PEM = KEY.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
ENCRYPTED = KEY.private_bytes(
    forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.BestAvailableEncryption(b"secret word")
)
OTHER = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
)


def written(folder: Path, data: bytes) -> str:
    path = folder / "k"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize(
    "data", [PEM, RAW, RAW.hex().encode(), RAW.hex().upper().encode() + b"\n", base64.b64encode(RAW) + b"\n"]
)
def test_a_key_is_read_from_pem_bytes_hex_or_base64(tmp_path: Path, data: bytes) -> None:
    assert read_private_key(written(tmp_path, data)).private_bytes_raw() == RAW


@pytest.mark.parametrize("text", [PEM.decode(), RAW.hex(), base64.b64encode(RAW).decode()])
def test_a_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SIGNING_KEY", text)
    assert private_key_from_environment("SIGNING_KEY").private_bytes_raw() == RAW


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        (b"", "key.malformed"),
        (b"not a key", "key.malformed"),
        (RAW.hex().encode()[:-2], "key.malformed"),
        (RAW.hex().encode() + b"ff", "key.malformed"),
        (PEM[:60], "key.malformed"),
        (PEM.replace(b"PRIVATE", b"PUBLIC"), "key.malformed"),
        (ENCRYPTED, "key.encrypted"),
        (OTHER, "key.type"),
        (b"\0" * 20_000, "key.size"),
    ],
)
def test_anything_else_is_refused_without_a_word_of_it(tmp_path: Path, data: bytes, error_id: str) -> None:
    with pytest.raises(GatekitError) as caught:
        read_private_key(written(tmp_path, data))
    assert caught.value.error_id == error_id
    text = str(caught.value)
    for secret in (RAW.hex(), base64.b64encode(RAW).decode(), PEM.decode().splitlines()[1]):
        assert not any(secret[i : i + 8] in text for i in range(len(secret) - 8))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("SIGNING_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SIGNING_KEY", value)
    with pytest.raises(GatekitError) as caught:
        private_key_from_environment("SIGNING_KEY")
    assert caught.value.exit_code == 64


def test_a_new_key_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        public = new_private_key(str(tmp_path / "k"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    key = read_private_key(str(tmp_path / "k"))
    assert isinstance(key, Ed25519PrivateKey)
    assert key.public_key().public_bytes_raw() == public


def test_a_new_key_never_replaces_anything(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("k", "link", "missing/k"):
        with pytest.raises(GatekitError) as caught:
            new_private_key(str(tmp_path / name))
        assert caught.value.error_id == "output.unwritable"
    assert (tmp_path / "k").read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


def test_a_symbolic_link_is_not_read_as_a_key(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(written(tmp_path, PEM))
    with pytest.raises(GatekitError) as caught:
        read_private_key(str(tmp_path / "link"))
    assert caught.value.error_id == "key.symlink"
