from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.console_script import gatekit
from github.rest_server import BOT, State, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import gatekit as gatekit_package
from gatekit.errors import UsageError
from gatekit.github.annotations import Annotation
from gatekit.github.api import Api, ApiError, api
from gatekit.github.comment import MODES, CommentPlace, body, marker, number_of, publish
from gatekit.github.event import FinishedRun
from gatekit.github.judgement import Judgement

PLACE = CommentPlace("octo/cat", 7)
PASS = Judgement("pass", 0, "a" * 40, (), (), (), ())
BLOCKED = Judgement("blocked", 2, "a" * 40, ("ood",), ("health",), (), ())
MARK = "<!-- gatekit:v1:release -->"
HOSTILE = [
    "</td><img src=x onerror=y>",
    "[x](javascript:1)",
    "| a | b |",
    "`code` ``|",
    "\n\n# heading\n",
    "<!-- gatekit:v1:x -->",
    "-->",
    "@org/team fixes #1",
    "![x](y)",
    "https://example.org",
    "&lt;b&gt;",
    "\\",
    "\\|",
]
ANY = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join))
MARKUP = {"h2", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code", "a"}


@pytest.fixture
def server() -> Iterator[State]:
    with serving(State()) as state:
        yield state


def send(state: State, report: Judgement = BLOCKED, mode: str = "always", **options: object) -> str:
    pauses: list[float] = []
    text = body("release", report, None, None)
    here = Api(state.url, "t0ken", timeout=2)
    return publish(here, PLACE, text, report.exit_code == 0, mode, pause=pauses.append, **options)  # type: ignore[arg-type]


def test_the_first_verdict_makes_one_comment_that_starts_with_the_hidden_marker(server: State) -> None:
    assert send(server) == "created"
    assert [path for method, path, _ in server.requests if method == "POST"] == ["/repos/octo/cat/issues/7/comments"]
    assert server.comments[0]["body"].startswith(MARK + "\n")
    assert server.tokens == {"Bearer t0ken"}


def test_a_new_verdict_changes_the_comment_in_place(server: State) -> None:
    send(server)
    assert send(server, PASS) == "updated"
    assert len(server.comments) == 1
    assert "gatekit: pass" in server.comments[0]["body"]


def test_the_same_verdict_again_sends_nothing(server: State) -> None:
    send(server)
    assert send(server) == "unchanged"
    assert len(server.said("POST") + server.said("PATCH")) == 1


def test_a_comment_of_somebody_else_with_our_marker_is_left_alone(server: State) -> None:
    server.add(f"{MARK}\n## gatekit: pass", login="mallory")
    send(server)
    assert server.comments[0]["body"].endswith("gatekit: pass")
    assert [c["user"]["login"] for c in server.comments] == ["mallory", BOT]


def test_a_comment_of_ours_that_quotes_the_marker_later_on_is_left_alone(server: State) -> None:
    server.add(f"look at this:\n{MARK}\n")
    assert send(server) == "created"


def test_each_policy_has_a_comment_of_its_own(server: State) -> None:
    server.add("<!-- gatekit:v1:release-2 -->\nother")
    assert send(server) == "created"


@pytest.mark.parametrize("page_size", [100, 30])
def test_the_comment_is_found_on_page_thirty(server: State, page_size: int) -> None:
    server.page_size = page_size
    for _ in range(29 * page_size + 5):
        server.add("chatter", login="octocat")
    server.add(f"{MARK}\nold")
    server.add("chatter", login="octocat")
    assert send(server) == "updated"
    assert len(server.said("GET")) <= 30


def test_a_list_without_an_end_is_given_up_on_rather_than_commented_on_again(server: State) -> None:
    server.page_size = 1
    server.comments = [{"id": 1, "body": "x", "user": None}] * 200
    with pytest.raises(ApiError, match="did not end"):
        send(server)
    assert server.said("POST") == []


@pytest.mark.parametrize(("status", "headers"), [(500, {}), (502, {}), (429, {"retry-after": "0"})])
def test_a_passing_failure_is_tried_again(server: State, status: int, headers: dict[str, str]) -> None:
    server.failures = [(status, headers)]
    assert send(server) == "created"


def test_a_connection_that_breaks_is_tried_again(server: State) -> None:
    server.drop = 1
    assert send(server) == "created"


def test_a_comment_whose_answer_was_lost_is_not_made_twice(server: State) -> None:
    server.lose_answers_of = {"POST"}
    assert send(server) == "unchanged"
    assert len(server.comments) == 1


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {}),
        (404, {}),
        (401, {}),
        (422, {}),
        (301, {"Location": "/elsewhere"}),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999"}),
        (429, {"retry-after": "7200"}),
    ],
)
def test_a_lasting_failure_is_reported_at_once(server: State, status: int, headers: dict[str, str]) -> None:
    server.failures = [(status, headers)]
    with pytest.raises(ApiError, match=str(status)):
        send(server)
    assert len(server.requests) == 1


