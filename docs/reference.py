"""Writes docs/reference/ from the program: every command with its options, every kind with its measures, every schema.

python docs/reference.py           # writes the pages
python docs/reference.py --check   # exits 1 when a page is not what the program says now
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gatekit.cli.commands import group
from gatekit.cli.examples import EXAMPLES
from gatekit.cli.root import HELP as ROOT_HELP
from gatekit.evidence.schemas import schema_names, schema_text
from gatekit.exit_codes import ExitCode
from gatekit.kinds import Kind, Kinds, MeasureSpec
from gatekit.kinds.lookup import BUILT_IN
from gatekit_husai.importing.assignment_kind import KIND as HUSAI_KIND

FOLDER = Path(__file__).resolve().parent / "reference"
WRITTEN_BY = "This page is written by `python docs/reference.py`; a test compares it with the program."


def commands_page() -> str:
    """Every command that `gatekit --help` lists, in its order, with those below it."""
    context = click.Context(group, info_name="gatekit")
    blocks = [
        "# Commands",
        f"{WRITTEN_BY} `gatekit COMMAND --help` says the same.",
        f"Every command takes `--root DIR`. {ROOT_HELP}",
        "Every command exits with one of these codes:",
        _table(("code", "name", "when"), _exit_codes()),
    ]
    for found, below in _walk(group, context):
        blocks.extend(_command_blocks(found, below))
    return "\n\n".join(blocks) + "\n"


def _exit_codes() -> list[tuple[str, ...]]:
    """The codes with their docstrings, which are only in the source."""
    members = re.findall(r'^    (\w+) = (\d+)\n    """(.*?)"""$', inspect.getsource(ExitCode), re.MULTILINE)
    assert len(members) == len(ExitCode), "every exit code has a docstring of one line"
    return [(code, name.lower().replace("_", " "), _cell(about)) for name, code, about in members]


def _walk(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """A group's commands, each before those below it."""
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is None or found.hidden:
            continue
        below = click.Context(found, info_name=name, parent=context)
        yield found, below
        yield from _walk(found, below)


def _command_blocks(command: click.Command, context: click.Context) -> list[str]:
    level = "#" * (context.command_path.count(" ") + 1)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    blocks = [f"{level} {context.command_path}", f"```text\n{usage}\n```", *_paragraphs(command.help or "")]
    options = [
        (_code(record[0]), _cell(record[1]))
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden and option.help != ROOT_HELP
        if (record := option.get_help_record(context)) is not None
    ]
    if options:
        blocks.append(_table(("option", "meaning"), options))
    examples = EXAMPLES.get(context.command_path.partition(" ")[2])
    if examples is not None:
        blocks += ["For example:", "```sh\n" + "\n".join(examples) + "\n```"]
    return blocks


def _paragraphs(text: str) -> list[str]:
    """The help of a command: one line a paragraph, except where click's mark says to keep its lines."""
    found = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            lines = paragraph.removeprefix("\b").strip("\n")
            found.append(f"```text\n{lines}\n```")
        else:
            found.append(_prose(" ".join(paragraph.split())))
    return found


def kinds_page() -> str:
    """Every kind that gatekit brings, with what it measures; not those of other packages that are installed."""
    kinds = Kinds()
    blocks = [
        "# Kinds and their measures",
        f"{WRITTEN_BY} `gatekit schema KIND --table` prints one of these tables, also of your own kinds "
        "([kinds.md](../kinds.md)).",
        "The last column has the unit of one observation, its range, which way is better, what there is one of "
        "([design](../statistics.md)), and whether a baseline's is subtracted: then a threshold is about the "
        "difference, and the range is that of each side.",
    ]
    for kind in [*(kinds.named(name) for name in BUILT_IN), HUSAI_KIND]:
        blocks.extend(_kind_blocks(kind))
    return "\n\n".join(blocks) + "\n"


def _kind_blocks(kind: Kind) -> list[str]:
    published = f"Schema: [{kind.name}.schema.json](../../schemas/{kind.name}.schema.json)."
    where = published if kind.name in BUILT_IN else f"Schema: `gatekit schema {kind.name}`."
    return [
        f"## {kind.name}",
        f"{_prose(kind.description)} {where}",
        _table(("measure", "what it is", "one observation"), [_measure_row(measure) for measure in kind.measures]),
    ]


def _measure_row(measure: MeasureSpec) -> tuple[str, ...]:
    unit = "no unit" if measure.unit == "1" else _cell(measure.unit)
    values = f"{unit}, {measure.low:.12g} to {measure.high:.12g}, {measure.direction} is better, `{measure.design}`"
    compared = ", minus a baseline's" if measure.compares else ""
    return _code(measure.name), _cell(measure.description), values + compared


def schemas_page() -> str:
    """Every published schema, with the fields at the top of the documents that it describes."""
    blocks = [
        "# Schemas",
        f"{WRITTEN_BY} `gatekit schema NAME` prints a schema; editors with a YAML language server complete by it. "
        "Those of a kind of summary are listed under [kinds](kinds.md).",
    ]
    for name in schema_names():
        if name not in BUILT_IN:
            blocks.extend(_schema_blocks(name))
    return "\n\n".join(blocks) + "\n"


def _schema_blocks(name: str) -> list[str]:
    schema = json.loads(schema_text(name))
    required = schema.get("required", [])
    fields = [
        (_code(field), "yes" if field in required else "no", _cell(about.get("description", "")))
        for field, about in schema.get("properties", {}).items()
    ]
    file = f"[{name}.schema.json](../../schemas/{name}.schema.json)"
    return [
        f"## {name}",
        f"{_prose(schema['description'])} File: {file}.",
        _table(("field", "required", "what it is"), fields),
    ]


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _cell(text: str) -> str:
    return _prose(" ".join(text.split())).replace("|", "\\|")


def _prose(text: str) -> str:
    """Text that reads the same as Markdown: outside `code`, what Markdown would take as markup is escaped."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_<>\[\]])", r"\\\1", part) for part in parts)


PAGES = {"commands.md": commands_page, "kinds.md": kinds_page, "schemas.md": schemas_page}


def main() -> int:
    """Write the pages, or compare them."""
    FOLDER.mkdir(exist_ok=True)
    different = []
    for name, page in PAGES.items():
        path = FOLDER / name
        text = page()
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                different.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
