"""What `gatekit pr` reads of a repository's history, of its attributes and of what evidence was measured on."""

from __future__ import annotations

import json
from pathlib import Path

import builders

from gatekit.claims import predecessors
from gatekit.evidence import source_digest
from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.folder_limits import ATTESTATION_FILES, SUMMARY_FILES
from gatekit.evidence.reading import MOST_OBSERVATIONS
from gatekit.pull_request import claim_history, codeowners, evidence_history, gate_sources, hidden_diffs, side
from gatekit.repo import paths, tree
from gatekit.repo import repository as repositories
from hostile_inputs.cases import CLAIMS, POLICY, case, filled, gates
from hostile_inputs.commits import BASE, commit, repository
from hostile_inputs.registered import registration, seeds

START = (CLAIMS % "x.md").split("  - ")[0]
ENTRY = "  - {{id: c{0}, sentence: {1}, status: pending, policy: p, gates: [g]}}\n"
ADDED = {"claims.yaml": ((CLAIMS % "x.md") + ENTRY.format("new", "Another thing holds.")).encode()}


def versions(texts: list[str], head: dict[str, bytes] = ADDED) -> bytes:
    """A registry with a history, and a change that adds a claim."""
    parts = [commit("main", BASE)]
    parts += [commit("main", {"claims.yaml": text.encode()}) for text in texts]
    parts += [commit("main", BASE), commit("feature", head, "main")]
    return b"".join(parts)


@case("history: as many versions of a registry as are read")
def _(folder: Path) -> list[str]:
    count = claim_history.MOST_REVISIONS - 10
    return repository(folder, versions([(CLAIMS % "x.md") + f"# {i}\n" for i in range(count)]))


@case("history: versions of a registry with as many different claims as are parsed")
def _(folder: Path) -> list[str]:
    count = claim_history.MOST_PARSED // 600 - 20
    texts = [START + ENTRY.format(f"c{i}", f"It agrees {i}.") for i in range(count)]
    return repository(folder, versions(texts))


@case("history: versions of a registry of as many bytes as are read")
def _(folder: Path) -> list[str]:
    claims = "".join(ENTRY.format(i, f"It agrees {i}.".ljust(300, "x")) for i in range(900))
    count = claim_history.MOST_HISTORY // len(START + claims) - 5
    return repository(folder, versions([START + claims + f"# {i}\n" for i in range(count)]))


@case("history: 5,000 commits, each with another claim")
def _(folder: Path) -> list[str]:
    return repository(folder, versions([START + ENTRY.format(i, f"It agrees {i}.") for i in range(5000)]))


