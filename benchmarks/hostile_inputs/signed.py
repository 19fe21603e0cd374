"""Signatures, keys, the cache of the runners, dossiers, and folders of evidence that the user names."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import builders

from gatekit.cache import wholeness
from gatekit.cli import signatures
from gatekit.dossier import folder as dossier
from gatekit.evidence.folder_limits import LOCAL_ATTESTATION_FILES, LOCAL_SUMMARY_FILES
from gatekit.evidence.reading import LOCAL_OBSERVATIONS
from gatekit.signing import dsse, private_key, statement
from hostile_inputs.cases import POLICY, SUMMARY, case, check, write

KEY = base64.b64encode(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")).decode()
KEYS = f"schema: gatekit.keys/1\nkeys:\n  k: {{public: {KEY}, roles: [measure]}}\n"


def envelope(payload: bytes = b"{}", count: int = 1) -> str:
    """An envelope that names our key, and whose signatures are not by it."""
    one = {"keyid": "k", "sig": base64.b64encode(bytes(64)).decode()}
    made = {
        "payloadType": dsse.PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [one] * count,
    }
    return json.dumps(made)


def verified(folder: Path, *files: str) -> list[str]:
    """Verify one summary beside attestations."""
    check(folder, SUMMARY)
    write(folder, "trust/keys.yaml", KEYS)
    for index, text in enumerate(files):
        write(folder, f"evidence/00000.k{index}.dsse.json", text)
    return ["verify", "evidence"]


def signed(payload: bytes) -> tuple[str, str]:
    """A key file and an envelope that it verifies."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    signature = base64.b64encode(key.sign(dsse.pae(dsse.PAYLOAD_TYPE, payload))).decode()
    made = {
        "payloadType": dsse.PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": "k", "sig": signature}],
    }
    return KEYS.replace(KEY, public), json.dumps(made)


def stated(folder: Path, document: str) -> list[str]:
    """Verify a statement that our key really signed."""
    keys, text = signed(document.encode())
    arguments = verified(folder, text)
    write(folder, "trust/keys.yaml", keys)
    return arguments


