"""What an assignment sweep makes of its records together: drops, joint scores, Pareto front, ranking, acceptance."""

from __future__ import annotations

from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.assignment_record import Record
from gatekit_husai.importing.assignment_rules import SCORED, acceptance, joint_scores, on_the_front, ranking
from gatekit_husai.importing.context import close

LIMITS = ("min_internal_lcb", "max_ev_drop", "min_saebench_delta", "min_cebench_delta")


def check_sweep(file: Field, records: list[Record]) -> None:
    """Refuse a sweep whose scores, front, ranking or acceptance its records do not give.

    Raises:
        GatekitError: `adapter.contradiction` at the first that they do not give, `adapter.incomplete` without records.
    """
    if not records:
        raise file["records"].refuse("incomplete", "the sweep has no record")
    _check_lambdas(records)
    _check_drops(records)
    weights = file.at("config", "weights")
    # The bounds may differ in their last digits from one machine to another: what is ranked is what the file says.
    rows = [record.metrics for record in records]
    scores = joint_scores(rows, {name: weights[name].number(0) for name in SCORED})
    front = on_the_front(rows)
    for record, score, is_on_it in zip(records, scores, front, strict=True):
        selection = record.field["selection"]
        selection["weights"].equals(weights)
        close(selection["joint_score"], score, "the weighted sum of the scaled metrics")
        if selection["is_pareto"].boolean() is not is_on_it:
            message = "no other record dominates this one" if is_on_it else "another record dominates this one"
            raise selection["is_pareto"].refuse("contradiction", message)
    stated = [record.field.at("selection", "joint_score").number() for record in records]
    order = ranking(rows, stated, front)
    _check_copies(file["pareto_front"], [record for record, is_on_it in zip(records, front, strict=True) if is_on_it])
    _check_copies(file["ranked"], [records[index] for index in order])
    best = records[order[0]]
    _check_copy(file["selected"], best)
    _check_acceptance(file["acceptance"], best)


def _check_lambdas(records: list[Record]) -> None:
    seen: set[float] = set()
    for record in records:
        if record.strength in seen:
            raise record.field["lambda_consistency"].refuse("contradiction", "this lambda is there twice")
        seen.add(record.strength)


def _check_drops(records: list[Record]) -> None:
    """Refuse a drop that is not measured from lambda 0, or from the highest variance where that was not trained."""
    without = [record.variance for record in records if record.strength < 1e-12]
    start = without[0] if without else max(record.variance for record in records)
    for record in records:
        what = "the variance at lambda 0 minus that at this one" if without else "the highest variance minus this one"
        close(record.field.at("selection_metrics", "ev_drop"), start - record.variance, what)


def _check_copies(listed: Field, records: list[Record]) -> None:
    """Refuse a list that does not hold copies of these very records, in this order."""
    copies = listed.items()
    if len(copies) != len(records):
        raise listed.refuse("contradiction", f"{len(copies)} records are here, {len(records)} belong here")
    for copy, record in zip(copies, records, strict=True):
        _check_copy(copy, record)


def _check_copy(copy: Field, record: Record) -> None:
    if copy.value != record.field.value:
        raise copy.refuse("contradiction", f"the record at {record.field.source} belongs here")


def _check_acceptance(stated: Field, best: Record) -> None:
    close(stated["best_lambda"], best.strength, "the first of the ranking")
    stated["best_checkpoint"].equals(best.field["selected_checkpoint"])
    limits = {name: stated[name].number() for name in LIMITS}
    gates = acceptance(best.metrics, limits, stated["require_external"].boolean())
    for name, passes in gates.items():
        if stated[name].boolean() is not passes:
            raise stated[name].refuse("contradiction", f"it {'passes' if passes else 'fails'} by its own numbers")
