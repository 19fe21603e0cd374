"""Claims: what the documents may publish, each number tied to its evidence and each sentence to its gates."""

from __future__ import annotations

from gatekit.claims.bindings import ClaimBlock, ValueBinding
from gatekit.claims.checking import CheckResult, ClaimState, check
from gatekit.claims.claim_change import ClaimChange
from gatekit.claims.diff import claim_changes
from gatekit.claims.documents import ClaimsDocument, parse_document
from gatekit.claims.finding import Finding
from gatekit.claims.finding_documents import read_documents, registered_documents, unmatched_patterns
from gatekit.claims.model import Claim, Registry, RegistryRules
from gatekit.claims.registry import check_references, parse_registry, read_registry
from gatekit.claims.rewriting import Rewriting, rewrite
from gatekit.claims.scanning import Stray, scan_language, scan_numbers
from gatekit.claims.strays import find_strays
from gatekit.claims.written import ValuesFiles, read_written, with_written

__all__ = [
    "CheckResult",
    "Claim",
    "ClaimBlock",
    "ClaimChange",
    "ClaimState",
    "ClaimsDocument",
    "Finding",
    "Registry",
    "RegistryRules",
    "Rewriting",
    "Stray",
    "ValueBinding",
    "ValuesFiles",
    "check",
    "check_references",
    "claim_changes",
    "find_strays",
    "parse_document",
    "parse_registry",
    "read_documents",
    "read_registry",
    "read_written",
    "registered_documents",
    "rewrite",
    "scan_language",
    "scan_numbers",
    "unmatched_patterns",
    "with_written",
]
