"""The file that `gatekit report --html` writes, as HTML and XML readers see it, and the command's own ways to end."""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import builders
import pytest
from acceptance.console_script import BLOCKED, POLICY, check, environment, gatekit, workspace
from history.branches import branch
from report.reading_html import read

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>]]>&\"'"


def report(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return gatekit("report", "--html", "page.html", "--now", builders.NOW, *arguments, cwd=folder)


def test_its_exit_code_is_that_of_check(tmp_path: Path) -> None:
    for name, evidence, wanted in (("passes", None, 0), ("blocks", BLOCKED, 2), ("lacks", {}, 3)):
        folder = workspace(tmp_path / name, evidence=evidence)
        done = report(folder, "--history", "0")
        assert (done.returncode, done.stdout) == (wanted, ""), done.stderr
        assert check(cwd=folder).returncode == wanted
        word = {0: "pass", 2: "blocked", 3: "inconclusive"}[wanted]
        assert done.stderr.endswith(f"gatekit: wrote page.html; the verdict is {word}\n")
        read((folder / "page.html").read_text(encoding="utf-8"))


def test_a_policy_that_cannot_be_read_is_an_error_on_the_page(tmp_path: Path) -> None:
    folder = workspace(tmp_path, policy=POLICY.replace("at_least: 0.5", "at_least: much"))
    assert report(folder, "--history", "0").returncode == 4
    page = read((folder / "page.html").read_text(encoding="utf-8"))
    assert "policies/small.yaml:8:" in "".join(page.text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "the page is either served or written; give --serve or --html FILE"),
        (("--serve", "--html", "x.html"), "the page is either served or written"),
        (("--html", "x.html", "--port", "80"), "--port is for --serve"),
        (("--html", "x.html", "--policy", "nowhere"), "no policy at 'nowhere'"),
        (("--html", "nowhere/x.html", "--history", "0"), "nowhere"),
        (("--serve", "--now", "yesterday"), "--now 'yesterday' is not a UTC time"),
        (("--serve", "--port", "70000"), "70000"),
    ],
)
def test_a_command_line_that_is_wrong_ends_with_64(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = gatekit("report", *arguments, cwd=workspace(tmp_path))
    assert done.returncode == 64
    assert said in done.stderr


def test_only_its_own_script_and_style_may_run(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert report(folder, "--history", "0").returncode == 0
    text = (folder / "page.html").read_text(encoding="utf-8")
    allowed = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert allowed is not None
    rules = dict(rule.split(" ", 1) for rule in allowed[1].split("; "))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    for name, element in (("style-src", "style"), ("script-src", "script")):
        found = re.search(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert found is not None
        assert rules[name] == f"'sha256-{b64encode(sha256(found[1].encode()).digest()).decode()}'"
    assert not re.search(r"\son[a-z]+=|javascript:|style=|https?://(?!www\.w3\.org/2000/svg)", text)


def test_names_that_others_chose_are_inert(tmp_path: Path) -> None:
    calm, hostile = tmp_path / "calm", tmp_path / "hostile"
    for folder, name in ((calm, "what"), (hostile, HOSTILE)):
        summary = builders.release_evidence()["random_model.json"]
        policy = POLICY.replace("id: small\n", f"id: small\ndescription: {json.dumps(name)}\n")
        workspace(folder, policy, {f"{name.replace('/', '')}.json": summary})
        assert report(folder, "--history", "0").returncode == 0
    pages = [read((folder / "page.html").read_text(encoding="utf-8")) for folder in (calm, hostile)]
    assert pages[0].tags == pages[1].tags
    assert HOSTILE in "".join(pages[1].text)


def test_the_values_for_the_script_are_json_that_cannot_end_their_element(tmp_path: Path) -> None:
    folder = workspace(tmp_path, POLICY.replace("0.0}", "0.0} # </script><b> ]]> & ##[error]"))
    assert report(folder, "--history", "0").returncode == 0
    text = (folder / "page.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="values">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    assert not set("<>&") & set(found[1])
    assert "##[" not in found[1]
    lines = json.loads(found[1])["lines"]
    assert lines["policies/small.yaml:5"]["text"].endswith("# </script><b> ]]> & ##[error]")


def test_the_history_of_the_branch_is_on_it(tmp_path: Path) -> None:
    branch(tmp_path)
    subprocess.run(["git", "checkout", "-q", "-f", "main"], cwd=tmp_path, env=environment(), check=True)
    report(tmp_path)
    page = read((tmp_path / "page.html").read_text(encoding="utf-8"))
    subjects = [row[2] for row in page.rows if len(row) == 4]
    assert [subject for subject in subjects if subject != "subject"] == ["better", "tighter", "worse", "begin"]
    changes = [row for row in page.rows if row[0].startswith("demo/random_model")]
    assert [row[-1] for row in changes] == ["pass", "FAIL", "FAIL", "pass"]
    assert any(name == "src" and value.startswith("data:image/svg+xml;base64,") for name, value in page.values)


def test_older_commits_are_had_by_an_option_that_the_command_has(tmp_path: Path) -> None:
    branch(tmp_path)
    subprocess.run(["git", "checkout", "-q", "-f", "main"], cwd=tmp_path, env=environment(), check=True)
    report(tmp_path, "--history", "2")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    for told in (page, b64decode(picture).decode()):
        assert "there are older ones; --history shows more" in told


def test_without_a_repository_it_says_why_there_is_no_history(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert report(folder).returncode == 0
    said = "".join(read((folder / "page.html").read_text(encoding="utf-8")).text)
    assert "there is no history to read: " in said