@case("signature: as many bytes as one may have")
def _(folder: Path) -> list[str]:
    return verified(folder, envelope(b"x" * (dsse.LIMITS.size * 3 // 4 - 400)).ljust(dsse.LIMITS.size))


@case("signature: as many signatures as one may have, 1,000 times")
def _(folder: Path) -> list[str]:
    return verified(folder, *[envelope(b'{"a": %d}' % i, dsse.MAX_SIGNATURES) for i in range(1000)])


@case("signature: a statement of as many bytes as fit, and of numbers")
def _(folder: Path) -> list[str]:
    most = min(statement.LIMITS.size, dsse.LIMITS.size * 3 // 4 - 800)
    return stated(folder, '{"_type": "x", "a": [' + "0," * (most // 2 - 40) + "0]}")


@case("signature: a statement about as many files as it may name")
def _(folder: Path) -> list[str]:
    files = [{"name": f"f{i}", "digest": {"sha256": f"{i:064x}"}} for i in range(statement.MAX_SUBJECTS)]
    made = {"_type": statement.STATEMENT, "predicateType": statement.TEST_RESULT, "subject": files, "predicate": {}}
    return stated(folder, json.dumps(made))


@case("signature: a statement as deep as it may be, again and again")
def _(folder: Path) -> list[str]:
    deep = "[" * (statement.LIMITS.depth - 2) + "]" * (statement.LIMITS.depth - 2)
    return stated(folder, '{"_type": "x", "a": [' + ",".join([deep] * 20_000) + "]}")


@case("signatures: as many files, and as many bytes, as a command is given", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    arguments = verified(folder)
    each = LOCAL_ATTESTATION_FILES.size // LOCAL_ATTESTATION_FILES.files
    text = envelope().ljust(each)
    for index in range(LOCAL_ATTESTATION_FILES.files):
        write(folder, f"evidence/{index // 500}/00000.k{index}.dsse.json", text)
    return arguments


@case("keys: Sigstore's root of as many bytes as there may be")
def _(folder: Path) -> list[str]:
    write(folder, "trust/sigstore_root.json", ("[" + "0," * (signatures.ROOT_LIMIT // 2 - 2) + "0]"))
    return verified(folder, envelope())


@case("key: a private key of as many bytes as one may have", codes=(4, 64))
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY)
    pem = "-----BEGIN PRIVATE KEY-----\n"
    write(folder, "key.pem", pem.ljust(private_key.SIZE_LIMIT, "A"))
    return ["attest", "--key", "key.pem", "--role", "measure", "evidence"]


# Cache and dossier

NAME = "a" * 64


def cached(folder: Path, name: str, data: bytes) -> list[str]:
    """Verify a cache of one file."""
    write(folder, f"cache/{name}", data)
    return ["cache", "verify", "--cache", "cache"]


@case("cache: a description of as many values as one may have", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    text = '{"result": [' + "0.12345," * (wholeness.LIMITS.values - 20) + '0], "key": {}, "sha256": "a"}'
    return cached(folder, f"probing/{NAME}.json", text.encode())


@case("cache: a description of as many bytes as one may have", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    text = '{"result": {}, "key": {}, "sha256": "a"}'.ljust(wholeness.LIMITS.size)
    return cached(folder, f"probing/{NAME}.json", text.encode())


@case("cache: a header of safetensors of as many bytes as one may have", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    said = json.dumps({"training": NAME, "sha256": "b" * 64})
    text = json.dumps({"__metadata__": {"gatekit": said}})[:-1]
    one = ',"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    count = (wholeness.LIMITS.size - len(text) - 2) // (len(one) + 6)
    header = (text + "".join(one % i for i in range(min(count, 150_000))) + "}").ljust(wholeness.LIMITS.size).encode()
    return cached(folder, f"snapshots/{NAME}.safetensors", len(header).to_bytes(8, "little") + header)


@case("cache: headers of arrays of as many bytes as one may have, 500 times", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    most = wholeness.LONGEST_NPY_HEADER
    for index in range(500):
        text = ("{'descr': '<f4', 'a': (" + "1," * ((most - 40) // 2) + ")}").ljust(most).encode()[:most]
        place = f"activations/{index:064x}"
        write(folder, f"cache/{place}/activations.npy", b"\x93NUMPY\x02\x00" + most.to_bytes(4, "little") + text)
        write(folder, f"cache/{place}/manifest.json", "{}")
    return ["cache", "verify", "--cache", "cache"]


@case("cache: 100,000 entries", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    for index in range(100_000):
        write(folder, f"cache/units/{index:064x}.json", '{"key": "a"}')
    return ["cache", "list", "--cache", "cache"]


@case("dossier: SHA256SUMS of as many bytes as it may have", codes=(4, 64))
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY)
    line = "a" * 64 + "  f%07d\n"
    text = "".join(line % i for i in range(dossier.LARGEST_SUMS // 75))
    write(folder, "out/manifest.json", '{"schema": "gatekit.dossier/1"}')
    write(folder, "out/SHA256SUMS", text.ljust(dossier.LARGEST_SUMS, "x"))
    return ["dossier", "--policy", "policies/p.yaml", "--now", builders.NOW, "--out", "out"]


# Folders of your own, which may hold more than a pull request

OWN = "own folder: "


@case(OWN + "as many summaries as there may be")
def _(folder: Path) -> list[str]:
    text = json.dumps(builders.summary("random_model", {"r2": [0.8] * 5}, of=builders.subject(model="model-?")))
    for index in range(LOCAL_SUMMARY_FILES.files):
        write(folder, f"evidence/{index // 1000}/{index}.json", text.replace("model-?", f"model-{index}"))
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case(OWN + "as many bytes of summaries as there may be")
def _(folder: Path) -> list[str]:
    document = builders.summary("random_model", {"r2": [0.8] * 5}, of=builders.subject(model="model-?"))
    document["protocol"]["settings"] = {f"s{i}": "x" * 1024 for i in range(3000)}
    text = json.dumps(document)
    for index in range(LOCAL_SUMMARY_FILES.size // (len(text) + 6)):
        write(folder, f"evidence/{index}.json", text.replace("model-?", f"model-{index}"))
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]


@case(OWN + "as many observations as there may be")
def _(folder: Path) -> list[str]:
    rows = LOCAL_OBSERVATIONS // 100 - 10
    values = [4.0 + 0.001 * (i % 97) for i in range(rows * 10)]
    document = builders.summary("cebench", {"interpretability_delta": (values, values)}, seeds=range(10))
    text = json.dumps(document)
    for index in range(10):
        write(folder, f"evidence/{index}.json", text.replace("pythia-70m", f"model-{index}"))
    write(folder, "policies/p.yaml", POLICY)
    return ["check", "--policy", "policies", "--now", builders.NOW, "evidence"]
