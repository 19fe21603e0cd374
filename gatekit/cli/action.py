"""`gatekit action`: the step of action.yml that judges."""

from __future__ import annotations

import os
import posixpath
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import rich_click as click

from gatekit.errors import GatekitError
from gatekit.evidence.strict_json import read_regular_file
from gatekit.exit_codes import ExitCode
from gatekit.gates.verdict import WORDS
from gatekit.github import check_run, outputs, summary
from gatekit.github.action import PREFIX, Inputs, read_inputs
from gatekit.github.annotations import Annotation
from gatekit.github.annotations import render as render_annotations
from gatekit.github.comment import MARKDOWN_LIMIT
from gatekit.github.judgement import Judgement, believed, expected_heads, read_report

NOTE = "The report is longer than a job summary may be; the uploaded files have all of it."

GATE = "import sys; from gatekit.cli import main; main()"
"""Run with `-I`: neither the folder that is judged nor the environment adds to the import path."""


@click.command("action")
def command() -> int:
    """Run as a step of action.yml; people use `gatekit pr` and `gatekit check`.

    Inputs are the variables GATEKIT_INPUT_*; summary, outputs and annotations go where GitHub says. The exit code is
    the gate's own, but 70 where the gate's process and its report disagree.
    """
    try:
        inputs = read_inputs(os.environ)
        heads = expected_heads(os.environ) if inputs.mode == "pr" else None
    except GatekitError as error:
        _say([Annotation("error", "gatekit", str(error))])
        _set_outputs(os.environ, error.exit_code, None, None)
        raise
    code, report, remarks = _judge(inputs, heads)
    if inputs.summary and os.environ.get("GITHUB_STEP_SUMMARY"):
        outputs.append(os.environ["GITHUB_STEP_SUMMARY"], _summary(inputs, code))
    if report is not None:
        remarks += [_in_workspace(remark, inputs.prefix) for remark in report.annotations]
    ended = code
    if inputs.advisory and code in (ExitCode.BLOCKED, ExitCode.INCONCLUSIVE):
        remarks.append(Annotation("warning", "gatekit", f"advisory: {WORDS[ExitCode(code)]} (exit {code}) is ignored"))
        remarks = [replace(r, level="warning") if r.level == "error" else r for r in remarks]
        ended = ExitCode.PASS
    if inputs.check_token:
        remarks += _check_run(inputs, code, remarks)
    if inputs.annotations:
        _say(remarks)
    _set_outputs(os.environ, code, report, inputs)
    return ended


def _judge(inputs: Inputs, heads: frozenset[str] | None) -> tuple[int, Judgement | None, list[Annotation]]:
    """Run the gate and return the code that may be believed, the report, and what is wrong with either."""
    try:
        inputs.output_dir.mkdir(parents=True, exist_ok=True)
        for path in (inputs.json, inputs.markdown):
            path.unlink(missing_ok=True)  # a report of an earlier step would be taken for this one's
    except OSError as error:
        return ExitCode.USAGE, None, [Annotation("error", "gatekit", f"no folder for the reports: {error.strerror}")]
    sys.stdout.flush()
    # Not this process: whatever becomes of the gate, its report is read and its code reported by one that still works.
    command = [sys.executable, "-I", "-c", GATE, *inputs.arguments()]
    without = {name: value for name, value in os.environ.items() if name != f"{PREFIX}CHECK_TOKEN"}
    done = subprocess.run(command, cwd=inputs.working_directory, env=without)
    report, remarks = None, []
    if inputs.json.exists():
        try:
            report = read_report(inputs.json)
        except GatekitError as error:
            remarks.append(Annotation("error", "gatekit", str(error)))
    code, doubt = believed(done.returncode, report, heads)
    if doubt is not None:
        remarks.append(Annotation("error", "gatekit", doubt))
    elif report is None:
        remarks.append(Annotation("error", "gatekit", f"no verdict (exit {code}); the log of this step says why"))
    return code, report, remarks


def _summary(inputs: Inputs, code: int) -> str:
    try:
        text = read_regular_file(inputs.markdown, "markdown", MARKDOWN_LIMIT).decode("utf-8", "replace")
    except GatekitError:
        text = f"## gatekit: {WORDS[ExitCode(code)]}\n\nExit {code}, without a report; the log says why.\n"
    return summary.fit(text, summary.ROOM, NOTE)


def _check_run(inputs: Inputs, code: int, remarks: list[Annotation]) -> list[Annotation]:
    """Make the check run; what goes wrong with it is a warning and nothing more."""
    try:
        root = inputs.prefix.rstrip("/")
        problem = check_run.publish(
            os.environ, inputs.check_token, code, inputs.advisory, root, _summary(inputs, code), remarks
        )
    except Exception as error:  # whatever it is, the verdict stands without the check run
        problem = f"{type(error).__name__}"
    return [] if problem is None else [Annotation("warning", "gatekit", f"no check run: {problem}")]


def _in_workspace(remark: Annotation, prefix: str) -> Annotation:
    if remark.path is None or Path(remark.path).is_absolute():
        return remark
    # A path with `../` lies outside of the project, like a workflow.
    return replace(remark, path=posixpath.normpath(prefix + remark.path))


def _say(remarks: list[Annotation]) -> None:
    click.echo(render_annotations(remarks), nl=False)


def _set_outputs(environment: Mapping[str, str], code: int, report: Judgement | None, inputs: Inputs | None) -> None:
    path = environment.get("GITHUB_OUTPUT")
    if not path:
        return
    # Every output is set, empty where there is nothing to say: a later step may read any of them.
    values = {
        "verdict": WORDS[ExitCode(code)].replace(" ", "-"),
        "exit-code": str(int(code)),
        "head": "",
        "base": "",
        "failed-gates": outputs.names(()),
        "inconclusive-gates": outputs.names(()),
        "loosened-gates": outputs.names(()),
        "output-dir": "",
        "report-json": "",
        "report-md": "",
        "artifact-name": "",
    }
    if report:
        values["failed-gates"] = outputs.names(report.failed)
        values["inconclusive-gates"] = outputs.names(report.inconclusive)
        values["loosened-gates"] = outputs.names(report.loosened)
        if code == ExitCode.PASS:
            values["head"] = report.head or ""
            values["base"] = report.base or ""
    if inputs:
        values["output-dir"] = str(inputs.output_dir)
        values["artifact-name"] = inputs.artifact
        if report:
            values["report-json"] = str(inputs.json)
        if inputs.markdown.exists():
            values["report-md"] = str(inputs.markdown)
    outputs.append(path, outputs.render(values))
