"""Which keys stand behind which evidence: attestations, keys and evidence in, signers and faults out.

Works on bytes, so that a pull request is verified from git objects without a checkout.

Leaving an attestation away can never make a refusal a pass: what nobody vouches for has no signer, and a policy that
wants signers refuses it. So an attestation that cannot be tied to anybody who is believed is only noted; one that names
somebody who is believed, and does not hold, is an error.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gatekit.errors import GatekitError, Location, UsageError, without_frames
from gatekit.evidence.summary import Summary
from gatekit.gates.evaluate import Signer
from gatekit.signing.dsse import claimed_keys, fault
from gatekit.signing.keys import KeyRing
from gatekit.signing.opening import OpenedAttestation, is_about, open_envelope
from gatekit.signing.predicates import challenge
from gatekit.signing.signed_file import SignedFile
from gatekit.signing.statement import TEST_RESULT

DSSE_SUFFIX = ".dsse.json"
SIGSTORE_SUFFIX = ".sigstore.json"


@dataclass(frozen=True)
class ValidAttestation:
    """An attestation that holds, and the files that it is about."""

    opened: OpenedAttestation
    files: tuple[SignedFile, ...]


@dataclass(frozen=True)
class SignatureFindings:
    """What became of every attestation."""

    verified: tuple[ValidAttestation, ...]
    errors: tuple[GatekitError, ...]
    """Somebody who is believed is named, and it does not hold."""
    notes: tuple[GatekitError, ...]
    """Malformed, by nobody who is known, or about nothing that was read; never a signature, and no error by itself."""

    @property
    def signers(self) -> dict[str, frozenset[Signer]]:
        """Per sha256 of a file's bytes, everybody whose signature over it was verified."""
        found: dict[str, set[Signer]] = defaultdict(set)
        for verified in self.verified:
            for file in verified.files:
                found[file.sha256] |= verified.opened.signers
        return {sha256: frozenset(signers) for sha256, signers in found.items()}


def is_attestation_name(name: str) -> bool:
    """Whether a file of this name is read as an attestation."""
    return name.endswith((DSSE_SUFFIX, SIGSTORE_SUFFIX)) and not posixpath.basename(name).startswith(".")


def files_of(summaries: Iterable[Summary]) -> list[SignedFile]:
    """Return summaries as what attestations may be about."""
    return [SignedFile(s.path, s.sha256, "evidence", s.subject.digest) for s in summaries]


def collect_signers(
    attestations: Iterable[tuple[str, bytes]],
    keys: KeyRing,
    evidence: Sequence[SignedFile],
    now: datetime,
    policies: Sequence[str] = (),
    trusted_root: bytes | None = None,
) -> tuple[dict[str, frozenset[Signer]], list[GatekitError]]:
    """Return `judge`'s signers and errors: what `evaluate` takes."""
    findings = judge(attestations, keys, evidence, now, policies, trusted_root)
    return findings.signers, list(findings.errors)


def judge(
    attestations: Iterable[tuple[str, bytes]],
    keys: KeyRing,
    files: Sequence[SignedFile],
    now: datetime,
    policies: Sequence[str] = (),
    trusted_root: bytes | None = None,
) -> SignatureFindings:
    """Verify attestations and say which files they are about.

    Args:
        attestations: (path, bytes), in any order.
        keys: who is believed.
        files: what was read; paths in the same form as those of the attestations.
        now: aware UTC time.
        policies: digests of the policies that require signatures; where the key file names a repository, an attestation
            must have been made for it and for each of them.
        trusted_root: bytes of a Sigstore trusted root to use in place of the one that the library carries.

    Raises:
        UsageError: the extra [sign] is needed and not installed.
    """
    verified: list[ValidAttestation] = []
    errors: list[GatekitError] = []
    notes: list[GatekitError] = []
    index = _Index(files)
    for name, data in sorted(attestations):
        try:
            found = _open(name, data, keys, index, now, trusted_root)
        except UsageError:
            raise
        except GatekitError as error:
            concerns = not is_about(error, "unknown_key", "unrelated") and _names_somebody(name, data, keys, error)
            (errors if concerns else notes).append(without_frames(error))
            continue
        about = _files(found, index)
        wrong = [*_mismatches(found, index), *(e for file in about for e in _misused(found, file, keys, policies))]
        errors += wrong
        if about and not wrong:
            verified.append(ValidAttestation(found, about))
        elif not wrong:
            notes.append(fault(name, "/subject", "unrelated", "it names no file that was read here"))
    return SignatureFindings(tuple(verified), tuple(errors), tuple(notes))


