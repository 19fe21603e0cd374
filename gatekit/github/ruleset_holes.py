"""Holes that rulesets and CODEOWNERS close: which check is required, and who has to approve what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from gatekit.github.holes import GATE_WORKFLOW, TRUST_ROOT, Exports, Hole, HoleState, Json, Names, is_number, objects
from gatekit.pull_request import codeowners


def ruleset_holes(exports: Exports, names: Names) -> list[Hole]:
    """Return the holes of settings 1 and 2."""
    rules = _effective(exports, names.branch)
    return [*_checks(rules, exports, names), *_reviews(rules, exports)]


def _effective(exports: Exports, branch: str) -> list[Json] | None:
    """Return the rules in force on the branch; None when nothing says which are."""
    if exports.rules is not None:
        return list(exports.rules)
    if not exports.rulesets:
        return None
    found: list[Json] = []
    for ruleset in exports.rulesets:
        if ruleset.get("enforcement") == "active" and _covers(ruleset, branch):
            found += [{**rule, "ruleset_id": ruleset.get("id")} for rule in objects(ruleset.get("rules"))]
    return found


def _covers(ruleset: Json, branch: str) -> bool:
    """Whether a ruleset is for a branch; the branch is taken to be the default one."""
    names = ruleset.get("conditions")
    names = names.get("ref_name") if isinstance(names, Mapping) else None
    if ruleset.get("target") != "branch" or not isinstance(names, Mapping):
        return False
    ref = f"refs/heads/{branch}"

    def matches(patterns: Any) -> bool:
        return isinstance(patterns, list) and any(
            pattern in ("~ALL", "~DEFAULT_BRANCH")
            # `**/` may stand for no folder at all.
            or any(fnmatchcase(ref, text) for text in (str(pattern), str(pattern).replace("**/", "")))
            for pattern in patterns
        )

    return matches(names.get("include")) and not matches(names.get("exclude"))


def _of_type(rules: Iterable[Json], kind: str) -> list[Json]:
    """Return the parameters of the rules of a type."""
    found: list[Json] = []
    for rule in rules:
        if rule.get("type") == kind:
            parameters = rule.get("parameters")
            found.append({**(parameters if isinstance(parameters, Mapping) else {})})
    return found


def _checks(rules: list[Json] | None, exports: Exports, names: Names) -> list[Hole]:
    remedies = {
        "required check": f"a ruleset for {names.branch} with the required status check '{names.check}'",
        "source of the check": f"choose GitHub Actions as the expected source of '{names.check}'",
        "out of date": "require branches to be up to date, or a merge queue that requires all entries to pass",
        "bypass": "an empty bypass list in every ruleset that protects the branch",
    }
    if rules is None:
        why = "no ruleset was given"
        return [Hole(1, name, HoleState.UNKNOWN, why, remedy) for name, remedy in remedies.items()]
    listed = [
        (rule, check)
        for rule in _of_type(rules, "required_status_checks")
        for check in objects(rule.get("required_status_checks"))
        if names.guards(check.get("context"))
    ]
    required = _requires_workflow(rules)
    queue = any(rule.get("grouping_strategy") == "ALLGREEN" for rule in _of_type(rules, "merge_queue"))
    strict = any(rule.get("strict_required_status_checks_policy") is True for rule, _ in listed)
    sourced = any(is_number(check.get("integration_id")) for _, check in listed)
    findings = {
        "required check": (
            bool(listed) or required,
            f"'{names.check}' is required",
            f"'{names.check}' is not required",
        ),
        "source of the check": (
            sourced or required,
            "only one app can report it",
            "any app, and any token that may write statuses, can report it",
        ),
        "out of date": (
            (bool(listed) and strict) or queue,
            "what passed is what is merged",
            "a pull request can pass against an older base and be merged into a newer one",
        ),
    }
    holes = []
    for name, (closed, yes, no) in findings.items():
        state, why = (HoleState.CLOSED, yes) if closed else (HoleState.OPEN, no)
        holes.append(Hole(1, name, state, why, remedies[name]))
    return [*holes, _bypass(rules, exports, remedies["bypass"])]


def _bypass(rules: Sequence[Json], exports: Exports, remedy: str) -> Hole:
    protecting = ("required_status_checks", "pull_request", "workflows", "merge_queue")
    used = {rule.get("ruleset_id") for rule in rules if rule.get("type") in protecting}
    known = {ruleset.get("id"): ruleset.get("bypass_actors") for ruleset in exports.rulesets}
    if not used:
        return Hole(1, "bypass", HoleState.OPEN, "no rule protects the branch, so everybody goes around it", remedy)
    if any(known.get(identifier) for identifier in used):
        return Hole(1, "bypass", HoleState.OPEN, "some may go around the rules", remedy)
    if all(known.get(identifier) == [] for identifier in used):
        return Hole(1, "bypass", HoleState.CLOSED, "nobody may go around the rules", remedy)
    why = "a ruleset's bypass list was not given; export each with GET /repos/OWNER/NAME/rulesets/ID as administrator"
    return Hole(1, "bypass", HoleState.UNKNOWN, why, remedy)


def _requires_workflow(rules: Iterable[Json]) -> bool:
    """Whether an organisation's ruleset requires the gate's workflow, and so runs it as of another branch."""
    return any(
        workflow.get("path") == GATE_WORKFLOW
        for rule in _of_type(rules, "workflows")
        for workflow in objects(rule.get("workflows"))
    )


def _reviews(rules: list[Json] | None, exports: Exports) -> list[Hole]:
    remedies = {
        "code-owner review": "require a pull request with one approval and review from code owners",
        "approval of an older state": "dismiss stale approvals when new commits are pushed",
        "approval of one's own push": "require approval of the most recent push",
    }
    keys = {
        "code-owner review": "require_code_owner_review",
        "approval of an older state": "dismiss_stale_reviews_on_push",
        "approval of one's own push": "require_last_push_approval",
    }
    owned = _owned(exports.owners)
    if rules is None:
        holes = [Hole(2, name, HoleState.UNKNOWN, "no ruleset was given", text) for name, text in remedies.items()]
        return [_editing(None, None, owned), *holes, owned]
    reviewed = [
        rule
        for rule in _of_type(rules, "pull_request")
        if is_number(rule.get("required_approving_review_count")) and rule["required_approving_review_count"] >= 1
    ]
    holes = []
    for name, key in keys.items():
        closed = any(rule.get(key) is True for rule in reviewed)
        finding = f"{key} is {'on' if closed else 'off, or no approval is required'}"
        holes.append(Hole(2, name, HoleState.CLOSED if closed else HoleState.OPEN, finding, remedies[name]))
    by_owner = any(rule.get("require_code_owner_review") is True for rule in reviewed)
    return [_editing(_requires_workflow(rules), by_owner, owned), *holes, owned]


def _editing(required: bool | None, reviewed: bool | None, owned: Hole) -> Hole:
    remedy = (
        "an organisation ruleset 'Require workflows to pass' with the gate's workflow; or code-owner review and a "
        "CODEOWNERS that covers .github"
    )
    name = "a change of the gate's own workflow"
    if required is None or reviewed is None:
        return Hole(2, name, HoleState.UNKNOWN, "no ruleset was given", remedy)
    if required:
        return Hole(2, name, HoleState.CLOSED, "the organisation requires the workflow, as it is elsewhere", remedy)
    if not reviewed:
        finding = (
            "a pull request from a branch of this repository can replace the gate by `true`, and nobody has to look"
        )
        return Hole(2, name, HoleState.OPEN, finding, remedy)
    if owned.state is HoleState.CLOSED:
        return Hole(2, name, HoleState.CLOSED, "a code owner has to approve it", remedy)
    return Hole(2, name, owned.state, f"code owners must approve, but {owned.finding}", remedy)


def _owned(text: str | None) -> Hole:
    name, remedy = "owners of the trust root", f"CODEOWNERS lines for {', '.join(TRUST_ROOT)}"
    if text is None:
        return Hole(2, name, HoleState.UNKNOWN, "no CODEOWNERS was given", remedy)
    rules = codeowners.parse(text)
    without = [part for part, paths in TRUST_ROOT.items() if not all(codeowners.owners(rules, path) for path in paths)]
    if without:
        return Hole(2, name, HoleState.OPEN, f"nobody owns {', '.join(without)}", remedy)
    return Hole(2, name, HoleState.CLOSED, "every part has an owner", remedy)
