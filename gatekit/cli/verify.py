"""`gatekit verify`: who vouches for this evidence?"""

from __future__ import annotations

import os
from collections.abc import Sequence

import rich_click as click

from gatekit.cli.inputs import EVIDENCE, load_kinds, load_policies, the_time
from gatekit.cli.signatures import KEYS, read_trusted_root
from gatekit.errors import GatekitError, Location, UsageError, without_frames
from gatekit.evidence import find_summaries
from gatekit.exit_codes import ExitCode, worst
from gatekit.kinds import Kinds
from gatekit.report import inert
from gatekit.signing import KeyRing, SignatureFindings, SignedFile, judge, read_keys
from gatekit.signing.discovery import find_attestations, read_attestations
from gatekit.signing.opening import is_about
from gatekit.signing.statement import ROLES
from gatekit.signing.verifying import is_attestation_name


@click.command("verify")
@click.argument("paths", nargs=-1)
@click.option("--keys", metavar="FILE", help=f"Whose signatures count; default {KEYS}.")
@click.option("--identity", metavar="NAME", help="Believe Sigstore certificates of this subject, with --issuer.")
@click.option("--issuer", metavar="URL", help="The identity provider that must have vouched for --identity.")
@click.option("--trusted-root", metavar="FILE", help="Sigstore root of trust; default trust/sigstore_root.json.")
@click.option("--attestation", multiple=True, metavar="FILE", help="More attestations, not beside PATHS (repeatable).")
@click.option("--role", type=click.Choice(ROLES), help="Count only signers in this role.")
@click.option("--threshold", type=click.IntRange(1, 100), default=1, show_default=True, help="So many distinct keys.")
@click.option("--policy", "policies", multiple=True, metavar="FILE", help="Must have been signed for this policy.")
@click.option("--now", metavar="TIME", help="Judge the keys' validity at this UTC time.")
def command(
    paths: tuple[str, ...],
    keys: str | None,
    identity: str | None,
    issuer: str | None,
    trusted_root: str | None,
    attestation: tuple[str, ...],
    role: str | None,
    threshold: int,
    policies: tuple[str, ...],
    now: str | None,
) -> int:
    """Verify the signatures over evidence, or over a verdict; the numbers themselves are not judged.

    PATHS are files, folders or patterns; default evidence/. Every file there must be signed by enough keys. Exit 0 when
    each is, 4 when one is not or an attestation does not hold, 3 when there is nothing to verify.
    """
    time = the_time(now)
    ring = _believed(keys, identity, issuer)
    given = list(paths) or [EVIDENCE]
    if not paths and not os.path.isdir(EVIDENCE):
        raise UsageError(f"there is no {EVIDENCE}/ folder here", "name the evidence")
    asked = [path for path in given if not is_attestation_name(path)]
    kinds = load_kinds()
    errors: list[GatekitError] = []
    files = []
    for path in find_summaries(asked):
        try:
            files.append(_file(path, kinds))
        except GatekitError as error:
            errors.append(without_frames(error))
    found, unreadable = read_attestations(find_attestations([*given, *attestation]))
    digests = []
    if policies:
        loaded, policy_errors = load_policies(policies, kinds)
        digests = [policy.sha256 for policy in loaded]
        errors += policy_errors
    findings = judge(found, ring, files, time, digests, read_trusted_root(trusted_root))
    errors += [*unreadable, *findings.errors]
    errors += [note for note in findings.notes if not is_about(note, "unknown_key", "unrelated")]
    for note in findings.notes:
        if is_about(note, "unknown_key", "unrelated"):
            _say(f"not counted: {note}")
    if not errors and not (files and (found or unreadable)):
        what = "no attestation" if files else "no evidence"
        _say(f"nothing to verify: {what} at {', '.join(given)}")
        return ExitCode.INCONCLUSIVE
    errors += _report(files, findings, role, threshold)
    for fault in errors:
        _say(str(fault))
    return worst([ExitCode.PASS, *(fault.exit_code for fault in errors)])


def _believed(keys: str | None, identity: str | None, issuer: str | None) -> KeyRing:
    if (identity is None) != (issuer is None):
        raise UsageError("--identity and --issuer belong together", "give both")
    if identity is not None and issuer is not None:
        if keys is not None:
            raise UsageError("either --keys or --identity", f"add the identity to {keys}")
        from gatekit.signing.sigstore_bundles import anyone_named

        return anyone_named(identity, issuer)
    if keys is None and not os.path.lexists(KEYS):
        raise UsageError(f"no {KEYS}: no signature can be checked", "name a key file with --keys, or --identity")
    return read_keys(keys or KEYS)


def _file(path: str, kinds: Kinds) -> SignedFile:
    """Return what a file is: a summary with its subject, a verdict, or bytes that somebody may still have signed."""
    import hashlib

    from gatekit.evidence.strict_json import SUMMARY_LIMITS, parse_plain_json, read_as_committed

    data = read_as_committed(path, "json", SUMMARY_LIMITS.size)
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        document = parse_plain_json(data, path, SUMMARY_LIMITS)
        schema = document.get("schema") if isinstance(document, dict) else None
    except GatekitError:
        schema = None
    if schema == "gatekit.verdict/1":
        return SignedFile(path, sha256, "verdict")
    return SignedFile(path, sha256, "evidence", _subject(path, sha256, kinds))


def _subject(path: str, sha256: str, kinds: Kinds) -> str | None:
    from gatekit.evidence import read_summary

    try:
        summary = read_summary(path, kinds)
    except GatekitError:
        return None
    return summary.subject.digest if summary.sha256 == sha256 else None


def _report(
    files: Sequence[SignedFile], findings: SignatureFindings, role: str | None, threshold: int
) -> list[GatekitError]:
    """Print a line per file that is vouched for and return an error for each that is not."""
    errors = []
    for file in files:
        lines = []
        keys = set()
        for verified in findings.verified:
            counted = {s for s in verified.opened.signers if role is None or role in s.roles}
            if file in verified.files and counted:
                keys |= {signer.key for signer in counted}
                roles = ", ".join(sorted({name for signer in counted for name in signer.roles}))
                said = f", which says: {verified.opened.statement.verdict}" if file.kind == "verdict" else ""
                names = ", ".join(verified.opened.names)
                lines.append(f"{file.path}: signed by {names} as {roles}{said} ({verified.opened.path})")
        for line in lines:
            click.echo(inert.terminal(line, limit=None))
        if len(keys) < threshold:
            in_role = f" with role {role}" if role else ""
            wanted = f"{threshold} distinct key{'s' * (threshold > 1)}{in_role}"
            message = f"signed by {len(keys)} of {wanted}"
            errors.append(GatekitError("signature.missing", message, Location(file.path), "sign with `gatekit attest`"))
    click.echo(f"{len(files) - len(errors)} of {len(files)} files verified")
    return errors


def _say(text: str) -> None:
    click.echo(f"gatekit: {inert.terminal(text, limit=1000)}", err=True)