class _Index:
    """Files by digest and by path: a thousand attestations of a thousand files are not compared each with each."""

    def __init__(self, files: Sequence[SignedFile]) -> None:
        self.by_digest: dict[str, list[SignedFile]] = defaultdict(list)
        self.by_path: dict[str, SignedFile] = {}
        for file in files:
            self.by_digest[file.sha256].append(file)
            self.by_path[file.path] = file


def _open(
    name: str, data: bytes, keys: KeyRing, index: _Index, now: datetime, trusted_root: bytes | None
) -> OpenedAttestation:
    if name.endswith(SIGSTORE_SUFFIX):
        from gatekit.signing.sigstore_bundles import open_bundle

        # A signature over a file itself, without a statement, lies beside it as FILE.sigstore.json.
        return open_bundle(name, data, keys, index.by_path.get(name.removesuffix(SIGSTORE_SUFFIX)), trusted_root)
    return open_envelope(name, data, keys, now)


def _names_somebody(name: str, data: bytes, keys: KeyRing, error: GatekitError) -> bool:
    if name.endswith(SIGSTORE_SUFFIX):
        # The certificate was read and names somebody of the key file; see open_bundle.
        return not is_about(error, "bundle")
    return any(keys.named(keyid) is not None for keyid in claimed_keys(data, name))


def _files(found: OpenedAttestation, index: _Index) -> tuple[SignedFile, ...]:
    """Return the files whose bytes the statement is about, of the kind that its predicate speaks of."""
    kind = "evidence" if found.statement.predicate_type == TEST_RESULT else "verdict"
    digests = sorted({subject.sha256 for subject in found.statement.subjects})
    return tuple(file for digest in digests for file in index.by_digest.get(digest, ()) if file.kind == kind)


def _mismatches(found: OpenedAttestation, index: _Index) -> Iterable[GatekitError]:
    """Yield an error per subject that names a file beside the attestation, or by its path, with other bytes."""
    folder = posixpath.dirname(found.path)
    for subject in found.statement.subjects:
        if subject.sha256 in index.by_digest or not subject.name:
            continue
        for path in sorted({subject.name, posixpath.join(folder, posixpath.basename(subject.name))}):
            if path in index.by_path:
                yield GatekitError(
                    "signature.digest",
                    f"the bytes are not those that {found.path} attests",
                    Location(path),
                    "restore the attested file, or attest the new one and remove the old attestation",
                )


def _misused(
    found: OpenedAttestation, file: SignedFile, keys: KeyRing, policies: Sequence[str]
) -> Iterable[GatekitError]:
    """Yield what keeps a good signature from counting for this file: another subject, repository or policy."""
    if file.kind != "evidence":
        return
    stated = found.statement.measured_subject
    if None not in (stated, file.subject) and stated != file.subject:
        yield fault(found.path, "/predicate", "subject_digest", f"it states another subject than {file.path} has")
    if keys.repository is None:
        return
    if not found.statement.challenges or file.subject is None:
        message = f"it was not signed for a repository, and {keys.path} requires '{keys.repository}'"
        yield fault(found.path, "/predicate", "challenge", message, "sign with --repository")
        return
    made: Mapping[str, str] = found.statement.challenges
    # Without a policy that requires signatures, any one challenge shows the repository.
    wanted = list(policies) or [policy for policy in made if made[policy] == _expected(keys, policy, file)]
    if not wanted or any(made.get(policy) != _expected(keys, policy, file) for policy in wanted):
        message = f"it was signed for another repository, policy or subject than '{keys.repository}' has"
        yield fault(found.path, "/predicate", "challenge", message, "sign again for this repository and its policies")


def _expected(keys: KeyRing, policy: str, file: SignedFile) -> str:
    assert keys.repository is not None
    assert file.subject is not None
    return challenge(keys.repository, policy, file.subject)