def test_a_server_that_stays_broken_is_given_up_on(server: State) -> None:
    server.failures = [(500, {})] * 20
    with pytest.raises(ApiError, match="500"):
        send(server)
    assert len(server.requests) == 4


def test_on_failure_is_silent_about_a_pass_until_there_was_a_failure(server: State) -> None:
    assert "nothing to say" in send(server, PASS, "on-failure")
    assert send(server, BLOCKED, "on-failure") == "created"
    assert send(server, PASS, "on-failure") == "updated"


def test_on_change_leaves_a_comment_whose_verdict_is_still_true(server: State) -> None:
    send(server, BLOCKED, "on-change")
    later = Judgement("blocked", 2, "b" * 40, ("ood",), ("health",), (), ())
    assert send(server, later, "on-change") == "unchanged"
    assert send(server, later, "always") == "updated"
    assert send(server, PASS, "on-change") == "updated"


def test_never_asks_the_server_nothing(server: State) -> None:
    send(server, mode="never")
    assert server.requests == []


def test_a_token_of_another_login_is_told_how_to_be_found_again(server: State) -> None:
    server.login = "lab-bot"
    assert "--author" in send(server)
    assert send(server, author="lab-bot") == "unchanged"


FORK = {"head_sha": "a" * 40, "head_branch": "patch", "head_repository": {"owner": {"login": "fork"}}}
FORK_RUN = FinishedRun(id=99, conclusion="failure", head_sha="a" * 40, head_branch="patch", head_owner="fork")


def test_the_number_of_a_forks_pull_request_is_found_by_branch_and_commit(server: State) -> None:
    server.pulls = [
        {"label": "fork:patch", "number": 4, "head": {"sha": "b" * 40}},
        {"label": "fork:patch", "number": 5, "head": {"sha": "a" * 40}},
        {"label": "octo:patch", "number": 6, "head": {"sha": "a" * 40}},
    ]
    assert number_of(Api(server.url, "t"), "octo/cat", FORK_RUN) == 5


@pytest.mark.parametrize("pulls", [0, 2])
def test_no_or_several_pull_requests_of_that_commit_get_no_comment(server: State, pulls: int) -> None:
    server.pulls = [{"label": "fork:patch", "number": n, "head": {"sha": "a" * 40}} for n in range(pulls)]
    with pytest.raises(ApiError, match="needs one"):
        number_of(Api(server.url, "t"), "octo/cat", FORK_RUN)


