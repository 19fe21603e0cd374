"""A badge is green only where something was measured and passes."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import builders
import pytest
from acceptance.console_script import gatekit

from gatekit.report.badge import Badge, GateCount, badge, svg
from gatekit.report.badge import json as endpoint

POLICY = """\
schema: gatekit.policy/1
id: p
gates:
  r2: {from: random_model, measure: r2, at_least: LIMIT}
"""


def project(folder: Path, limit: str = "0.5", extra: str = "", evidence: bool = True) -> Path:
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "p.yaml").write_text(POLICY.replace("LIMIT", limit) + extra)
    if evidence:
        builders.write(
            folder / "evidence", {"r.json": builders.summary("random_model", {"r2": builders.around(0.7, 0.01, 5)})}
        )
    return folder


def of_check(folder: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    gatekit("check", "--now", builders.NOW, "--output", "json=report.json", *arguments, cwd=folder)
    done = gatekit("badge", "report.json", "--output", "json=badge.json", "--output", "svg=badge.svg", cwd=folder)
    return done.returncode, done.stdout, json.loads((folder / "badge.json").read_text())


def test_what_was_measured_and_passes_is_green(tmp_path: Path) -> None:
    code, said, badge = of_check(project(tmp_path))
    assert (code, said) == (0, "gatekit: pass, 1 of 1 gates (green)\n")
    assert badge == {"schemaVersion": 1, "label": "gatekit", "message": "pass, 1 of 1 gates", "color": "brightgreen"}
    assert "#1a7f37" in (tmp_path / "badge.svg").read_text()


@pytest.mark.parametrize(
    ("options", "arguments", "message", "color"),
    [
        ({"limit": "0.9"}, [], "blocked, 0 of 1 gates", "red"),
        ({"limit": "0.9"}, ["--advisory"], "blocked, 0 of 1 gates", "red"),
        ({"evidence": False}, [], "inconclusive, 0 of 1 gates", "yellow"),
        ({"extra": "  x: {from: ood, measure: auc_drop, at_most: 0.1, level: warn}\n"}, [], None, "brightgreen"),
        ({"extra": "nonsense: 1\n"}, [], "refused", "red"),
    ],
)
def test_what_does_not_pass_is_not_green(
    tmp_path: Path, options: dict[str, Any], arguments: list[str], message: str | None, color: str
) -> None:
    _, _, badge = of_check(project(tmp_path, **options), *arguments)
    assert badge["color"] == color
    assert message is None or badge["message"] == message


FORGED = {"schema": "gatekit.verdict/1", "verdict": "pass", "exit_code": 0, "policies": [], "errors": []}


@pytest.mark.parametrize(
    "gates",
    [
        [],
        [{"name": "g", "outcome": "pass", "enforced": True, "result": {"type": "threshold", "measured": None}}],
        [{"name": "g", "outcome": "pass", "enforced": True, "result": {"type": "combined", "children": []}}],
        [{"name": "g", "outcome": "pass", "enforced": False, "result": {"type": "threshold", "measured": {}}}],
    ],
)
def test_a_pass_with_no_number_behind_it_is_grey(tmp_path: Path, gates: list[Any]) -> None:
    (tmp_path / "r.json").write_text(json.dumps(FORGED | {"policies": [{"id": "p", "gates": gates}]}))
    done = gatekit("badge", "r.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "gatekit: nothing measured (grey)\n")


def test_a_stop_policy_makes_no_badge_green(tmp_path: Path) -> None:
    gate = {"name": "g", "outcome": "pass", "enforced": True, "result": {"type": "threshold", "measured": {}}}
    (tmp_path / "r.json").write_text(
        json.dumps(FORGED | {"policies": [{"id": "p", "purpose": "stop", "gates": [gate]}]})
    )
    assert "nothing measured (grey)" in gatekit("badge", "r.json", cwd=tmp_path).stdout


def test_a_change_that_passes_beside_a_failing_gate_is_not_green() -> None:
    assert badge("x", "pass", GateCount(enforced=3, passing=2)) == Badge("x", "pass, 2 of 3 gates", "yellow")


@pytest.mark.parametrize(
    "label", ["</text><script>x</script>", "\x1b[31m", "::error::x", "##[error]", '"/><a>', "x" * 999]
)
def test_the_label_is_no_more_than_text(label: str) -> None:
    made = badge(label, "pass", GateCount(1, 1))
    picture = svg(made)
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(picture).iter()}
    assert tags == {"svg", "title", "rect", "g", "text"}
    for written in (picture, endpoint(made)):
        assert "\x1b" not in written and "##[" not in written and len(written) < 2000
        assert not re.search(r"^\s*::\w", written, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.json"], 4, "missing.json"),
        (["empty.json"], 4, "report.invalid"),
        (["r.json", "--output", "svg"], 64, "FORMAT=PATH"),
        (["r.json", "--output", "png=x"], 64, "known: svg, json"),
    ],
)
def test_what_is_no_report_makes_no_badge(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "r.json").write_text(json.dumps(FORGED))
    done = gatekit("badge", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "") and said in done.stderr
