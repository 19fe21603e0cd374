"""`gatekit claims` as a process: the installed command on a real folder."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import builders
import pytest
from acceptance.console_script import gatekit
from claims.registered import FILE, MORE, README, REGISTRY, evidence, value, write

from gatekit.claims import parse_registry
from gatekit.claims.finding_documents import read_documents
from gatekit.claims.paths import find, matching

STALE = README.replace("+0.2100", "+0.2500")


def claims(command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    now = ("--now", builders.NOW) if command in ("check", "list") else ()
    return gatekit("claims", command, *arguments, *now, cwd=cwd)


def last(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.rstrip("\n").splitlines()[-1]


def test_check_passes_and_says_how_much_it_compared(tmp_path: Path) -> None:
    done = claims("check", cwd=write(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "claims: pass (exit 0): 1 claim and 3 bound numbers in 2 documents, carried by the evidence\n"
    )


def test_check_says_what_a_wrong_number_should_be_and_exits_2(tmp_path: Path) -> None:
    done = claims("check", cwd=write(tmp_path, {"README.md": STALE}))
    assert done.returncode == 2
    assert done.stdout.splitlines()[0].startswith("README.md:5:85: says +0.2500, evidence says +0.2100; ")
    assert last(done) == "claims: blocked (exit 2): 1 claim and 3 bound numbers in 2 documents, 1 problem"


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"claims.yaml": REGISTRY.replace("good]", "perfect]")}, 2, "gate 'perfect' of policy 'small' fails"),
        (
            {"claims.yaml": REGISTRY.replace("good]", "measured_elsewhere]")},
            3,
            "is inconclusive: ood.auc_drop <= 0.1: no ood summary",
        ),
        ({"README.md": README + value("evidence/none.json r2 n d", "5")}, 3, "no evidence at 'evidence/none.json'"),
        ({"README.md": README + value("oops")}, 4, "README.md:12:1: a value takes FILE MEASURE STATISTIC FORMAT"),
        ({"README.md": b"\xff"}, 4, "the document is not UTF-8"),
        ({"claims.yaml": REGISTRY.replace("README.md", "READYOU.md")}, 4, "no document matches 'READYOU.md'"),
        ({"claims.yaml": REGISTRY.replace("policy: small", "policy: smal")}, 4, "did you mean 'small'?"),
        ({FILE: "{"}, 4, "not JSON"),
        ({"policies/small.yaml": "schema: x"}, 4, "policies/small.yaml:1:9"),
        ({"claims.yaml": "claims: ["}, 4, "claims.yaml:1"),
    ],
    ids=[
        "fails",
        "unmeasured",
        "missing",
        "marker",
        "encoding",
        "document",
        "policy",
        "evidence",
        "bad policy",
        "yaml",
    ],
)
def test_each_problem_has_its_exit_code(tmp_path: Path, files: dict[str, str | bytes], code: int, said: str) -> None:
    done = claims("check", cwd=write(tmp_path, files))
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_a_registry_that_is_not_there_and_a_policy_folder_that_is_not_there_are_no_pass(tmp_path: Path) -> None:
    for name in ("check", "list", "sync", "scan"):
        done = claims(name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (64, "")
        assert "no claims registry at 'claims.yaml'; docs/claims.md shows one" in done.stderr
        assert "`gatekit schema claims`" in done.stderr
    write(tmp_path)
    (tmp_path / "policies" / "small.yaml").unlink()
    (tmp_path / "policies").rmdir()
    assert claims("check", cwd=tmp_path).returncode == 64


def test_no_evidence_folder_is_inconclusive(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / "evidence").rmdir()
    assert claims("check", cwd=tmp_path).returncode == 3


def test_sync_writes_the_numbers_and_check_then_passes(tmp_path: Path) -> None:
    crlf = STALE.replace("\n", "\r\n").encode()
    write(tmp_path, {"README.md": crlf, "docs/more.md": MORE.replace("+0.2100", "0")})
    os.chmod(tmp_path / "README.md", 0o640)
    dry = claims("sync", "--dry-run", cwd=tmp_path)
    assert (dry.returncode, last(dry)) == (2, "sync: blocked (exit 2): 2 numbers would change")
    assert (tmp_path / "README.md").read_bytes() == crlf
    done = claims("sync", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "README.md:5:85: +0.2500 -> +0.2100",
        "docs/more.md:5:85: 0 -> +0.2100",
        "sync: pass (exit 0): 2 numbers written",
    ]
    assert (tmp_path / "README.md").read_bytes() == README.replace("\n", "\r\n").encode()
    assert (tmp_path / "README.md").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "docs" / "more.md").read_text() == MORE
    assert claims("check", cwd=tmp_path).returncode == 0
    again = claims("sync", "--dry-run", cwd=tmp_path)
    assert (again.returncode, last(again)) == (0, "sync: pass (exit 0): 0 numbers would change")


def test_sync_leaves_a_document_with_a_problem_as_it_is_and_writes_the_others(tmp_path: Path) -> None:
    broken = STALE + value("evidence/none.json r2 n d")
    write(tmp_path, {"README.md": broken, "docs/more.md": MORE.replace("+0.2100", "0")})
    done = claims("sync", cwd=tmp_path)
    assert done.returncode == 3
    assert "no evidence at 'evidence/none.json'" in done.stdout
    assert last(done).endswith("1 number written; a document with a problem stays as it was")
    assert (tmp_path / "README.md").read_text() == broken
    assert (tmp_path / "docs" / "more.md").read_text() == MORE


def test_sync_writes_nothing_from_evidence_that_contradicts_itself(tmp_path: Path) -> None:
    other = json.dumps(evidence(r2=[0.1] * 5))
    done = claims("sync", cwd=write(tmp_path, {"README.md": STALE, "evidence/other.json": other}))
    assert done.returncode == 4
    assert "differs from evidence/other.json" in done.stdout
    assert (tmp_path / "README.md").read_text() == STALE


def test_sync_follows_no_symbolic_link(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "README.md").unlink()
    target = tmp_path / "elsewhere.md"
    target.write_text(STALE)
    (tmp_path / "README.md").symlink_to(target)
    assert claims("sync", cwd=tmp_path).returncode == 4
    assert target.read_text() == STALE


def test_list_shows_status_outcomes_and_places(tmp_path: Path) -> None:
    done = claims("list", cwd=write(tmp_path, {"claims.yaml": REGISTRY.replace("good]", "perfect]")}))
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "claim  status     policy  gates                     stands at",
        "agree  supported  small   above pass, perfect fail  README.md:3, docs/more.md:3",
        "1 problem: see `gatekit claims check`",
    ]


def test_scan_warns_about_numbers_and_blocks_on_claim_language_as_the_rules_say(tmp_path: Path) -> None:
    text = README + "\nIt outperforms 0.5.\n"
    write(tmp_path, {"README.md": text})
    done = claims("scan", cwd=tmp_path)
    assert done.returncode == 2
    assert "README.md:13:4: error: 'outperforms' claims something outside a registered claim" in done.stdout
    assert "README.md:13:16: warning: 0.5 is bound to no evidence" in done.stdout
    assert last(done) == "scan: blocked (exit 2): 1 error, 1 warning in 2 documents"
    write(tmp_path, {"README.md": text, "claims.yaml": REGISTRY.replace("language: error", "language: warn")})
    done = claims("scan", cwd=tmp_path)
    assert (done.returncode, last(done)) == (0, "scan: pass (exit 0): 0 errors, 2 warnings in 2 documents")
    off = REGISTRY.replace("language: error", 'language: "off"').replace("numbers: warn", 'numbers: "off"')
    write(tmp_path, {"README.md": text, "claims.yaml": off})
    assert claims("scan", cwd=tmp_path).stdout == "scan: pass (exit 0): 0 errors, 0 warnings in 2 documents\n"


def test_a_registry_in_another_folder_brings_its_own_policies_evidence_and_documents(tmp_path: Path) -> None:
    write(tmp_path / "sub", {"README.md": STALE})
    done = gatekit("claims", "check", "--claims", "sub/claims.yaml", "--now", builders.NOW, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("sub/README.md:5:85: says +0.2500, evidence says +0.2100")
    assert gatekit("claims", "sync", "--claims", "sub/claims.yaml", cwd=tmp_path).returncode == 0
    assert (tmp_path / "sub" / "README.md").read_text() == README


def test_text_from_documents_cannot_steer_a_log(tmp_path: Path) -> None:
    text = README.replace("+0.2100", "::error::pwned\n::set-output name=a::b")
    done = claims("check", cwd=write(tmp_path, {"README.md": text}))
    assert done.returncode == 2
    assert not [line for line in done.stdout.splitlines() if line.strip().startswith("::")]


def test_an_unknown_subcommand_and_none_are_usage_errors(tmp_path: Path) -> None:
    assert gatekit("claims", cwd=tmp_path).returncode == 64
    assert gatekit("claims", "chek", cwd=tmp_path).returncode == 64
    assert gatekit("claims", "--help", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "pattern", ["README.md", "*.md", "docs/*.md", "docs/**/*.md", "**/*.md", "d?cs/a.md", "**/b/*.md", "docs/**.md"]
)
def test_a_pattern_matches_the_same_files_in_a_folder_and_in_a_list_of_paths(tmp_path: Path, pattern: str) -> None:
    paths = ["README.md", "docs/a.md", "docs/b/c.md", "docs/b/b/d.md", "docs/.h.md", ".x/a.md", "docs/a.mdx", "b/e.md"]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    assert matching([pattern], find([pattern], str(tmp_path))[0]) == matching([pattern], paths) != []


def test_a_document_that_two_patterns_match_is_read_once(tmp_path: Path) -> None:
    write(tmp_path)
    text = REGISTRY.replace("[README.md,", '[README.md, "*.md",')
    documents, errors = read_documents(parse_registry(text.encode(), "claims.yaml"), str(tmp_path))
    assert (len(documents), errors) == (2, [])
