"""The stop rules of a plan, from their YAML."""

from __future__ import annotations

from collections.abc import Collection

from gatekit.cycles.branches import MOST_BRANCHES
from gatekit.cycles.plan import FailedRuns, KeepBest, ParetoStop, Phase, PolicyStop, StopRule
from gatekit.cycles.quantities import NamedPaths
from gatekit.evidence.strict_yaml import Node
from gatekit.policy import fields

KEYS = ("policy", "base", "pareto", "keep_best", "failed_runs")
WHAT = ("policy", "pareto", "keep_best", "failed_runs")


def stop_rule(
    paths: NamedPaths, node: Node, stages: Collection[str], phases: Collection[Phase], is_default: bool
) -> StopRule:
    """Return one rule.

    Args:
        paths: of the plan, with its document.
        node: of the rule.
        stages: names of all stages, of which a base may be one.
        phases: of the stage that states it.
        is_default: whether it is for every stage, so that it says nothing about those without a pilot.
    """
    document = paths.document
    given = fields.mapping(document, node, "a stop rule", KEYS)
    told = [key for key in WHAT if key in given and not (key == "policy" and "keep_best" in given)]
    if len(told) != 1:
        message = "a stop rule is one of policy, pareto, keep_best (with its policy), failed_runs"
        raise fields.refusal(document, node, "several" if told else "missing_key", message)
    place = document.location(node)
    if "base" in given and told[0] not in ("policy", "pareto"):
        raise fields.refusal(document, given["base"], "unknown_key", f"{told[0]} compares with no base")
    if told[0] == "failed_runs":
        return _failed_runs(paths, given["failed_runs"])
    if "pilot" not in phases and not is_default:
        message = "this stage has no pilot phase, on which the rule would be judged"
        raise fields.refusal(document, node, "reference", message, "add phases: [pilot, full]")
    if told[0] == "keep_best":
        policy = paths.take(fields.required(document, node, given, "policy", "keep_best"), "policy")
        count = fields.integer(document, given["keep_best"], "keep_best", 1, MOST_BRANCHES)
        return KeepBest(policy, count, place)
    compared = base(paths, given["base"], stages) if "base" in given else None
    if told[0] == "policy":
        return PolicyStop(paths.take(given["policy"], "policy"), compared, place)
    if compared is None:
        message = "a pareto rule has no 'base'"
        raise fields.refusal(document, node, "missing_key", message, "name the incumbent's stage")
    return ParetoStop(paths.take(given["pareto"], "pareto"), compared, place)


def base(paths: NamedPaths, node: Node, stages: Collection[str]) -> str:
    """Return what is compared with: a stage, or a path of evidence."""
    told = fields.text(paths.document, node, "base")
    return told if told in stages else paths.take(node, "base")


def _failed_runs(paths: NamedPaths, node: Node) -> FailedRuns:
    document = paths.document
    given = fields.mapping(document, node, "failed_runs", ("more_than", "of_at_least"))
    share_node = fields.required(document, node, given, "more_than", "failed_runs")
    share = fields.number(document, share_node, "more_than")
    if not 0 <= share < 1:
        raise fields.refusal(document, share_node, "value", f"more_than {share:g} is no share: write 0.2 for 20 %")
    least = 1
    if "of_at_least" in given:
        least = fields.integer(document, given["of_at_least"], "of_at_least", 1, 1_000_000)
    return FailedRuns(share, least, document.location(node))
