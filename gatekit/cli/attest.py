"""`gatekit attest`: sign evidence, or a verdict."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from gatekit.cli.inputs import POLICIES, load_evidence, load_kinds, load_policies, the_time
from gatekit.errors import GatekitError, Location, UsageError
from gatekit.evidence.several_files import write_together
from gatekit.exit_codes import ExitCode
from gatekit.report import inert
from gatekit.signing.statement import ROLES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gatekit.evidence import Summary
    from gatekit.signing.predicates import PolicyDigest


@click.command("attest")
@click.argument("paths", nargs=-1)
@click.option("--key", metavar="FILE", help="Private ed25519 key: PEM, or 32 bytes as hex or base64.")
@click.option("--key-env", metavar="NAME", help="Environment variable that holds the key instead.")
@click.option("--role", type=click.Choice(ROLES), help="In which role to sign; default measure, or verdict.")
@click.option("--verdict", metavar="FILE", help="Sign this verdict (check --output json=FILE) instead of evidence.")
@click.option("--policy", "policies", multiple=True, metavar="FILE", help="What is to judge it; default policies/.")
@click.option("--repository", metavar="ID", help="Sign for this repository and these policies only.")
@click.option("--out", metavar="DIR", help="Folder for the attestations; default beside each file.")
@click.option("--now", metavar="TIME", help="Also state this UTC time as the time of signing.")
@click.option("--new-key", metavar="FILE", help="Make a key, print its entry for trust/keys.yaml, and do nothing else.")
def command(
    paths: tuple[str, ...],
    key: str | None,
    key_env: str | None,
    role: str | None,
    verdict: str | None,
    policies: tuple[str, ...],
    repository: str | None,
    out: str | None,
    now: str | None,
    new_key: str | None,
) -> int:
    """Sign evidence: one attestation beside each summary, as NAME.ROLE-KEY.dsse.json.

    PATHS are summaries (files, folders, patterns); default evidence/. Evidence that the gate would refuse is not
    signed, and nothing is written then. Equal input gives equal bytes.
    """
    if new_key is not None:
        if key or key_env or paths or verdict:
            raise UsageError("--new-key makes a key and signs nothing", "sign with a second command")
        return _new_key(new_key, role or "measure", now)
    time = the_time(now)
    stated = time if now is not None else None
    if verdict is not None:
        if paths or policies or repository or role not in (None, "verdict"):
            raise UsageError("--verdict is signed alone, in the role verdict")
        signer = _signer(key, key_env)
        files = {_place(verdict, out, "verdict", signer): _sign(_verdict(verdict, stated), signer)}
    else:
        if role == "verdict":
            raise UsageError("evidence is signed in the role measure or review", "sign a verdict with --verdict FILE")
        signer = _signer(key, key_env)
        found = _evidence(paths, time)
        if found is None:
            return ExitCode.REFUSED
        if not found:
            _say("no evidence was found, so nothing is signed")
            return ExitCode.INCONCLUSIVE
        digests = _policies(policies)
        if repository is not None and not digests:
            raise UsageError("--repository needs a policy to sign for", "name one with --policy")
        files = {
            _place(summary.path, out, role or "measure", signer): _sign(
                _statement(summary, role or "measure", digests, repository, stated), signer
            )
            for summary in found
        }
    # The name holds the key's digest: what is replaced is this key's own earlier attestation of the same file.
    written = write_together(files, replace=True, remedy="")
    for word, places in (("new", written.new), ("replaced", written.replaced), ("unchanged", written.unchanged)):
        for place in places:
            click.echo(f"{word:<9}  {inert.terminal(place.as_posix(), limit=None)}")
    return ExitCode.PASS


def _new_key(path: str, role: str, now: str | None) -> int:
    from gatekit.signing.keys import KEY_ID
    from gatekit.signing.private_key import new_private_key

    start = the_time(now)
    name = re.sub("[^a-z0-9]+", "-", Path(path).stem.lower()).strip("-")[:63]
    public = new_private_key(path)
    click.echo(f"# Under `keys:` in trust/keys.yaml; {inert.terminal(path)} itself stays secret.")
    click.echo(f"  - id: {name if re.fullmatch(KEY_ID, name) else 'key'}")
    click.echo(f'    public: "{public.hex()}"')
    click.echo(f"    roles: [{role}]")
    click.echo(f'    valid_from: "{start:%Y-%m-%d}"')
    click.echo(f'    valid_until: "{start.year + 1}-{start:%m}-{min(start.day, 28):02}"')
    return ExitCode.PASS


def _signer(path: str | None, variable: str | None) -> Ed25519PrivateKey:
    from gatekit.signing.private_key import private_key_from_environment, read_private_key

    if (path is None) == (variable is None):
        raise UsageError("name one key, with --key FILE or --key-env NAME", "`gatekit attest --new-key FILE` makes one")
    return private_key_from_environment(variable) if variable is not None else read_private_key(path or "")


def _evidence(paths: Sequence[str], now: datetime) -> list[Summary] | None:
    """Return the summaries, or None after saying why the gate would refuse them."""
    from gatekit.gates.evaluate import evaluate

    summaries, errors = load_evidence(paths, load_kinds())
    # Without a policy, what is left of the gate is what it refuses whatever the policy says.
    verdict = evaluate([], summaries, now, errors)
    for error in verdict.errors:
        _say(str(error))
    if verdict.errors:
        _say("nothing was signed: the gate would refuse this evidence")
        return None
    return summaries


def _policies(paths: Sequence[str]) -> list[PolicyDigest]:
    from gatekit.signing.predicates import PolicyDigest

    if not paths and not os.path.isdir(POLICIES):
        return []
    loaded, errors = load_policies(paths, load_kinds())
    if errors:
        raise errors[0]
    return [PolicyDigest(_name(policy.path), policy.sha256) for policy in loaded]


def _statement(
    summary: Summary, role: str, policies: Sequence[PolicyDigest], repository: str | None, stated: datetime | None
) -> bytes:
    from gatekit.evidence.strict_json import SUMMARY_LIMITS, read_json
    from gatekit.signing.predicates import evidence_statement

    document = read_json(summary.path, SUMMARY_LIMITS)
    if document.sha256 != summary.sha256:
        raise GatekitError("signature.changed", f"{summary.path} changed while it was read", remedy="run it again")
    config = document.value["producer"]["config_sha256"]
    return evidence_statement(summary, _name(summary.path), config, role, policies, repository, stated)


def _verdict(path: str, stated: datetime | None) -> bytes:
    from gatekit.evidence.schemas import check
    from gatekit.evidence.strict_json import SUMMARY_LIMITS, read_json
    from gatekit.signing.predicates import verdict_statement

    document = read_json(path, SUMMARY_LIMITS)
    check("verdict", document.value, path)
    for index, policy in enumerate(document.value["policies"]):
        if policy.get("purpose") == "stop":
            message = f"policy '{policy['id']}' is a stop policy, and nobody vouches for a release by it"
            raise GatekitError("signature.stop_policy", message, Location(path, pointer=f"/policies/{index}/purpose"))
    return verdict_statement(document.value, document.sha256, _name(path), stated)


def _name(path: str) -> str:
    """Return what a statement calls a file: its path from here, or its bare name where that leads elsewhere."""
    inside = Path(os.path.relpath(path)).as_posix()
    return Path(path).name if inside.startswith("../") else inside


def _place(path: str, out: str | None, role: str, signer: Ed25519PrivateKey) -> Path:
    from gatekit.signing.ed25519 import key_digest, public_bytes

    folder = Path(path).parent if out is None else Path(out, os.path.dirname(_name(path)))
    stem = Path(path).name.removesuffix(".json")
    return folder / f"{stem}.{role}-{key_digest(public_bytes(signer))[:8]}.dsse.json"


def _sign(payload: bytes, signer: Ed25519PrivateKey) -> bytes:
    from gatekit.signing.dsse import PAYLOAD_TYPE, Signature, envelope_bytes, pae
    from gatekit.signing.ed25519 import key_digest, public_bytes

    value = signer.sign(pae(PAYLOAD_TYPE, payload))
    return envelope_bytes(payload, [Signature(key_digest(public_bytes(signer)), value)])


def _say(text: str) -> None:
    click.echo(f"gatekit: {inert.terminal(text, limit=1000)}", err=True)
