"""The files that judge: a pull request that changes them needs people's approval, however well it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.claims.document_formats import suffix_of
from gatekit.kinds import FOLDER
from gatekit.kinds.changes import kind_changes
from gatekit.policy import PolicyDiff
from gatekit.policy.model import kinds_read
from gatekit.pull_request.gate_sources import gate_sources
from gatekit.pull_request.hidden_diffs import altering_checkouts, hidden_diffs
from gatekit.pull_request.run_by_workflows import run_by_workflows
from gatekit.pull_request.side import CLAIMS, BranchContents
from gatekit.repo import Tree, in_project
from gatekit.repo.tree import changes

WORKFLOWS = ".github/"
FOLDERS = ("schemas/", "trust/", WORKFLOWS)
FILES = (
    "action.yml",
    "action.yaml",
    "comment/action.yml",
    "CODEOWNERS",
    "docs/CODEOWNERS",
    "requirements/gate.lock",
    "requirements/sign.lock",
    "requirements/build.lock",
    "requirements/released.lock",
    "requirements/install-gate.sh",
    "requirements/find-python.sh",
    ".pre-commit-hooks.yaml",
)


@dataclass(frozen=True)
class TrustChange:
    """One change to what judges."""

    path: str
    """Relative to the project's root, so with `../` where it lies outside; or `policy ID`."""
    what: str
    """For people: `changed`, or what became looser."""
    of_evidence: bool = False
    """Whether it is evidence under a claim that changed, and not what judges it."""


def trust_changes(
    base: BranchContents,
    head: BranchContents,
    diffs: Sequence[PolicyDiff],
    configurations: frozenset[str] = frozenset(),
) -> list[TrustChange]:
    """Return every change that needs approval, in order of the paths, then the kinds, then the policies.

    A tightened or added policy is none of them: it can only ask for more. Nor is an added kind or measure: nothing was
    measured by it.

    Args:
        base: what judges.
        head: what is judged.
        diffs: of the policies.
        configurations: paths of runners' configurations that a registration names.
    """
    root = base.tree.root
    changed = changes(base.tree, head.tree)
    sources = frozenset(gate_sources(base.tree, list(changed)))
    if not root:
        sources |= frozenset(run_by_workflows(base.tree, list(changed)))
    found = [
        TrustChange(path, change)
        for path, change in changed.items()
        if path.startswith(FOLDERS) or path in FILES or path in sources or path in configurations
    ]
    found += _around(base.tree, head.tree) if root else []
    both, suffixes = (base.tree.whole, head.tree.whole), _document_suffixes(base)
    hiding = "hides what judges from a reviewer's diff"
    found += [TrustChange(in_project(root, path), hiding) for path in hidden_diffs(*both, root, suffixes)]
    altering = "lets a checkout or an archive hold other text of what is judged"
    found += [TrustChange(in_project(root, path), altering) for path in altering_checkouts(*both, root, suffixes)]
    found += _kinds(base, head)
    rules = head.registry.rules if head.registry is not None else None
    if base.registry is not None and CLAIMS not in head.unread and rules != base.registry.rules:
        found.append(TrustChange(CLAIMS, "rules changed" if head.registry else "deleted"))
    for diff in diffs:
        if not diff.needs_approval and not any(detail.change == "loosened" for detail in diff.waivers):
            continue
        what = [f"gate {gate.name} {gate.change}" for gate in diff.gates if gate.name in diff.loosened_gates]
        what += [detail.what for detail in (*diff.settings, *diff.waivers) if detail.change != "tightened"]
        found.append(TrustChange(f"policy {diff.policy}", "; ".join(what) or str(diff.change)))
    return found


def _document_suffixes(base: BranchContents) -> frozenset[str]:
    """Return the suffixes of the documents that the base's rules name, without their dots."""
    patterns = base.registry.rules.documents if base.registry is not None else ()
    return frozenset(suffix_of(pattern).removeprefix(".").lower() for pattern in patterns)


def _around(base: Tree, head: Tree) -> list[TrustChange]:
    """Changes outside of the project to what runs its gate: workflows and actions stand at the top of a repository.

    Another project's policies, schemas and keys judge nothing here.
    """
    everywhere = changes(base.whole, head.whole)
    changed = {path: change for path, change in everywhere.items() if not _is_inside(base, path)}
    sources = frozenset(gate_sources(base.whole, list(changed)))
    run = run_by_workflows(base.whole, list(everywhere))
    return [
        TrustChange(in_project(base.root, path), change)
        for path, change in everywhere.items()
        if path in run or (path in changed and (path.startswith(WORKFLOWS) or path in FILES or path in sources))
    ]


def _is_inside(tree: Tree, path: str) -> bool:
    return path.startswith(f"{tree.root}/")


def _kinds(base: BranchContents, head: BranchContents) -> list[TrustChange]:
    """Changes to what a number means, where there is a number or a rule about one."""
    sides = (base, head)
    used = {summary.kind for side in sides for summary in side.summaries}
    used |= {kind for side in sides for policy in side.policies for kind in kinds_read(policy)}
    found = []
    for name, kind in base.tables.items():
        path = f"{FOLDER}/{name}.yaml"
        if name in used and path not in head.unread:
            what = list(kind_changes(kind, head.tables.get(name)))
            found += [TrustChange(path, "; ".join(what))] if what else []
    return found
