"""What documents publish that nobody registered, as findings of the weight that the registry's rules give it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gatekit.claims.documents import ClaimsDocument
from gatekit.claims.finding import Finding
from gatekit.claims.model import Level, RegistryRules
from gatekit.claims.scanning import Stray, scan_language, scan_numbers
from gatekit.exit_codes import ExitCode


def find_strays(rules: RegistryRules, documents: Iterable[ClaimsDocument]) -> list[Finding]:
    """Return unregistered numbers and claim language: BLOCKED where the rules say error, PASS where they say warn."""
    scans: tuple[tuple[Level, Callable[[ClaimsDocument], list[Stray]]], ...] = (
        (rules.unregistered_numbers, scan_numbers),
        (rules.claim_language, scan_language),
    )
    return [
        stray_finding(stray, level)
        for document in documents
        for level, scan in scans
        if level != "off"
        for stray in scan(document)
    ]


def stray_finding(stray: Stray, level: Level) -> Finding:
    """Return one of them as a finding."""
    code = ExitCode.BLOCKED if level == "error" else ExitCode.PASS
    if stray.kind == "number":
        message = f"{stray.text} is bound to no evidence"
        remedy = "bind it as gatekit:value, or mark it gatekit:literal if it is no result"
        return Finding("claims.unregistered_number", message, stray.location, remedy, code)
    message = f"'{stray.text}' claims something outside a registered claim"
    remedy = "register the sentence, reword it, or mark it gatekit:literal"
    return Finding("claims.claim_language", message, stray.location, remedy, code)
