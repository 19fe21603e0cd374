"""Kinds, signatures, results of other tools, and SAEs."""

from __future__ import annotations

import json
from pathlib import Path

import builders

from hostile_inputs.cases import PLAIN_JSON, SUMMARY, case, check, write


@case("kinds: a table of 2,000 measures")
def _(folder: Path) -> list[str]:
    measures = "".join(
        f"  m{i}: {{unit: a, direction: higher, range: [0, 1], design: per_seed, about: x}}\n" for i in range(2000)
    )
    write(folder, "kinds/mine.yaml", f"schema: gatekit.kind/1\nid: mine\nabout: x\nmeasures:\n{measures}")
    return ["lint", "kinds"]


@case("keys: 2,000")
def _(folder: Path) -> list[str]:
    keys = "".join(f"  k{i}: {{public: {'A' * 43}=, roles: [measure]}}\n" for i in range(2000))
    write(folder, "trust/keys.yaml", f"schema: gatekit.keys/1\nkeys:\n{keys}")
    check(folder, SUMMARY)
    return ["verify", "evidence"]


@case("signatures: 20,000 beside one summary")
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY)
    key = "A" * 43 + "="
    write(folder, "trust/keys.yaml", f"schema: gatekit.keys/1\nkeys:\n  k: {{public: {key}, roles: [measure]}}\n")
    envelope = {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{"sig": "AA=="}]}
    for index in range(20_000):
        write(folder, f"evidence/00000.x{index}.dsse.json", json.dumps(envelope))
    return ["verify", "evidence"]


@case("signature: a payload of 1 MiB")
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY)
    key = "A" * 43 + "="
    write(folder, "trust/keys.yaml", f"schema: gatekit.keys/1\nkeys:\n  k: {{public: {key}, roles: [measure]}}\n")
    envelope = {
        "payloadType": "application/vnd.in-toto+json",
        "payload": "A" * 1_000_000,
        "signatures": [{"sig": "AA=="}],
    }
    write(folder, "evidence/00000.k.dsse.json", json.dumps(envelope))
    return ["verify", "evidence"]


@case("import saebench: 2,000,000 values", codes=(4, 64), peer=PLAIN_JSON.format("r.json"))
def _(folder: Path) -> list[str]:
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, "r.json", '{"a": [' + "0.12345678901234567890," * 1_990_000 + "1]}")
    return ["import", "saebench", "--subject", "s.json", "r.json"]


@case("import lm_eval: 2,000,000 values", codes=(4, 64), peer=PLAIN_JSON.format("r.json"))
def _(folder: Path) -> list[str]:
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, "r.json", '{"results": [' + "0.12345678901234567890," * 1_990_000 + "1]}")
    return ["import", "lm_eval", "--subject", "s.json", "0=r.json"]


@case("import inspect: 2,000,000 values in 96 MB", codes=(4, 64), peer=PLAIN_JSON.format("r.json"))
def _(folder: Path) -> list[str]:
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, "r.json", '{"a": [' + "0.1234567890123456789012345678," * 1_990_000 + "1]}")
    return ["import", "inspect", "--subject", "s.json", "0=r.json"]


def table(folder: Path, name: str, text: bytes) -> list[str]:
    """Import one table."""
    write(folder, "s.json", json.dumps(builders.subject()))
    write(folder, name, text)
    return ["import", "table", "--kind", "random_model", "--measure", "r2", "--subject", "s.json", name]


@case("import table: CSV of 1,000,000 rows", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return table(folder, "t.csv", b"seed,candidate\n" + b"".join(b"%d,0.5\n" % i for i in range(1_000_000)))


@case("import table: CSV of 200 columns", codes=(4, 64))
def _(folder: Path) -> list[str]:
    head = ",".join(f"c{i}" for i in range(200))
    return table(folder, "t.csv", (head + "\n" + (",".join(["1"] * 200) + "\n") * 19_000).encode())


@case("import table: CSV, one quoted field", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return table(folder, "t.csv", b'seed,candidate\n0,"' + b"a" * (60 << 20))


@case("import table: 1,000,000 JSON lines", codes=(4, 64))
def _(folder: Path) -> list[str]:
    return table(folder, "t.jsonl", b'{"seed": 1, "candidate": 0.5}\n' * 1_000_000)


@case("digest: a safetensors file whose header says 2^60 bytes", codes=(4, 64))
def _(folder: Path) -> list[str]:
    write(folder, "sae/cfg.json", '{"architecture": "standard", "d_in": 4, "d_sae": 8, "hook_name": "x"}')
    write(folder, "sae/sae_weights.safetensors", (1 << 60).to_bytes(8, "little") + b"{}")
    return ["digest", "sae"]


@case("digest: a safetensors header of 90 MB", codes=(0, 4, 64))
def _(folder: Path) -> list[str]:
    write(folder, "sae/cfg.json", '{"architecture": "standard", "d_in": 4, "d_sae": 8, "hook_name": "x"}')
    entries = ",".join(f'"t{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(1_500_000))
    header = ("{" + entries + "}").encode()
    write(folder, "sae/sae_weights.safetensors", len(header).to_bytes(8, "little") + header)
    return ["digest", "sae"]