@case("history: `gatekit history` over 5,000 commits of a registry", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    repository(folder, versions([(CLAIMS % "x.md") + f"# {i}\n" for i in range(5000)]))
    return ["history", "main"]


@case("history: `gatekit history` over 100 commits of 500 summaries", codes=(0, 2, 3, 4, 64))
def _(folder: Path) -> list[str]:
    many = {f"evidence/m{i}.json": summary(f"model-{i}") for i in range(500)}
    parts = [commit("main", BASE | many)]
    parts += [commit("main", {"evidence/a.json": summary(f"x-{i}")}) for i in range(100)]
    repository(folder, b"".join(parts))
    return ["history", "main"]


@case("history: as many commits along a branch as are listed")
def _(folder: Path) -> list[str]:
    return repository(folder, branch(repositories.MAX_LINE + 10))


def branch(count: int) -> bytes:
    """A main branch of so many commits that change its evidence, with a registration of what is measured."""
    first = BASE | {"registrations/r.yaml": registration(seeds(10)).encode()}
    parts = [commit("main", first)]
    parts += [commit("main", {"evidence/notes.txt": b"%d" % i}) for i in range(count)]
    parts.append(commit("feature", {"y.md": b"x"}, "main"))
    return b"".join(parts)


@case("history: as many bytes of earlier evidence as are looked through")
def _(folder: Path) -> list[str]:
    first = BASE | {"registrations/r.yaml": registration(seeds(10)).encode()}
    each = 256 << 10
    parts = [commit("main", first)]
    for i in range(evidence_history.MOST_HISTORY // each - 2):
        parts.append(commit("main", {"evidence/old.json": summary(f"model-{i}", each)}))
    parts += [commit("main", {"evidence/old.json": summary("model")}), commit("feature", {"y.md": b"x"}, "main")]
    return repository(folder, b"".join(parts))


@case("history: a new claim, and as many SAEs of old as are judged for it")
def _(folder: Path) -> list[str]:
    each = evidence_history.MOST_HISTORY // evidence_history.MOST_JUDGED - 2000
    supported = (CLAIMS % "x.md").replace("pending", "supported").encode()
    parts = [commit("main", BASE)]
    for i in range(evidence_history.MOST_JUDGED):
        parts.append(commit("main", {"evidence/a.json": summary("pythia-70m", each, trained=f"again {i}")}))
    parts += [commit("main", BASE), commit("feature", {"claims.yaml": supported}, "main")]
    return repository(folder, b"".join(parts))


def summary(model: str, size: int = 0, trained: str = "") -> bytes:
    """A summary of a model, with a configuration that makes it so large, of SAEs that were trained once or again."""
    subject = builders.subject(model=model)
    if trained:
        subject["checkpoints"] = builders.subject(model=trained)["checkpoints"]
    document = builders.summary("random_model", {"r2": [0.8] * 5}, of=subject)
    left = size - len(json.dumps(document))
    if left > 0:
        texts = ["x" * 500] * (left // 504)
        config = {f"f{start}": texts[start : start + 100] for start in range(0, len(texts), 100)}
        document["producer"] |= {"config": config, "config_sha256": sha256_of(config)}
    return json.dumps(document).encode()


@case("git: as many summaries of a pull request as there may be, and as many bytes")
def _(folder: Path) -> list[str]:
    each = SUMMARY_FILES.size // SUMMARY_FILES.files - 20
    many = {f"evidence/{i}.json": summary(f"model-{i}", each) for i in range(SUMMARY_FILES.files - 1)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: as many observations of a pull request as there may be")
def _(folder: Path) -> list[str]:
    rows = MOST_OBSERVATIONS // 40 - 10
    values = [4.0 + 0.001 * (i % 97) for i in range(rows * 10)]
    below = [3.0 + 0.001 * (i % 89) for i in range(rows * 10)]
    many = {}
    for name in ("b", "c", "d", "e"):
        measured = {"interpretability_delta": (values, below)}
        document = builders.summary("cebench", measured, of=builders.subject(range(10), model=name), seeds=range(10))
        many[f"evidence/{name}.json"] = json.dumps(document).encode()
    base = BASE | {
        "policies/p.yaml": POLICY.replace("random_model", "cebench").replace("r2", "interpretability_delta").encode()
    }
    return repository(folder, commit("main", base) + commit("feature", many, "main"))


def measured(sources: dict[str, bytes]) -> bytes:
    """A change that adds a summary with its sources."""
    document = builders.summary("random_model", {"r2": [0.8] * 5}, of=builders.subject(model="another"))
    document["producer"]["sources"] = [
        {"path": name, "sha256": "0" * 64, "by": source_digest.rule_for(name)} for name in sorted(sources)
    ]
    files = sources | {"evidence/b.json": json.dumps(document).encode()}
    return commit("main", BASE) + commit("feature", files, "main")


@case("git: as many tokens of Python as are parsed, short statements")
def _(folder: Path) -> list[str]:
    each = side.MOST_TOKENS // 5
    return repository(folder, measured({f"a{i}.py": (f"a = {i}\n" + "a\n" * (each - 4)).encode() for i in range(5)}))


@case("git: as many tokens of Python as are parsed, small files")
def _(folder: Path) -> list[str]:
    count = side.MOST_TOKENS // 500
    return repository(folder, measured({f"a{i}.py": (f"a = {i}\n" + "a\n" * 496).encode() for i in range(count)}))


@case("git: as many bytes of Python as are read, comments")
def _(folder: Path) -> list[str]:
    count = side.LARGEST_SOURCES // source_digest.LARGEST
    text = ("#" + "x" * 97 + "\n") * (source_digest.LARGEST // 100)
    return repository(folder, measured({f"a{i}.py": f"a = {i}\n{text}".encode() for i in range(count)}))


@case("git: as many bytes of other sources as are hashed")
def _(folder: Path) -> list[str]:
    each = side.LARGEST_HASHED // 16 - 10
    return repository(folder, measured({f"a{i}.bin": b"\0" * each + b"%d" % i for i in range(16)}))


@case("git: one source that is larger than a file that is hashed")
def _(folder: Path) -> list[str]:
    return repository(folder, measured({"a.bin": b"\0" * (repositories.DIGEST_LIMIT + 1)}))


@case("git: one commit of as many files as there may be")
def _(folder: Path) -> list[str]:
    many = {f"src/d{i % 500}/module_{i}.py": b"x" for i in range(tree.MAX_FILES - 10)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: a listing of as many bytes as there may be")
def _(folder: Path) -> list[str]:
    length = 1000
    count = tree.MAX_LISTING // (length + 60) - 50
    many = {f"src/{i:06d}/{'x' * 240}/{'y' * 240}/{'z' * 240}/".ljust(length, "w"): b"x" for i in range(count)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 15,000 paths, as long as they may be")
def _(folder: Path) -> list[str]:
    middle = "/".join(["x" * 200] * 20)
    many = {f"src/{i:05d}/{middle}"[: tree.LONGEST_PATH].rstrip("/"): b"x" for i in range(15_000)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: 50,000 paths in evidence/, as long as the gate takes")
def _(folder: Path) -> list[str]:
    many = {f"evidence/{i:05d}/{'x' * 100}/".ljust(paths.MAX_PATH - 4, "y") + ".txt": b"x" for i in range(50_000)}
    return repository(folder, commit("main", BASE) + commit("feature", many, "main"))


@case("git: a summary as large as one blob may be")
def _(folder: Path) -> list[str]:
    data = b"[" + b"0," * (tree.BLOB_LIMIT // 2 - 4) + b"0]"
    return repository(folder, commit("main", BASE) + commit("feature", {"evidence/b.json": data}, "main"))


@case("git: as many bytes as are read at once, in signatures, summaries and documents")
def _(folder: Path) -> list[str]:
    envelope = json.dumps(
        {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{"sig": "AA=="}]}
    )
    each = ATTESTATION_FILES.size // ATTESTATION_FILES.files - 10
    many = {f"evidence/a.x{i}.dsse.json": envelope.ljust(each).encode() for i in range(ATTESTATION_FILES.files - 1)}
    many |= {f"evidence/m{i}.json": summary(f"model-{i}", 5000) for i in range(9000)}
    keys = f"schema: gatekit.keys/1\nkeys:\n  k: {{public: {'A' * 43}=, roles: [measure]}}\n".encode()
    return repository(folder, commit("main", BASE | {"trust/keys.yaml": keys}) + commit("feature", many, "main"))


@case("git: as many signatures of a pull request as there may be, and as many bytes")
def _(folder: Path) -> list[str]:
    envelope = json.dumps(
        {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{"sig": "AA=="}]}
    )
    each = ATTESTATION_FILES.size // ATTESTATION_FILES.files - 10
    many = {f"evidence/a.x{i}.dsse.json": envelope.ljust(each).encode() for i in range(ATTESTATION_FILES.files - 1)}
    keys = f"schema: gatekit.keys/1\nkeys:\n  k: {{public: {'A' * 43}=, roles: [measure]}}\n".encode()
    return repository(folder, commit("main", BASE | {"trust/keys.yaml": keys}) + commit("feature", many, "main"))


@case("git: pyproject.toml of as many bytes as are parsed")
def _(folder: Path) -> list[str]:
    line = "a." * (gate_sources.MOST_DOTS // 2) + "b%d = 1\n"
    text = "".join(line % i for i in range(gate_sources.LARGEST_PROJECT // (len(line) + 4)))
    return repository(
        folder, commit("main", BASE | {"pyproject.toml": text.encode()}) + commit("feature", {"y.md": b"x"}, "main")
    )


@case("git: pyproject.toml of one line of as many dots as there may be, again and again")
def _(folder: Path) -> list[str]:
    line = "[" + "a." * gate_sources.MOST_DOTS + "b%d]\n"
    text = "".join(line % i for i in range(gate_sources.LARGEST_PROJECT // (len(line) + 4)))
    return repository(
        folder, commit("main", BASE | {"pyproject.toml": text.encode()}) + commit("feature", {"y.md": b"x"}, "main")
    )


@case("git: pyproject.toml of lists in each other")
def _(folder: Path) -> list[str]:
    text = "a = " + "[" * 100_000 + "]" * 100_000
    return repository(
        folder, commit("main", BASE | {"pyproject.toml": text.encode()}) + commit("feature", {"y.md": b"x"}, "main")
    )


@case("git: a workflow of as many bytes as are read")
def _(folder: Path) -> list[str]:
    text = "      - uses: ./a\n" * (gate_sources.LARGEST // 20)
    many = {f".github/workflows/w{i}.yml": text.encode() for i in range(5)}
    return repository(folder, commit("main", BASE | many) + commit("feature", {"y.md": b"x"}, "main"))


@case("git: CODEOWNERS of as many bytes as GitHub reads, policies changed")
def _(folder: Path) -> list[str]:
    owners = b"".join(b"/p*l*c*%d/**/*x @x\n" % i for i in range(codeowners.LIMIT // 25))
    head = {"policies/p.yaml": POLICY.replace("0.5", "0.4").encode()}
    return repository(folder, commit("main", BASE | {"CODEOWNERS": owners}) + commit("feature", head, "main"))


@case("git: .gitattributes of as many bytes as are read")
def _(folder: Path) -> list[str]:
    text = filled("policies/**/a*b*c*.yaml -diff\n", hidden_diffs.LIMIT - 20)
    head = {".gitattributes": text.encode(), "policies/p.yaml": POLICY.replace("0.5", "0.6").encode()}
    return repository(folder, commit("main", BASE) + commit("feature", head, "main"))


@case("git: .gitattributes of macros that name each other")
def _(folder: Path) -> list[str]:
    text = "".join(f"[attr]m{i} m{i + 1} m{i + 2}\n" for i in range(40_000))
    return repository(folder, commit("main", BASE) + commit("feature", {".gitattributes": text.encode()}, "main"))


@case("git: as many pairs of a withdrawn and a new claim as are compared")
def _(folder: Path) -> list[str]:
    count = int(predecessors.MOST_PAIRS**0.5) - 2

    def stated(word: str) -> bytes:
        rest = " ".join(f"{word}{i}" for i in range(100))
        return (START + "".join(ENTRY.format(f"{word}{i}", f"It {i} {rest}") for i in range(count))).encode()

    text = "x\n"
    base = BASE | {"claims.yaml": stated("a"), "x.md": text.encode()}
    return repository(folder, commit("main", base) + commit("feature", {"claims.yaml": stated("b")}, "main"))


@case("git: as many pairs of rules as moves of claims are compared by")
def _(folder: Path) -> list[str]:
    names = ", ".join(f"g{i}" for i in range(220))
    policies = {
        "policies/p.yaml": gates(220).encode(),
        "policies/q.yaml": gates(220).replace("id: p\n", "id: q\n").encode(),
    }
    claim = f"  - {{id: c, sentence: It agrees., status: pending, policy: %s, gates: [{names}]}}\n"
    base = BASE | policies | {"claims.yaml": (START + claim % "p").encode()}
    head = {"claims.yaml": (START + claim % "q").encode()}
    return repository(folder, commit("main", base) + commit("feature", head, "main"))


@case("git: as many pairs of rules as claims are compared by that become supported")
def _(folder: Path) -> list[str]:
    names = ", ".join(f"g{i}" for i in range(220))
    policies = {
        "policies/p.yaml": gates(220).replace("at_least: 0.", "at_least: 0.9").encode(),
        "policies/q.yaml": gates(220).replace("id: p\n", "id: q\n").encode(),
    }
    claim = f"  - {{id: c, sentence: It agrees., status: supported, policy: p, gates: [{names}]}}\n"
    base = BASE | policies | {"claims.yaml": (START + claim).encode()}
    more = f"  - {{id: d, sentence: Others do., status: supported, policy: q, gates: [{names}]}}\n"
    return repository(
        folder, commit("main", base) + commit("feature", {"claims.yaml": (START + claim + more).encode()}, "main")
    )


SLOW_GIT = "#!/bin/sh\ncase \"$*\" in *--version*) echo 'git version 2.45.0';; *) sleep 200;; esac\n"


@case("git: does not answer", codes=(4, 64, 70), environment={"PATH": "{folder}/bin:/usr/bin:/bin"})
def _(folder: Path) -> list[str]:
    arguments = repository(folder, commit("main", BASE) + commit("feature", {"y.md": b"x"}, "main"))
    (folder / "bin").mkdir()
    (folder / "bin" / "git").write_text(SLOW_GIT)
    (folder / "bin" / "git").chmod(0o755)
    return arguments


LOUD_GIT = "#!/bin/sh\nexec yes 0123456789012345678901234567890123456789\n"


@case("git: answers without end", codes=(4, 64, 70), environment={"PATH": "{folder}/bin:/usr/bin:/bin"})
def _(folder: Path) -> list[str]:
    arguments = repository(folder, commit("main", BASE) + commit("feature", {"y.md": b"x"}, "main"))
    (folder / "bin").mkdir()
    (folder / "bin" / "git").write_text(LOUD_GIT)
    (folder / "bin" / "git").chmod(0o755)
    return arguments