@settings(deadline=None, max_examples=200)
@given(st.lists(ANY, max_size=40), ANY)
def test_no_text_of_others_breaks_out_of_its_place_and_the_body_fits(names: list[str], because: str) -> None:
    remarks = tuple(Annotation("error", name, name, name, 1) for name in names)
    report = Judgement("blocked", 2, "a" * 40, tuple(names), tuple(names), tuple(names), remarks, because)
    text = body("release", report, None, "https://github.com/octo/cat/actions/runs/1")
    assert len(text) <= 65_536
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) in (0, 2 + 3 * min(20, len(names)))
    assert all(row.replace("\\|", "").count("|") == 3 for row in rows)
    first, second, rest = text.split("\n", 2)
    assert first == MARK
    assert second.startswith("<!-- gatekit:state:")
    assert sum(line.startswith("- ") for line in text.splitlines()) == min(20, len(names))
    rendered = MarkdownIt("commonmark").enable("table").render(rest)
    assert "<!--" not in rendered
    assert set(re.findall(r"</?(\w+)", rendered)) <= MARKUP
    assert rendered.count("<a ") == 1


def test_a_report_that_is_too_long_is_cut_between_lines_and_says_so() -> None:
    markdown = "".join(f"| row {number} |\n" for number in range(20_000))
    text = body("release", PASS, markdown, None)
    assert len(text) <= 65_536
    assert "lines left out" in text
    assert "| row 0 |\n| row 1 |\n" in text
    assert all(line.endswith(" |") for line in text.splitlines() if line.startswith("| row"))


def test_a_marker_holds_nothing_but_an_identifier() -> None:
    assert marker("release") == MARK
    for text in ("a-->b", "", "A", "a b", "a\n", "-a"):
        with pytest.raises(ValueError, match="identifier"):
            marker(text)


@pytest.mark.parametrize("url", ["http://ghes.example", "ftp://ghes.example", "file:///etc/passwd", "ghes.example"])
def test_the_token_is_sent_nowhere_in_the_clear(url: str) -> None:
    with pytest.raises(UsageError, match="GITHUB_API_URL"):
        api({"GITHUB_API_URL": url, "GITHUB_TOKEN": "t"})


def test_an_enterprise_server_is_taken_from_the_environment() -> None:
    there = api({"GITHUB_API_URL": "https://ghes.example/api/v3/", "GITHUB_TOKEN": "t"})
    assert there.url == "https://ghes.example/api/v3"


REPORT = {
    "schema": "gatekit.pull_request/1",
    "verdict": "blocked",
    "exit_code": 2,
    "head": "a" * 40,
    "base": "b" * 40,
    "gates": {"failed": ["ood"], "inconclusive": []},
    "loosened": [],
}
PULL_REQUEST = {"pull_request": {"number": 7}}
RUN = {"workflow_run": {"id": 99, "conclusion": "failure", **FORK}}


