"""`gatekit claims`: is what the documents publish carried by the evidence?"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TypeVar

import rich_click as click

from gatekit.candidates.finding_files import candidate_paths, parse_candidates
from gatekit.candidates.price import CandidatePools, ChoicePrice, paid
from gatekit.claims import (
    CheckResult,
    ClaimsDocument,
    Finding,
    Registry,
    check,
    find_strays,
    read_documents,
    read_registry,
    read_written,
    rewrite,
)
from gatekit.claims.model import Claim
from gatekit.cli.inputs import EVIDENCE, POLICIES, load_evidence, load_kinds, load_policies, the_time
from gatekit.cli.project_above import project_above
from gatekit.cli.registered import load_standings
from gatekit.cli.signatures import load_signers
from gatekit.errors import GatekitError, Location, UsageError, without_frames
from gatekit.evidence import Summary
from gatekit.evidence.folder_limits import CANDIDATE_FILES, beyond
from gatekit.evidence.strict_json import Document, read_regular_file
from gatekit.exit_codes import ExitCode, worst
from gatekit.gates.evaluate import judged_by
from gatekit.gates.verdict import WORDS
from gatekit.kinds import Kinds
from gatekit.policy import Policy
from gatekit.policy.model import kinds_read
from gatekit.report import inert
from gatekit.report.first_problems import first_errors, first_problems

Command = TypeVar("Command", bound=Callable[..., object])

REGISTRY = "claims.yaml"
LINE = 1000
"""Characters shown of one finding."""


@dataclass(frozen=True)
class _Documents:
    """A registry and the documents that its rules name."""

    registry: Registry
    root: str
    """The registry's folder, "" for the current one."""
    kinds: Kinds
    documents: list[ClaimsDocument]
    errors: list[GatekitError]


def _claims_option(command: Command) -> Command:
    return click.option("--claims", "path", metavar="FILE", default=REGISTRY, help=f"Registry; default {REGISTRY}.")(
        command
    )


def _evidence_option(command: Command) -> Command:
    return click.option(
        "--evidence",
        multiple=True,
        metavar="DIR",
        help="Folder, file or pattern of summaries (repeatable); default evidence/ beside the registry.",
    )(command)


def _policy_options(command: Command) -> Command:
    policy = click.option(
        "--policy",
        "policies",
        multiple=True,
        metavar="FILE",
        help="Policy file or folder; default policies/ beside the registry.",
    )
    now = click.option("--now", metavar="TIME", help="Judge ages and waivers at this UTC time.")
    return policy(now(command))


@click.group("claims")
def command() -> None:
    """Tie what documents publish to the evidence behind it.

    claims.yaml registers each claim; documents bind sentences and numbers to it with comments that Markdown hides, or
    show them by name from a file that sync writes (LaTeX, Typst).
    """


@command.command("check")
@_claims_option
@_evidence_option
@_policy_options
def check_command(path: str, evidence: Sequence[str], policies: Sequence[str], now: str | None) -> int:
    """Check every bound number, every sentence and every status against the evidence.

    Exit 2 for a number that is not the evidence's or a supported claim whose gate fails, 3 where evidence is missing,
    4 where registry, documents or policies are malformed or disagree, 64 where there is no registry.
    """
    checked = _checked(path, evidence, policies, now)
    _print_findings(sorted(checked.findings, key=lambda f: _order(f.location)))
    for number in checked.context:
        _print(
            f"{number.location}: {number.printed} is context: no gate of claim '{number.claim}' judges {number.shows}"
        )
    counted = (
        f"{_count(len(checked.claims), 'claim')} and {_count(checked.numbers, 'bound number')} "
        f"in {_count(checked.documents, 'document')}"
    )
    problems = f", {_count(len(checked.findings), 'problem')}" if checked.findings else ", carried by the evidence"
    return _verdict(checked.code, counted + problems)


@command.command("list")
@_claims_option
@_evidence_option
@_policy_options
def list_command(path: str, evidence: Sequence[str], policies: Sequence[str], now: str | None) -> None:
    """Print each claim with its status, the outcomes of its gates and where it stands."""
    checked = _checked(path, evidence, policies, now)
    rows = [("claim", "status", "policy", "gates", "stands at")]
    for state in checked.claims:
        gates = ", ".join(f"{name} {'unknown' if found is None else found.value}" for name, found in state.outcomes)
        places = ", ".join(f"{place.path}:{place.line}" for place in state.places) or "nowhere"
        rows.append((state.claim.id, state.claim.status, state.claim.policy, gates, places))
    shown = [[inert.terminal(cell, limit=LINE) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(rows[0]))]
    for row in shown:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if checked.findings:
        click.echo(f"{_count(len(checked.findings), 'problem')}: see `gatekit claims check`")


