"""How the script of a workflow's step may end in success although gatekit, which it runs, does not.

Scripts of bash and sh are read line by line, for the ways in which a failure gets lost that are usual; a shell is not
written anew here. What a script in another shell does with a failure is not known, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_GATE = re.compile(r"\bgatekit[ \t]+[a-z-]", re.ASCII)
"""A command of it, and not its installation."""
_SHELL = re.compile(r"(\S*/)?(bash|sh)(\s.*)?", re.ASCII)
_FAILS = re.compile(r"\bexit\s+([1-9]|\"?\$)", re.ASCII)
"""Ends a script with another code than 0, or with one that was kept."""
_ENDS_WITH_KEPT = re.compile(r"\bexit\s+\"?\$", re.ASCII)
_ENDS_WELL = re.compile(r"\bexit\b(?!\s+([1-9]|\"?\$))", re.ASCII)
_TRAP = re.compile(r"^\s*trap\s.*\s(EXIT|ERR|0)\s*$", re.ASCII | re.MULTILINE)
_CONDITION = re.compile(r"^\s*(if|elif|while|until|!)\s", re.ASCII)
_THEN = re.compile(r";\s*(then|do)\s", re.ASCII)
_ONE_PIPE = re.compile(r"(?<!\|)\|(?!\|)", re.ASCII)
_BACKGROUND = re.compile(r"(?<![&>])&(?![&>\d])", re.ASCII)
_WAITS = re.compile(r"\bwait\s+(-\w\s+)?\"?\$", re.ASCII)
"""For one process, whose code it then has; without one it ends in 0."""
_INSIDE = re.compile(r"([$<>]\(|`)[^)`]*$", re.ASCII)
"""Before a command whose output is put into another one, which alone decides how the line ends."""
_ASSIGNED = re.compile(r"^\s*\w+=\"?(\$\(|`)[^)`]*$", re.ASCII)
"""A variable alone: the line ends as the command does."""
_PIPEFAIL = re.compile(r"\bset\s[^\n#]*pipefail", re.ASCII)
_COMMAND = re.compile(r"\bgatekit[ \t]+([a-z-]+)", re.ASCII)
_ANOTHER = re.compile(r"^\s*(function\s+gatekit\b|gatekit\s*\(\)|alias\s+gatekit=)", re.ASCII | re.MULTILINE)
"""A function or an alias that is run in its place."""
_HELP = re.compile(r"\s(--help|-h|--version)\b", re.ASCII)
_RUNS_NOTHING = re.compile(r"\s-\w*[nc]", re.ASCII)
"""Options of a shell by which it only reads the script, or runs another."""
_BLOCK_ENDS = re.compile(r"^\s*(\}|\)|fi\b|done\b|esac\b)\s*\|\|", re.ASCII | re.MULTILINE)
_OPENS, _CLOSES = re.compile(r"(^|;|\n)\s*(if|case)\s", re.ASCII), re.compile(r"(^|;|\n)\s*(fi|esac)\b", re.ASCII)
_NO_ERREXIT = re.compile(r"\bset\s+\+(e|o\s+errexit)", re.ASCII)


def judges(script: str) -> bool:
    """Whether a script runs a command of gatekit."""
    return bool(_GATE.search(_joined(script)))


def commands(script: str) -> set[str]:
    """Return which commands of gatekit a script runs."""
    return set(_COMMAND.findall(_joined(script)))


def script_silences(script: str, shell: str) -> Iterator[str]:
    """Yield how a script may end in 0 although gatekit, which it runs, does not.

    Args:
        script: what a step runs.
        shell: as the workflow writes it; empty for the default of Linux, which has -e and no pipefail.
    """
    if shell and not _SHELL.fullmatch(shell):
        yield f"the script that judges is one for {shell.split()[0]!r}, of which is not known whether it fails"
        return
    if shell and (("{0}" not in shell and " " in shell) or _RUNS_NOTHING.search(shell.partition("{0}")[0])):
        yield f"the shell {shell!r} does not run the script that judges"
    lines = [line for line in _joined(script).split("\n") if not line.lstrip().startswith("#")]
    places = [place for place, line in enumerate(lines) if _GATE.search(line)]
    for place in places:
        yield from _line_silences(lines, place, shell)
    judging = [lines[place] for place in places]
    if any("--advisory" in line for line in judging):
        yield "the step that judges is advisory: it never fails"
    whole = "\n".join(lines)
    if _ANOTHER.search(whole):
        yield "the script that judges says itself what `gatekit` is"
    if any(_HELP.search(line.partition("gatekit")[2]) for line in judging):
        yield "the script asks for help or a version, which judges nothing"
    if places and _ENDS_WELL.search("\n".join(lines[: places[0]])) and not _TRAP.search(whole):
        yield "the script may end in success before it judges"
    if judging and _TRAP.search(whole) and _ENDS_WELL.search(whole):
        yield "the script that judges ends by a trap of its own"
    if any(_BACKGROUND.search(line.partition("gatekit")[2]) for line in judging) and not _WAITS.search(whole):
        yield "the script that judges does not wait for it"
    piped = any(_ONE_PIPE.search(line.partition("gatekit")[2]) for line in judging)
    if piped and shell != "bash" and "pipefail" not in shell and not any(_PIPEFAIL.search(line) for line in lines):
        yield "the script that judges pipes it on without pipefail"


def _joined(script: str) -> str:
    """Return a script with lines that go on in the next one joined."""
    return script.replace("\\\n", " ")


def _line_silences(lines: list[str], place: int, shell: str) -> Iterator[str]:
    """Yield how the failure of gatekit on one line gets lost there, or in what follows."""
    # What stands before gatekit decides nothing about what becomes of its exit code, but whether it is run, and where
    # its output goes.
    found = _GATE.search(lines[place])
    start = 0 if found is None else found.start()
    before, behind = lines[place][:start], lines[place][start + len("gatekit") :]
    later = "\n".join(lines[place + 1 :])
    if "||" in behind and not _FAILS.search(behind) and not _ENDS_WITH_KEPT.search(later):
        yield "the script that judges swallows its failure by ||"
    # Bash goes on when what fails is not the last command of a list.
    elif "&&" in behind and later.strip() and not _FAILS.search(later):
        yield "the script that judges swallows its failure by &&, and goes on"
    elif "&&" in before.rpartition(";")[2] and later.strip() and not _FAILS.search(later):
        yield "the script that judges goes on where what stands before && fails"
    if "||" in before.rpartition(";")[2]:
        yield "the script judges only where what stands before || fails"
    around = "\n".join([*lines[:place], before])
    asked = bool(_CONDITION.match(lines[place])) and not _THEN.search(before)
    inside = len(_OPENS.findall(around)) > len(_CLOSES.findall(around)) and not asked
    if inside and not _FAILS.search(later):
        yield "the script judges only on a condition"
    if _BLOCK_ENDS.search(later) and not _FAILS.search(later) and not _ENDS_WITH_KEPT.search(later):
        yield "the script that judges swallows the failure of a block by ||"
    if asked and not _FAILS.search(f"{behind}\n{later}"):
        yield "the script that judges takes its failure for a condition"
    if _INSIDE.search(before) and not _ASSIGNED.match(before):
        yield "the script that judges puts its output into another command, whose end alone counts"
    goes_on = _NO_ERREXIT.search("\n".join([*lines[:place], before])) or (
        "{0}" in shell and not re.search(r"\s-\w*e", shell)
    )
    after_it = f"{behind.partition(';')[2]}\n{later}"
    if goes_on and after_it.strip() and not _FAILS.search(after_it):
        yield "the script that judges goes on after an error"
