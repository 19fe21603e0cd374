"""Every `gatekit` command line of the documentation names commands, options and choices that exist. None is run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from reading_pages import PAGES, ROOT, Code, code_blocks, code_spans

from gatekit.cli.commands import group

# docs/reference/ is written from the program, with usage lines that are no command lines.
READ = [page for page in PAGES if ROOT / "docs" / "reference" not in page.parents]
_TYPED = re.compile(r"^\s*(?:\$ |(?:- )?run: )?(?=(?:\S*/)?gatekit\s+[\w-])")
_NOT_TYPED = ("mermaid", "diff", "markdown")


def typed(block: Code) -> list[str]:
    """The command lines of a block: all in which gatekit comes first, in a console only those after a prompt."""
    if block.language in _NOT_TYPED:
        return []
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    if block.language == "console":
        lines = [line for line in lines if line.startswith("$ ")]
    return [_TYPED.sub("", line) for line in lines if _TYPED.match(line)]


def words(line: str) -> list[str]:
    """The arguments of gatekit up to a comment, a pipe or whatever else the shell takes for itself."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[str] = []
    for word in lexer:
        if set(word) <= set("();<>|&"):
            break
        found.append(word)
    return found[1:]


def fault(arguments: list[str], whole: bool = True) -> str | None:
    """What click would say of the arguments before it ran anything; None where it would run.

    Args:
        arguments: the words after `gatekit`.
        whole: whether what the command and its options need must be there, and no NAME stand for a choice.
    """
    command: click.Command = group
    context = click.Context(group, info_name="gatekit")
    rest = list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        if found is None:
            return f"no command '{rest[0]}' of {context.command_path}"
        context = click.Context(found, info_name=rest.pop(0), parent=context, **found.context_settings)
        command = found
    try:
        given, extra, _ = command.make_parser(context).parse_args(args=rest)
        if extra:
            return f"too many arguments: {' '.join(extra)}"
        for parameter in command.params:
            value = given.get(parameter.name or "")
            placeholder = isinstance(value, str) and value.isupper()
            if isinstance(parameter.type, click.Choice) and isinstance(value, str) and (whole or not placeholder):
                parameter.type.convert(value, parameter, context)
            if whole and parameter.required and not isinstance(value, str | list | tuple):
                return f"{parameter.human_readable_name} is missing"
    except click.BadOptionUsage as error:
        return error.format_message() if whole else None  # the text may name an option without its value
    except click.UsageError as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("page", READ, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_line_of_a_page_is_one_that_gatekit_takes(page: Path) -> None:
    lines = [(block.line, line) for block in code_blocks(page) for line in typed(block)]
    wrong = [f"block at line {start}: {line}: {said}" for start, line in lines if (said := fault(words(line)))]
    assert wrong == []


@pytest.mark.parametrize("page", READ, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_the_text_mentions_exists_with_its_options(page: Path) -> None:
    lines = [span for span in code_spans(page) if re.match(r"gatekit [a-z]", span)]
    wrong = [f"{line}: {said}" for line in lines if (said := fault(words(line), whole=False))]
    assert wrong == []


def test_the_pages_show_many_command_lines() -> None:
    assert sum(len(typed(block)) for page in READ for block in code_blocks(page)) > 50


@pytest.mark.parametrize(
    "line",
    [
        "gatekit chekc",
        "gatekit check --polciy p.yaml",
        "gatekit check --policy",
        "gatekit claims chekc",
        "gatekit explain",
        "gatekit stale --why=yes",
        "gatekit init --template reproducible",
        "gatekit badge a.json b.json | cat",
        "$ .venv/bin/gatekit check --nwo x # judged",
    ],
)
def test_a_command_line_that_gatekit_would_refuse_is_found(line: str) -> None:
    (found,) = typed(Code(1, "sh", line + "\n"))
    assert fault(words(found)) is not None


def test_a_command_line_goes_on_after_a_backslash_and_ends_at_a_pipe() -> None:
    (found,) = typed(Code(1, "console", "$ gatekit check a.yaml \\\n    --nwo x | grep --colour b\ngatekit chekc\n"))
    assert words(found) == ["check", "a.yaml", "--nwo", "x"]