@command.command("sync")
@_claims_option
@_evidence_option
@click.option("--dry-run", is_flag=True, help="Write nothing; exit 2 if anything would change.")
def sync_command(path: str, evidence: Sequence[str], dry_run: bool) -> int:
    """Write the evidence's numbers and the claims' statuses into the documents, and change nothing else in them.

    A document with a malformed marker or a number that the evidence does not hold is left as it is. LaTeX and
    Typst documents show sentences and numbers by name, from gatekit-values.tex or .typ, which is written beside them.
    """
    from gatekit.evidence.atomic import write_whole

    read = _read(path)
    summaries, errors = _summaries(read.root, evidence, read.kinds)
    problems = [*read.errors, *errors]
    written: list[str] = []
    documents, values = read_written(read.documents, read.registry, summaries, read.root)
    # Evidence that cannot be read or contradicts itself writes no numbers anywhere.
    files = [] if problems else values.out_of_date()
    for document in () if problems else documents:
        if document.syntax != "markdown":
            problems += document.errors
            continue
        result = rewrite(document, summaries, read.registry)
        problems += result.errors
        for change in result.changes:
            said = change.before or "nothing"
            click.echo(inert.terminal(f"{change.location}: {said} -> {change.after}", limit=LINE))
        if result.changes and not dry_run:
            write_whole(document.path, result.data)
        written += [change.what for change in result.changes]
    for path, data in files:
        click.echo(inert.terminal(f"{path}: {'would be written' if dry_run else 'written'}", limit=LINE))
        if not dry_run:
            write_whole(path, data)
    written += ["file of values" for _ in files]
    codes = _print_errors(problems)
    if written and dry_run:
        codes.append(ExitCode.BLOCKED)
    done = f"{' and '.join(_counts(written))} {'would change' if dry_run else 'written'}"
    left = "; a document with a problem stays as it was" if problems else ""
    return _verdict(worst([ExitCode.PASS, *codes]), done + left, "sync")


@command.command("scan")
@_claims_option
def scan_command(path: str) -> int:
    """Find numbers that no evidence is bound to, and claim language outside registered claims.

    The registry's rules say whether each is an error (exit 2), a warning (exit 0) or not looked for.
    """
    read = _read(path)
    codes = _print_errors(read.errors)
    counts = {"error": 0, "warning": 0}
    for document in read.documents:
        codes += _print_errors(document.errors)
        found = []
        for finding in sorted(
            find_strays(read.registry.rules, [document], read.registry), key=lambda f: _order(f.location)
        ):
            word = "error" if finding.code is ExitCode.BLOCKED else "warning"
            counts[word] += 1
            found.append(replace(finding, message=f"{word}: {finding.message}"))
            codes.append(finding.code)
        _print_findings(found)
    total = f"{_count(counts['error'], 'error')}, {_count(counts['warning'], 'warning')}"
    return _verdict(worst([ExitCode.PASS, *codes]), f"{total} in {_count(len(read.documents), 'document')}", "scan")


def _read(path: str) -> _Documents:
    if not os.path.lexists(path):
        shown = (
            "docs/claims.md shows one and `gatekit schema claims` prints its schema; name another with --claims FILE"
        )
        above = project_above(path) if path == REGISTRY else None
        raise UsageError(f"no claims registry at '{path}'", above or shown)
    registry = read_registry(path)
    root = os.path.dirname(path)
    documents, errors = read_documents(registry, root)
    return _Documents(registry, root, load_kinds(root), documents, errors)


def _summaries(root: str, evidence: Sequence[str], kinds: Kinds) -> tuple[dict[str, Summary], list[GatekitError]]:
    """Read the evidence; bindings name it relative to the registry's folder."""
    default = os.path.join(root, EVIDENCE)
    paths = list(evidence) or ([default] if root and os.path.isdir(default) else [])
    summaries, errors = load_evidence(paths, kinds) if paths or not root else ([], [])
    return {PurePath(os.path.relpath(s.path, root or ".")).as_posix(): s for s in summaries}, errors


