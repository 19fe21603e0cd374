"""What the steps of a workflow read: events, reports, GitHub's answers and what `gatekit doctor` is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatekit.evidence.folder_limits import WORKFLOW_FILES
from gatekit.github import api, doctor, event, judgement
from gatekit.github.action import LONGEST
from gatekit.github.comment import MARKDOWN_LIMIT
from hostile_inputs.cases import SUMMARY, case, check, filled, write
from hostile_inputs.commits import BASE, commit, repository

OID = "a" * 40
SIDE = {"sha": OID, "ref": "main", "repo": {"id": 1, "full_name": "octo/cat"}}
VARIABLES = {
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_EVENT_PATH": "{folder}/event.json",
    "GITHUB_SHA": OID,
    "GITHUB_REPOSITORY": "octo/cat",
    "GITHUB_TOKEN": "x",
}


def pull_request(**changes: Any) -> Any:
    """An event of a pull request."""
    about = {"number": 7, "labels": [], "base": SIDE, "head": SIDE, "user": {"login": "author"}}
    return {"repository": {"id": 1, "full_name": "octo/cat"}, "pull_request": about | changes}


def on_event(folder: Path, text: str) -> list[str]:
    """Run `gatekit pr` in a repository, on an event."""
    repository(folder, commit("main", BASE) + commit("feature", {"y.md": b"x"}, "main"))
    write(folder, "event.json", text)
    return ["pr"]


EVENT = {"codes": (0, 2, 3, 4, 5, 64), "environment": {name: VARIABLES[name] for name in list(VARIABLES)[:3]}}


@case("event: as many bytes as one may have, a description", **EVENT)
def _(folder: Path) -> list[str]:
    texts = ["x" * event.EVENT_LIMITS.string] * (event.EVENT_LIMITS.size // event.EVENT_LIMITS.string - 1)
    return on_event(folder, json.dumps({**pull_request(), "texts": texts}).ljust(event.EVENT_LIMITS.size))


@case("event: as many bytes as one may have, values", **EVENT)
def _(folder: Path) -> list[str]:
    text = json.dumps({**pull_request(), "x": "?"})
    count = event.EVENT_LIMITS.values - 60
    return on_event(folder, text.replace('"?"', "[" + "0.123456789012345678901," * count + "0]"))


@case("event: as many labels, and all names as long as they may be", **EVENT)
def _(folder: Path) -> list[str]:
    labels = [{"name": f"{i}".rjust(event._LABEL_LIMIT, "x")} for i in range(event.MAX_LABELS)]
    head = SIDE | {"ref": "b" * event._BRANCH_LIMIT}
    user = {"login": "l" * event._LOGIN_LIMIT}
    return on_event(folder, json.dumps(pull_request(labels=labels, head=head, user=user)))


@case(
    "action: inputs as long as they may be",
    codes=(0, 2, 3, 4, 5, 64, 70),
    environment={
        f"GATEKIT_INPUT_{name}": "x" * LONGEST for name in ("POLICY", "EVIDENCE", "MODE", "WORKING_DIRECTORY")
    },
)
def _(folder: Path) -> list[str]:
    check(folder, SUMMARY)
    return ["action"]


# Reports that are read back

REPORT: dict[str, Any] = {
    "schema": "gatekit.verdict/1",
    "verdict": "pass",
    "exit_code": 0,
    "policies": [],
    "errors": [],
    "notes": [],
    "warnings": [],
}


@case("report: as many values as there may be", codes=(0, 4, 64), environment=VARIABLES)
def _(folder: Path) -> list[str]:
    text = json.dumps({**REPORT, "x": "?"})
    write(folder, "r.json", text.replace('"?"', "[" + "0," * (judgement.REPORT_LIMITS.values - 40) + "0]"))
    write(folder, "event.json", json.dumps(pull_request()))
    return ["badge", "r.json"]


@case("report: as many bytes as there may be, errors", codes=(0, 4, 64), environment=VARIABLES)
def _(folder: Path) -> list[str]:
    one = json.dumps({"id": "x", "message": "m" * 80, "path": "a", "line": 1, "column": 1})
    count = judgement.REPORT_LIMITS.size // (len(one) + 1) - 10
    text = json.dumps({**REPORT, "verdict": "refused", "exit_code": 4, "errors": "?"})
    write(folder, "r.json", text.replace('"?"', "[" + ",".join([one] * count) + "]"))
    return ["badge", "r.json"]


SERVER = """
import http.server, json, sys
answer = open("answer.json", "rb").read()
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Link", '<x>; rel="next"')
        self.end_headers()
        self.wfile.write(answer)
    do_POST = do_PATCH = do_GET
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
print(server.server_port, flush=True)
server.serve_forever()
"""
ASKED = f"""
import subprocess, sys, os
server = subprocess.Popen([sys.executable, "-c", {SERVER!r}], stdout=subprocess.PIPE)
os.environ["GITHUB_API_URL"] = "http://127.0.0.1:" + server.stdout.readline().decode().strip()
code = subprocess.call([sys.executable, "-c", "from gatekit.cli import main; main()", *sys.argv[1:]])
server.kill()
sys.exit(code)
"""
"""The command with a server on this machine in place of GitHub's."""
ANSWERED = {"codes": (0,), "program": ASKED, "environment": VARIABLES}