def run(
    folder: Path, state: State, event: object, *options: str, report: object = REPORT, **env: str
) -> tuple[int, str]:
    (folder / "event.json").write_text(json.dumps(event))
    (folder / "report.json").write_text(json.dumps(report))
    environment = {
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_API_URL": state.url,
        "GITHUB_REPOSITORY": "octo/cat",
        "GITHUB_TOKEN": "t0ken",
        "no_proxy": "127.0.0.1",
        **env,
    }
    done = gatekit("comment", "--report", "report.json", *options, cwd=folder, env=environment)
    assert "t0ken" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_command_comments_on_the_pull_request_of_the_event(server: State, tmp_path: Path) -> None:
    code, said = run(tmp_path, server, PULL_REQUEST, "--id", "release")
    assert (code, said) == (0, "comment on octo/cat pull request 7: created\n")
    assert "`ood` | fails" in server.comments[0]["body"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_comment_that_fails_is_a_warning_and_exits_0(server: State, tmp_path: Path, status: int) -> None:
    server.failures = [(status, {})]
    code, said = run(tmp_path, server, PULL_REQUEST)
    assert code == 0
    assert said.startswith("::warning title=gatekit comment::no comment: ")


def test_after_the_run_of_a_fork_the_comment_goes_where_the_platform_says(server: State, tmp_path: Path) -> None:
    server.pulls = [{"label": "fork:patch", "number": 5, "head": {"sha": "a" * 40}}]
    code, said = run(tmp_path, server, RUN, report={**REPORT, "pull_request": 1, "number": 1})
    assert (code, said) == (0, "comment on octo/cat pull request 5: created\n")
    assert "https://github.com/octo/cat/actions/runs/99" in server.comments[0]["body"]


def test_a_run_whose_fork_was_deleted_gets_a_warning_and_no_comment(server: State, tmp_path: Path) -> None:
    code, said = run(tmp_path, server, {"workflow_run": {**RUN["workflow_run"], "head_repository": None}})
    assert code == 0
    assert "does not say which branch" in said
    assert server.requests == []


@pytest.mark.parametrize("event", [{}, {"pull_request": None}, {"pull_request": {"number": True}}])
def test_an_event_of_no_pull_request_exits_64(server: State, tmp_path: Path, event: object) -> None:
    assert run(tmp_path, server, event)[0] == 64


@pytest.mark.parametrize("event", [[], "x", {"workflow_run": {"head_repository": "gone"}}])
def test_a_file_that_is_no_event_exits_4(server: State, tmp_path: Path, event: object) -> None:
    assert run(tmp_path, server, event)[0] == 4


def test_one_module_reads_the_event_file() -> None:
    package = Path(gatekit_package.__file__).parent
    readers = [path for path in package.rglob("*.py") if "GITHUB_EVENT_PATH" in path.read_text()]
    assert [path.relative_to(package).as_posix() for path in readers] == ["github/event.py"]


def test_a_report_that_contradicts_its_run_is_not_shown(server: State, tmp_path: Path) -> None:
    forged = {**REPORT, "verdict": "pass", "exit_code": 0}
    code, said = run(tmp_path, server, RUN, report=forged)
    assert code == 0
    assert "not shown" in said
    assert server.requests == []


def test_markdown_of_another_run_is_refused(server: State, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("hello @everyone")
    code, _ = run(tmp_path, server, RUN, "--markdown", "report.md")
    assert code == 64
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "env"),
    [
        (["--id", "a-->b"], {}),
        (["--mode", "sometimes"], {}),
        ([], {"GITHUB_TOKEN": ""}),
        ([], {"GITHUB_REPOSITORY": "octo/cat/../dog"}),
        ([], {"GITHUB_EVENT_PATH": ""}),
    ],
)
def test_what_cannot_be_meant_exits_64(server: State, tmp_path: Path, options: list[str], env: dict[str, str]) -> None:
    code, _ = run(tmp_path, server, PULL_REQUEST, *options, **env)
    assert code == 64


@pytest.mark.parametrize("report", [{}, [], {**REPORT, "verdict": "excellent"}, {**REPORT, "gates": []}])
def test_a_file_that_is_no_report_exits_4(server: State, tmp_path: Path, report: object) -> None:
    assert run(tmp_path, server, PULL_REQUEST, report=report)[0] == 4
    assert server.requests == []


def test_the_modes_are_those_of_the_documentation() -> None:
    assert MODES == ("always", "on-change", "on-failure", "never")


def test_a_comment_says_which_base_judged() -> None:
    report = Judgement("pass", 0, "a" * 40, (), (), (), (), None, "b" * 40)
    text = body("demo", report, None, None)
    assert f"Judged: `{'a' * 12}`, by base `{'b' * 12}`" in text
    assert "by base" not in body("demo", Judgement("pass", 0, "a" * 40, (), (), (), ()), None, None)


def test_each_project_of_a_repository_has_a_comment_of_its_own(server: State, tmp_path: Path) -> None:
    for root in ("", "packages/sae", "packages/sae"):
        run(tmp_path, server, PULL_REQUEST, report={**REPORT, "root": root})
    markers = [comment["body"].partition("\n")[0] for comment in server.comments]
    assert markers == ["<!-- gatekit:v1:gate -->", "<!-- gatekit:v1:gate-packages-sae -->"]