def _checked(path: str, evidence: Sequence[str], policies: Sequence[str], now: str | None) -> CheckResult:
    time = the_time(now)
    read = _read(path)
    default = [os.path.join(read.root, POLICIES)] if read.root else []
    loaded, policy_errors = load_policies(list(policies) or default, read.kinds, stop_policies=True)
    if read.root:  # where they name folders, it is from the root of their repository
        loaded = [replace(p, evidence=tuple(os.path.join(read.root, path) for path in p.evidence)) for p in loaded]
    summaries, evidence_errors = _summaries(read.root, evidence, read.kinds)
    # Only beside evidence/ of this folder: a registry elsewhere is read with its evidence, but not with its keys.
    signers, signature_errors = load_signers(evidence, list(summaries.values()), loaded, None, time)
    standings, registration_errors = load_standings(list(summaries.values()), None, read.kinds, read.root)
    errors = [*read.errors, *policy_errors, *evidence_errors, *signature_errors, *registration_errors]
    documents, written = read_written(read.documents, read.registry, summaries, read.root)
    candidates, candidate_errors = _candidate_files(read.root)
    errors += candidate_errors
    return check(
        read.registry,
        documents,
        loaded,
        summaries,
        time,
        errors,
        signers=signers,
        standings=standings,
        written=written,
        choices=_Choices(CandidatePools(loaded, list(summaries.values()), candidates)),
    )


@dataclass(frozen=True)
class _Choices:
    """What claims pay for a choice, as far as this folder tells: by selections of policies and by candidate files."""

    pools: CandidatePools

    def price(self, claim: Claim, policy: Policy, judged: Sequence[Summary]) -> ChoicePrice:  # noqa: ARG002
        kinds = kinds_read(policy)
        own = [summary for summary in judged if summary.kind in kinds and judged_by(policy, summary)]
        # Whether another subject of this shape was there when the claim was made is for `gatekit pr` to say.
        return self.pools.price(policy, own, alike=False)

    def paid(self, price: Hashable, policy: Policy, judged: Sequence[Summary]) -> tuple[Policy, Sequence[Summary]]:
        return paid(price, policy, judged) if isinstance(price, ChoicePrice) else (policy, judged)

    def named_late(self, claim: Claim, policy: Policy, judged: Sequence[Summary]) -> bool:  # noqa: ARG002
        # What came first is for `gatekit pr` to say.
        return False


def _candidate_files(root: str) -> tuple[list[Document], list[GatekitError]]:
    """Read the candidate files beside the registry, at any depth."""
    paths = candidate_paths(root)
    sizes = {path: os.lstat(os.path.join(root, path)).st_size for path in paths}
    errors = beyond(sizes, CANDIDATE_FILES)
    contents = []
    for path in () if errors else paths:
        try:
            contents.append((path, read_regular_file(os.path.join(root, path), "candidate", CANDIDATE_FILES.size)))
        except GatekitError as error:
            errors.append(without_frames(error))
    found, broken = parse_candidates(contents)
    return found, [*errors, *broken]


def _order(location: Location | None) -> tuple[str, int, int]:
    return ("", 0, 0) if location is None else (location.path, location.line or 0, location.column or 0)


def _print_errors(errors: Sequence[GatekitError]) -> list[ExitCode]:
    """Print the first errors of each file, and return the codes of all."""
    shown, more = first_errors(errors)
    for error in shown:
        _print(str(error), error.location)
    for line in more:
        _print(line)
    return [error.exit_code for error in errors]


def _print_findings(findings: Sequence[Finding]) -> None:
    shown, more = first_problems(findings, lambda finding: finding.location)
    for finding in shown:
        _print(str(finding), finding.location)
    for line in more:
        _print(line)


def _print(text: str, location: Location | None = None) -> None:
    click.echo(inert.terminal(text, limit=LINE))
    if location is not None and location.source_line is not None:
        click.echo(f"    {inert.terminal(location.source_line.strip())}")


def _counts(written: Sequence[str]) -> list[str]:
    nouns = (("number", None), ("status", "statuses"), ("file of values", "files of values"))
    said = [_count(written.count(noun), noun, plural) for noun, plural in nouns if noun in written]
    return said or [_count(0, "number")]


def _count(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number} {noun if number == 1 else nouns or f'{noun}s'}"


def _verdict(code: ExitCode, text: str, what: str = "claims") -> int:
    click.echo(f"{what}: {WORDS[code]} (exit {int(code)}): {text}")
    return code