def commented(folder: Path, answer: str) -> list[str]:
    """Comment on a pull request, whose list of comments is one answer again and again."""
    write(folder, "answer.json", answer)
    write(folder, "r.json", json.dumps({**REPORT, "verdict": "refused", "exit_code": 4}))
    write(folder, "event.json", json.dumps(pull_request()))
    return ["comment", "--report", "r.json"]


@case("answers: as many values as one may have", **ANSWERED)
def _(folder: Path) -> list[str]:
    return commented(folder, "[" + "0," * (api.ANSWER_LIMITS.values - 2) + "0]")


@case("answers: as many bytes as one may have", **ANSWERED)
def _(folder: Path) -> list[str]:
    one = json.dumps({"id": 1, "body": "x" * 60_000, "user": {"login": "y"}})
    return commented(folder, "[" + ",".join([one] * (api.MAX_ANSWER // len(one) - 1)) + "]")


@case("answers: as many bytes as all pages may have", **ANSWERED)
def _(folder: Path) -> list[str]:
    one = json.dumps({"id": 1, "body": "x" * 60_000, "user": {"login": "y"}})
    return commented(folder, "[" + ",".join([one] * 99) + "]")


@case("answers: as many pages as are read, of a hundred comments of 3 KB", **ANSWERED)
def _(folder: Path) -> list[str]:
    return commented(folder, json.dumps([{"id": 1, "body": "x" * 3000, "user": {"login": "y"}}] * 100))


SILENT = """
import os, socket, subprocess, sys
silent = socket.socket()
silent.bind(("127.0.0.1", 0))
silent.listen(8)
os.environ["GITHUB_API_URL"] = "http://127.0.0.1:%d" % silent.getsockname()[1]
sys.exit(subprocess.call([sys.executable, "-c", "from gatekit.cli import main; main()", *sys.argv[1:]]))
"""


@case("answers: none, as long as is waited for", codes=(0,), program=SILENT, environment=VARIABLES)
def _(folder: Path) -> list[str]:
    return commented(folder, "[]")


@case("comment: a report in Markdown of as many bytes as are shown", **ANSWERED)
def _(folder: Path) -> list[str]:
    write(folder, "r.md", filled("<!-- @x ```\n", MARKDOWN_LIMIT))
    return [*commented(folder, "[]"), "--markdown", "r.md"]


# doctor


@case("doctor: an export of as many bytes as one may have", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    one = json.dumps({"type": "deletion", "ruleset_id": 42})
    write(folder, "rules.json", "[" + ",".join([one] * (doctor.LIMITS.size // (len(one) + 1))) + "]")
    return ["doctor", "--ruleset", "rules.json"]


@case("doctor: CODEOWNERS and a workflow of as many bytes as one may have", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    write(folder, "CODEOWNERS", filled("/p*l*/**/*x @x\n", doctor.WORKFLOW_LIMIT))
    write(folder, "workflows/w.yml", "jobs: {}\n" + filled("# x\n", doctor.WORKFLOW_LIMIT - 20))
    return ["doctor", "--codeowners", "CODEOWNERS", "--workflows", "workflows"]


@case("doctor: as many workflows as there may be, and as many bytes", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    each = WORKFLOW_FILES.size // WORKFLOW_FILES.files
    text = "on: pull_request\njobs:\n" + "".join(f"  j{i}: {{runs-on: x, steps: [{{run: a}}]}}\n" for i in range(100))
    for index in range(WORKFLOW_FILES.files):
        write(folder, f"workflows/w{index}.yml", text[:each].rpartition("\n")[0] + "\n")
    return ["doctor", "--workflows", "workflows"]


@case("doctor: workflows of as many values as one may have", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    for index in range(4):
        write(folder, f"workflows/w{index}.yml", "jobs:\n" + "- a\n" * (doctor.MOST_NODES - 3))
    return ["doctor", "--workflows", "workflows"]


@case("doctor: a workflow of aliases of aliases", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    lines = ["jobs: {}", "a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 5000))]
    write(folder, "workflows/w.yml", "\n".join(lines))
    return ["doctor", "--workflows", "workflows"]


@case("doctor: a workflow of maps that merge each other", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    lines = ["jobs: {}", "a0: &a0 {x: 1, y: 2}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 30))]
    write(folder, "workflows/w.yml", "\n".join(lines))
    return ["doctor", "--workflows", "workflows"]


@case("doctor: a workflow of brackets", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    write(folder, "workflows/w.yml", "jobs: " + "[" * 200_000)
    return ["doctor", "--workflows", "workflows"]


@case("doctor: a workflow as deep as it may be, again and again", codes=(0, 2, 3, 4))
def _(folder: Path) -> list[str]:
    inside = doctor.DEEPEST - 1
    count = doctor.MOST_NODES // inside - 10
    write(
        folder, "workflows/w.yml", "jobs: {}\n" + "".join(f"a{i}: {'[' * inside}{']' * inside}\n" for i in range(count))
    )
    return ["doctor", "--workflows", "workflows"]
