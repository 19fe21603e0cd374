"""trust/keys.yaml: read strictly, and no key is believed under two names."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from signing import sealing

from gatekit.errors import GatekitError
from gatekit.evidence.schemas import schema
from gatekit.signing import parse_keys

IDENTITY = {
    "id": "workflow",
    "identity": "https://github.com/o/r/.github/workflows/gpu.yml@refs/heads/main",
    "issuer": "https://token.actions.githubusercontent.com",
    "roles": ["measure"],
    "valid_from": "2026-01-01",
    "valid_until": "2026-12-31",
}


def refused(data: bytes) -> GatekitError:
    with pytest.raises(GatekitError) as caught:
        parse_keys(data, "trust/keys.yaml")
    assert caught.value.exit_code == 4
    return caught.value


def test_an_entry_is_read_with_roles_and_times() -> None:
    keys = sealing.ring(sealing.entry("gpu", roles=["measure", "review"]))
    (key,) = keys.keys
    assert key.public == sealing.public("gpu")
    assert (key.trust.id, key.trust.roles) == ("gpu", {"measure", "review"})
    assert key.trust.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    # A day is valid to its end.
    assert key.trust.valid_until == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_key_may_be_written_in_hex_or_base64() -> None:
    for text in (sealing.public("gpu").hex().upper(), base64.b64encode(sealing.public("gpu")).decode()):
        assert sealing.ring(sealing.entry("gpu", public=text)).keys[0].public == sealing.public("gpu")


def test_a_keyid_may_be_the_id_or_a_digest() -> None:
    keys = sealing.ring(sealing.entry("gpu"), sealing.entry("other"))
    assert keys.named("gpu") == keys.named(keys.keys[0].digest) == keys.keys[0]
    assert keys.named("nobody") is None


def test_positions_are_those_of_the_file() -> None:
    data = b'schema: gatekit.keys/1\nkeys:\n  - id: gpu\n    public: "AAAA"\n    roles: [measure]\n'
    error = refused(data)
    assert (error.error_id, str(error.location)) == ("keys.public", "trust/keys.yaml:4:13")


GPU = sealing.entry("gpu")


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        (b"", "yaml.empty"),
        (b"schema: gatekit.keys/1\n", "keys.nobody"),
        (b"schema: gatekit.keys/1\nkeys: []\n", "keys.empty"),
        (sealing.keys_yaml(GPU, schema="gatekit.keys/2"), "keys.newer_schema"),
        (sealing.keys_yaml(GPU, threshold=0), "keys.unknown_key"),
        (sealing.keys_yaml(GPU | {"private": "x"}), "keys.unknown_key"),
        (sealing.keys_yaml({k: v for k, v in GPU.items() if k != "valid_until"}), "keys.missing_key"),
        (sealing.keys_yaml(GPU | {"public": "ab" * 31}), "keys.public"),
        (sealing.keys_yaml(GPU | {"public": "zz" * 32}), "keys.public"),
        (sealing.keys_yaml(GPU | {"public": "00" * 32}), "keys.public"),
        (sealing.keys_yaml(GPU | {"public": "01" + "00" * 31}), "keys.public"),
        (sealing.keys_yaml(GPU | {"roles": []}), "keys.empty"),
        (sealing.keys_yaml(GPU | {"roles": ["admin"]}), "keys.value"),
        (sealing.keys_yaml(GPU | {"id": "a" * 64}), "keys.value"),
        (sealing.keys_yaml(GPU | {"valid_from": "2026-02-30"}), "keys.value"),
        (sealing.keys_yaml(GPU | {"valid_from": "2026-1-1"}), "keys.value"),
        (sealing.keys_yaml(GPU | {"valid_from": "2026-01-01T00:00:00+01:00"}), "keys.value"),
        (sealing.keys_yaml(GPU | {"valid_until": "9999-12-32"}), "keys.value"),
        (sealing.keys_yaml(GPU | {"valid_until": "2025-12-31"}), "keys.value"),
        (sealing.keys_yaml(GPU | {"revoked": {"at": "2026-02-01"}}), "keys.missing_key"),
        (sealing.keys_yaml(GPU | {"revoked": True}), "keys.type"),
        (sealing.keys_yaml(GPU, repository="a b"), "keys.value"),
        (sealing.keys_yaml(GPU, identities=[IDENTITY | {"issuer": "http://x"}]), "keys.value"),
        (sealing.keys_yaml(GPU, identities=[IDENTITY | {"id": "gpu"}]), "keys.duplicate"),
        (sealing.keys_yaml(GPU, GPU | {"public": sealing.public("b").hex()}), "keys.duplicate"),
        (sealing.keys_yaml(GPU, GPU | {"id": "gpu-two"}), "keys.duplicate"),
        (
            sealing.keys_yaml(GPU, GPU | {"id": "two", "public": base64.b64encode(sealing.public("gpu")).decode()}),
            "keys.duplicate",
        ),
        (b"schema: gatekit.keys/1\nkeys: &a [*a]\n", "yaml.anchor"),
        (b'schema: gatekit.keys/1\nschema: "x"\n', "yaml.duplicate_key"),
    ],
)
def test_a_key_file_with_a_fault_is_refused(data: bytes, error_id: str) -> None:
    assert refused(data).error_id == error_id


def test_a_revocation_is_read() -> None:
    (key,) = sealing.ring(GPU | {"revoked": {"at": "2026-02-01", "reason": "stolen"}}).keys
    assert (key.trust.revoked_at, key.trust.revoked_reason) == (datetime(2026, 2, 1, tzinfo=UTC), "stolen")


GOOD: list[dict[str, Any]] = [
    {"keys": [GPU]},
    {"keys": [GPU | {"revoked": {"at": "2026-02-01T00:00:00Z", "reason": "stolen"}}], "repository": "1234"},
    {"identities": [IDENTITY]},
]
BAD: list[dict[str, Any]] = [
    {},
    {"keys": []},
    {"keys": [GPU | {"roles": ["admin"]}]},
    {"keys": [GPU | {"x": 1}]},
    {"keys": [GPU | {"id": "A"}]},
    {"keys": [GPU | {"public": "ab"}]},
    {"keys": [GPU | {"valid_from": "2026"}]},
    {"identities": [{k: v for k, v in IDENTITY.items() if k != "issuer"}]},
]


@pytest.mark.parametrize("document", GOOD + BAD)
def test_the_schema_for_editors_agrees_with_the_reader(document: dict[str, Any]) -> None:
    whole = {"schema": "gatekit.keys/1"} | document
    assert Draft202012Validator(schema("keys")).is_valid(whole) is (document in GOOD)
    if document in GOOD:
        parse_keys(json.dumps(whole).encode(), "k.yaml")
    else:
        refused(json.dumps(whole).encode())
