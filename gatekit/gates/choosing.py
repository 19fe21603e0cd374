"""The one summary that can answer a threshold, or why none can."""

from __future__ import annotations

from gatekit.errors import first_few
from gatekit.evidence.summary import Measurement, Summary
from gatekit.gates.context import EvaluationContext
from gatekit.gates.verdict import Why
from gatekit.policy.evidence_folders import nearest
from gatekit.policy.model import Threshold


def chosen(rule: Threshold, context: EvaluationContext) -> tuple[Summary, Measurement] | tuple[Why, str]:
    """Return what answers every threshold on a rule's kind, measure and protocol, or why nothing does."""
    asked = (rule.kind, rule.measure.name, rule.protocol)
    if asked not in context.chosen:
        context.chosen[asked] = _choose(rule, context)
    return context.chosen[asked]


def _where(rule: Threshold, context: EvaluationContext) -> str:
    """Return where evidence was looked for, in words, and which folder was perhaps meant; nothing where everywhere."""
    folders = context.policy.evidence
    if not folders:
        return ""
    more = f" and {len(folders) - 3} more" if len(folders) > 3 else ""
    meant = nearest(folders, [s.path for s in context.outside if s.kind == rule.kind])
    return f" in {', '.join(folders[:3])}{more}, which is all that the policy reads" + (f"; {meant}" if meant else "")


def _choose(rule: Threshold, context: EvaluationContext) -> tuple[Summary, Measurement] | tuple[Why, str]:
    name = rule.measure.name
    of_kind = [s for s in context.summaries if s.kind == rule.kind]
    if context.several_subjects is not None:
        return Why.SEVERAL_SUBJECTS, context.several_subjects
    if context.two_names is not None:
        return Why.IMPLAUSIBLE, context.two_names
    if not of_kind:
        # Said before files that could not be read: evidence that is there explains more.
        elsewhere = min((s for s in context.others if s.kind == rule.kind), key=lambda s: s.path, default=None)
        if elsewhere is not None:
            reason = f"{elsewhere.path} measured another subject than the policy names: {elsewhere.subject.words}"
            return Why.ANOTHER_SUBJECT, reason
        files = f"{context.refused} evidence file{'s' * (context.refused != 1)}"
        refused = f" could be read; {files} refused, see the errors" if context.refused else ""
        return Why.MISSING, f"no {rule.kind} summary{_where(rule, context)}{refused}"
    usable = [s for s in of_kind if s.is_measured and name in s.measurements]
    if not usable:
        broken = min((s for s in of_kind if not s.is_measured), key=lambda s: s.path, default=None)
        if broken is not None:
            return Why.RUN_FAILED, f"the run of {broken.path} {broken.status}: {broken.reason}"
        there = sorted({m for s in of_kind for m in s.measurements})
        return Why.MISSING, f"{of_kind[0].path} holds no {name}; it holds {', '.join(there)}"
    if rule.protocol is not None:
        usable = [s for s in usable if s.protocol.name == rule.protocol]
        if not usable:
            return Why.MISSING, f"no {rule.kind} summary follows protocol {rule.protocol}"
    # Two protocols or two subjects: choosing either would be choosing the result.
    protocols = {(s.protocol.digest, s.subject.digest): s for s in sorted(usable, key=lambda s: s.path)}
    if len(protocols) > 1:
        named = first_few([s.path for s in protocols.values()])
        why = Why.SEVERAL_PROTOCOLS if len({key[0] for key in protocols}) > 1 else Why.SEVERAL_SUBJECTS
        return why, f"these are not comparable and none is named by the policy: {named}"
    # Equal observations (contradictions were refused on reading): the newest run says how old they are.
    summary = max(usable, key=lambda s: (s.finished, s.sha256))
    return summary, summary.measurements[name]
