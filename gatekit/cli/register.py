"""`gatekit register`: announce what will be measured, on which seeds and at which looks, before it is measured."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

import rich_click as click

from gatekit.cli.inputs import load_kinds
from gatekit.errors import UsageError
from gatekit.evidence.several_files import write_together
from gatekit.registration.model import DEFAULT_SPENDING, FOLDER, Spending
from gatekit.registration.reading import SPENDINGS, parse_registration
from gatekit.registration.writing import Announced, registration_text

CONFIDENCE = 0.95
"""At which the levels of the looks are shown; a policy says its own."""
MOST_SEEDS = 10_000


@click.command("register")
@click.option("--claim", required=True, metavar="ID", help="The claim of claims.yaml that will be measured.")
@click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="[RUNNER=]FILE",
    help="A runner's configuration (repeatable); RUNNER is else the name of the file's folder.",
)
@click.option("--like", "pilots", multiple=True, metavar="SUMMARY", help="As this summary was measured (repeatable).")
@click.option(
    "--protocol", "protocols", multiple=True, metavar="KIND=NAME", help="Another tool's protocol (repeatable)."
)
@click.option("--seeds", required=True, metavar="LIST", help="Which seeds, in order: 0-14, or 0,1,2,7.")
@click.option("--looks", metavar="LIST", help="After how many seeds it may be judged: 5,10,15. Default: after all.")
@click.option(
    "--spending",
    type=click.Choice(SPENDINGS),
    default=DEFAULT_SPENDING,
    show_default=True,
    help="How the looks share the error: obrien_fleming keeps nearly all for the last, equal gives each the same.",
)
@click.option("--candidate", "candidates", multiple=True, metavar="NAME", help="What is compared (repeatable).")
@click.option("--id", "identifier", metavar="ID", help="Default: the claim's.")
@click.option("--out", metavar="FILE", help="Default registrations/ID.yaml; - is stdout.")
def command(
    claim: str,
    configs: tuple[str, ...],
    pilots: tuple[str, ...],
    protocols: tuple[str, ...],
    seeds: str,
    looks: str | None,
    spending: Spending,
    candidates: tuple[str, ...],
    identifier: str | None,
    out: str | None,
) -> None:
    """Write a registration: what will be measured, on which seeds and at which looks.

    Commit it to the base branch before the runs start; then evidence at its looks is no longer exploratory, and each
    look pays its share of the error.
    """
    kinds = load_kinds()
    numbers = _seeds(seeds)
    measured = [*_of_configs(configs), *_of_pilots(pilots), *_of_protocols(protocols)]
    if not measured:
        raise UsageError("nothing to register", "name a runner's --config, a summary --like, or a --protocol")
    measured, named = _with_candidates(measured, candidates)
    found_looks = _numbers(looks, "--looks") if looks is not None else [len(numbers)]
    name = identifier or claim
    text = registration_text(name, claim, measured, numbers, found_looks, spending, named)
    # What could not be read back is not written; the message says which option is wrong.
    registration = parse_registration(text.encode("utf-8"), out or f"{FOLDER}/{name}.yaml", kinds)
    if out == "-":
        click.echo(text, nl=False)
        return
    path = out or f"{FOLDER}/{name}.yaml"
    if os.path.lexists(path):
        raise UsageError(
            f"there is already a file at '{path}'", "give --id or --out; a registration is not overwritten"
        )
    write_together({Path(path): text.encode("utf-8")}, replace=False, remedy="give --id or --out")
    click.echo(f"{path}: {len(registration.seeds)} seeds, {len(registration.measurements)} measurements")
    for line in look_lines(registration.looks, registration.spending, registration.choices):
        click.echo(f"  {line}")
    click.echo("Commit it to the base branch, and then start the runs.")


def look_lines(looks: Sequence[int], spending: Spending, choices: int) -> list[str]:
    """Return a line per look: its seeds and what a gate at 0.95 asks of it."""
    from gatekit.stats import selection_confidence
    from gatekit.stats.spending import look_alphas

    alphas = look_alphas(selection_confidence(CONFIDENCE, choices), looks, spending)
    paid = f", the best of {choices} paid for" if choices > 1 else ""
    return [
        f"look {number} of {len(looks)} at {seeds} seeds: a gate at {CONFIDENCE:g} is judged at {1 - alpha:.6g}{paid}"
        for number, (seeds, alpha) in enumerate(zip(looks, alphas, strict=True), 1)
    ]


def _seeds(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,10})(?:-([0-9]{1,10}))?\s*", part, re.ASCII)
        if match is None:
            raise UsageError(f"--seeds '{text}' is no list of seeds", "write 0-14, or 0,1,2,7")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"--seeds '{part.strip()}' goes from {first} to {last}", "write the smaller one first")
        if len(found) + last - first >= MOST_SEEDS:
            raise UsageError(f"--seeds names more than {MOST_SEEDS} seeds", "register those that will be measured")
        found += range(first, last + 1)
    return found


def _numbers(text: str, option: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch("[0-9]{1,6}", part, re.ASCII) for part in parts):
        raise UsageError(f"{option} '{text}' is no list of numbers", "write 5,10,15")
    return [int(part) for part in parts]


def _of_configs(configs: Sequence[str]) -> list[Announced]:
    from gatekit.evidence.config_digest import config_without_seeds_sha256
    from gatekit.runner_command import configurations

    found = []
    for given in configs:
        runner, told, path = given.rpartition("=")
        runner = runner if told else os.path.basename(os.path.dirname(os.path.abspath(path)))
        if not os.path.isfile(path):
            raise UsageError(f"no configuration at '{path}'")
        for cell, kind, recorded in configurations(runner, path):
            digest = config_without_seeds_sha256(recorded)
            found.append(Announced(kind, digest, None, cell.strip("/").replace("/", "_") or PurePath(path).stem, path))
    return found


def _of_pilots(pilots: Sequence[str]) -> list[Announced]:
    from gatekit.evidence import read_summary
    from gatekit.evidence.config_digest import config_without_seeds_sha256

    kinds, found = load_kinds(), []
    for path in pilots:
        summary = read_summary(path, kinds)
        digest = config_without_seeds_sha256(summary.config)
        name = os.path.basename(os.path.dirname(os.path.abspath(path)))
        found.append(Announced(summary.kind, digest, None, name, path))
    return found


def _of_protocols(protocols: Sequence[str]) -> list[Announced]:
    found = []
    for given in protocols:
        kind, told, name = given.partition("=")
        if not told or not name:
            raise UsageError(f"--protocol '{given}' names no protocol", "write KIND=NAME")
        found.append(Announced(kind, None, name, name, given))
    return found


def _with_candidates(measured: list[Announced], named: tuple[str, ...]) -> tuple[list[Announced], tuple[str, ...]]:
    """Name the candidates where one kind is measured in several ways; else measurements belong to all of them."""
    from dataclasses import replace

    kinds = [one.kind for one in measured]
    if len(set(kinds)) == len(kinds):
        return [replace(one, candidate=None) for one in measured], named
    several = {kind for kind in kinds if kinds.count(kind) > 1}
    own = [one.candidate if one.kind in several else None for one in measured]
    names = list(dict.fromkeys(name for name in own if name is not None))
    if named and len(named) == max(kinds.count(kind) for kind in several):
        # The user's names, in the order in which the configurations of each kind were given.
        seen: dict[str, int] = {}
        for index, one in enumerate(measured):
            if one.kind in several:
                own[index] = named[seen.get(one.kind, 0)]
                seen[one.kind] = seen.get(one.kind, 0) + 1
        names = list(named)
    return [replace(one, candidate=name) for one, name in zip(measured, own, strict=True)], tuple(names)
