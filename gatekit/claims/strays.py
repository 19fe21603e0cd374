"""What documents publish that nobody registered, as findings of the weight that the registry's rules give it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gatekit.claims.bindings import Brought, ClaimBlock
from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.finding import Finding
from gatekit.claims.model import BADGE, Level, Registry, RegistryRules
from gatekit.claims.scanning import Stray, scan_language, scan_numbers, scan_sentence
from gatekit.exit_codes import ExitCode


def find_strays(rules: RegistryRules, documents: Iterable[ClaimsDocument], registry: Registry | None) -> list[Finding]:
    """Return unregistered numbers and claim language: BLOCKED where the rules say error, PASS where they say warn.

    Args:
        rules: how much each weighs.
        documents: to look at.
        registry: of these documents. A registered sentence is quiet where its claim is supported, or where its block
            says that it is not.
    """

    def language(document: ClaimsDocument) -> list[Stray]:
        loud = [block for block in document.blocks if not _answers(registry, block)]
        return scan_language(document) + [stray for block in loud for stray in scan_sentence(block)]

    scans: tuple[tuple[Level, Callable[[ClaimsDocument], list[Stray]]], ...] = (
        (rules.unregistered_numbers, scan_numbers),
        (rules.claim_language, language),
    )
    given = list(documents)
    return [unread(brought) for document in given for brought in document.brought] + [
        stray_finding(stray, level)
        for document in given
        for level, scan in scans
        if level != "off"
        for stray in scan(document)
    ]


def _answers(registry: Registry | None, block: ClaimBlock) -> bool:
    """Whether the registry answers for the sentence of a block: a reader sees its status, or it is supported."""
    claim = None if registry is None else registry.claim(block.claim)
    if claim is None:
        return False
    says = block.badge is not None and block.badge.printed == BADGE[claim.status]
    return claim.status == "supported" or says


def unread(brought: Brought) -> Finding:
    """Return the warning about text that comes from another file."""
    message = f"the document brings text from '{brought.name}', which is read only if the rules name that file too"
    return Finding("claims.brought", message, brought.location, "name it in rules.documents", ExitCode.PASS)


def stray_finding(stray: Stray, level: Level) -> Finding:
    """Return one of them as a finding."""
    code = ExitCode.BLOCKED if level == "error" else ExitCode.PASS
    if stray.kind == "number":
        message = f"{stray.text} is bound to no evidence"
        remedy = "bind it as gatekit:value, or mark it gatekit:literal if it is no result"
        return Finding("claims.unregistered_number", message, stray.location, remedy, code)
    if stray.kind == "sentence":
        message = f"'{stray.text}' stands in a claim that is not supported and whose block does not say so"
        remedy = "let the block show its status (`gatekit:status`, docs/claims.md), or reword it"
        return Finding("claims.claim_language", message, stray.location, remedy, code)
    message = f"'{stray.text}' claims something outside a registered claim"
    remedy = "register the sentence, reword it, or mark it gatekit:literal"
    return Finding("claims.claim_language", message, stray.location, remedy, code)
