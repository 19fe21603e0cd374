"""`gatekit completion`, and the completions themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acceptance.console_script import SCRIPT, environment, gatekit, workspace


def complete(*words: str, cwd: Path) -> list[str]:
    """What the shell is offered for the last word."""
    env = {"_GATEKIT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = gatekit(cwd=cwd, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_gatekit(tmp_path: Path, shell: str) -> None:
    done = gatekit("completion", shell, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_GATEKIT_COMPLETE={shell}_complete" in done.stdout


def test_the_help_shows_each_shells_line_as_it_is_written(tmp_path: Path) -> None:
    text = gatekit("completion", "--help", cwd=tmp_path, env={"COLUMNS": "100"}).stdout
    assert "\\b" not in text and "\b" not in text
    assert any(
        line.strip() == "fish   gatekit completion fish | source       in ~/.config/fish/config.fish"
        for line in text.splitlines()
    )


def test_a_missing_shell_is_said_on_one_line(tmp_path: Path) -> None:
    done = gatekit("completion", cwd=tmp_path)
    assert done.returncode == 64
    assert "Choose from: bash, zsh, fish" in done.stderr
    assert "\\n" not in done.stderr and "\\t" not in done.stderr


def test_an_unknown_shell_exits_64(tmp_path: Path) -> None:
    assert gatekit("completion", "csh", cwd=tmp_path).returncode == 64


def test_commands_options_and_gates_are_completed(tmp_path: Path) -> None:
    workspace(tmp_path)
    assert complete("gatekit", "ch", cwd=tmp_path) == ["check"]
    assert "--evidence" in complete("gatekit", "check", "--e", cwd=tmp_path)
    assert complete("gatekit", "explain", "", cwd=tmp_path) == ["random_model", "health"]
    assert complete("gatekit", "import", "hu", cwd=tmp_path) == ["husai"]
    assert complete("gatekit", "run", "ra", cwd=tmp_path) == ["random_model"]
    assert complete("gatekit", "schema", "po", cwd=tmp_path) == ["policy"]
    assert complete("gatekit", "check", "--output", "j", cwd=tmp_path) == ["json=", "junit="]
    assert complete("gatekit", "pr", "--output", "j", cwd=tmp_path) == ["json="]


@pytest.mark.parametrize(
    "words",
    [
        ("check", "pol"),
        ("check", "--policy", "pol"),
        ("check", "--evidence", "ev"),
        ("lint", ""),
        ("pr", "--root", "pa"),
        ("badge", "rep"),
        ("claims", "check", "--claims", "cl"),
        ("init", "--saes", "sa"),
    ],
)
def test_where_a_path_is_taken_the_shell_completes_files(tmp_path: Path, words: tuple[str, ...]) -> None:
    given = ("gatekit", *words)
    env = {"_GATEKIT_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(given), "COMP_CWORD": str(len(given) - 1)}
    assert gatekit(cwd=tmp_path, env=env).stdout == f"file,{words[-1]}\n"


def test_a_broken_policy_does_not_break_completion(tmp_path: Path) -> None:
    assert complete("gatekit", "explain", "", cwd=workspace(tmp_path, policy="gates: [")) == []


def test_an_unknown_request_for_completions_is_not_answered_with_success(tmp_path: Path) -> None:
    assert gatekit(cwd=tmp_path, env={"_GATEKIT_COMPLETE": "csh_complete"}).returncode == 64


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_a_bash_that_sourced_the_script_completes_a_command(tmp_path: Path) -> None:
    script = """
eval "$(gatekit completion bash)"
complete -p gatekit
COMP_WORDS=(gatekit ch) COMP_CWORD=1
_gatekit_completion gatekit ch gatekit
printf '%s\\n' "${COMPREPLY[@]}"
"""
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-euc", script],
        cwd=tmp_path,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "check"


TYPED = {
    "gatekit ch": "gatekit check",
    "gatekit check --evidence ev": "gatekit check --evidence evidence/",
    "gatekit check --evidence=ev": "gatekit check --evidence=evidence/",
    "gatekit check --output js": "gatekit check --output json=",
    "gatekit check --output json=ev": "gatekit check --output json=evidence/",
    "gatekit check --policy policies/wi": "gatekit check --policy policies/with, comma.yaml",
    "gatekit digest 0=ev": "gatekit digest 0=evidence/",
    "gatekit history --gate he": "gatekit history --gate health",
}
"""What is typed before the tabulator, and what stands there after it."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    workspace(tmp_path)
    (tmp_path / "policies" / "with, comma.yaml").touch()
    return tmp_path


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_a_fish_that_sourced_the_script_completes_commands_options_and_paths(project: Path) -> None:
    asked = "".join(f"complete --do-complete '{typed}'; echo ==;" for typed in TYPED)
    done = in_shell(project, "fish", "--no-config", "-c", f"gatekit completion fish | source; {asked}")
    offered = [answer.strip().partition("\t")[0] for answer in done.split("==\n")][: len(TYPED)]
    assert offered == [after.rpartition(" ")[2] if "," not in after else after[23:] for after in TYPED.values()]


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_shows_what_a_command_is_for_beyond_its_first_comma(project: Path) -> None:
    script = "gatekit completion fish | source; complete --do-complete 'gatekit claims ch'"
    assert in_shell(project, "fish", "--no-config", "-c", script).startswith(
        "check\tCheck every bound number, every sentence"
    )


@pytest.mark.parametrize(
    ("shell", "begin"),
    [
        (("bash", "--noprofile", "--norc", "-i"), ""),
        (("zsh", "-f", "-i"), "autoload -Uz compinit; compinit -u; "),
    ],
    ids=["bash", "zsh"],
)
def test_a_person_at_a_shell_gets_words_and_paths_by_the_tabulator(
    project: Path, shell: tuple[str, ...], begin: str
) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    with at_terminal(project, *shell) as terminal:
        ready = "echo re''ady"  # what is typed is echoed too
        os.write(terminal, f'{begin}eval "$(gatekit completion {shell[0]})"; {ready}\n'.encode())
        assert seen(terminal, "ready") is not None
        for typed, after in TYPED.items():
            os.write(terminal, f"{typed}\t".encode())
            assert seen(terminal, after) is not None, typed
            os.write(terminal, b"\x15")  # the line is taken back


def in_shell(folder: Path, *command: str) -> str:
    """What a shell prints that finds gatekit on its path."""
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    env = environment(PATH=path, HOME=str(folder))
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=True).stdout


@contextmanager
def at_terminal(folder: Path, *command: str) -> Iterator[int]:
    """A shell at a terminal; what is written to the descriptor is typed."""
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    ours, its = pty.openpty()
    env = environment(PATH=path, HOME=str(folder), TERM="dumb", COLUMNS="200")
    shell = subprocess.Popen(command, cwd=folder, env=env, stdin=its, stdout=its, stderr=its, start_new_session=True)
    try:
        yield ours
    finally:
        shell.kill()
        shell.wait()
        os.close(its)
        os.close(ours)


def seen(terminal: int, text: str) -> str | None:
    """What the terminal shows, without backslashes, until the text stands there; None where it does not come."""
    shown = ""
    while text not in shown:
        if not select.select([terminal], [], [], 30)[0]:
            return None
        shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\x07\\]", "", os.read(terminal, 65536).decode(errors="replace"))
    return shown
