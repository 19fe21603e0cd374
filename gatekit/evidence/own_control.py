"""A control that is the subject itself: refused, but where a kind foresees it and the summary says so.

A choice by layer may choose one architecture for every layer. What it is compared with, one architecture everywhere,
is then the same SAEs, and the difference is 0 by construction. That is a result; it is no finding of how close two
assignments are, and so it has to be said: `equal_by_construction: true` among the protocol's settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gatekit.errors import GatekitError
from gatekit.evidence.parsed_summary import subject_from
from gatekit.evidence.summary import MEASURED, Protocol
from gatekit.kinds import Kind, MeasureSpec

SETTING = "equal_by_construction"

Refuse = Callable[[str, str, str], GatekitError]


def is_own_control(measure: MeasureSpec, protocol: Protocol) -> bool:
    """Whether a measure's control is the subject itself, as reading the summary has checked."""
    return measure.may_be_its_control and protocol.settings.get(SETTING) is True


def says_so(document: Mapping[str, Any], kind: Kind) -> bool:
    """Whether a summary says that its control is the subject itself, and is of a kind in which it may be."""
    return bool(
        document["protocol"]["settings"].get(SETTING) is True and any(spec.may_be_its_control for spec in kind.measures)
    )


def check_control(document: Mapping[str, Any], kind: Kind, refuse: Refuse) -> None:
    """Refuse a control that shares SAEs with the subject, unless it says so and is the same in everything.

    A control of a kind that varies one part of the subject is refused where that part is the subject's own, and a
    re-initialised model where it is the subject's.

    Raises:
        GatekitError: `summary.self_baseline`; `summary.equal_by_construction`: it says so, and is not the same.
    """
    own = document["subject"]["checkpoints"]
    control = document["protocol"]["baseline"]["subject"]
    if says_so(document, kind):
        if control is None or control["checkpoints"] != own or not own:
            message = f"'{SETTING}' is said, and the baseline's checkpoints are not the subject's"
            raise refuse(SETTING, message, "/protocol/baseline/subject")
        for name, measurement in document["measurements"].items():
            columns = measurement.get("columns", {})
            if kind.by_name[name].compares and columns.get("baseline") != columns.get("candidate", ()):
                message = f"'{SETTING}' is said, and values of {name} differ from its baseline's"
                raise refuse(SETTING, message, f"/measurements/{name}")
        return
    if control is None:
        return
    varied = kind.control_differs_in
    if varied is not None and document["status"] in MEASURED and control[varied] == document["subject"][varied]:
        message = f"the control's {varied} is the candidate's, {control[varied]}, so that nothing was compared"
        raise refuse("self_baseline", message, f"/protocol/baseline/subject/{varied}")
    if document["protocol"]["baseline"]["kind"] == "random_model" and _same_weights(control, document["subject"]):
        message = "the re-initialised model is the candidate's own, by its digest"
        raise refuse("self_baseline", message, "/protocol/baseline/subject/model/digest")
    shared = {entry["sha256"] for entry in own} & {entry["sha256"] for entry in control["checkpoints"]}
    if shared or subject_from(control).digest == subject_from(document["subject"]).digest:
        raise refuse("self_baseline", "the baseline is the candidate itself", "/protocol/baseline/subject")


def _same_weights(control: Mapping[str, Any], subject: Mapping[str, Any]) -> bool:
    digest = control["model"]["digest"]
    return digest is not None and digest == subject["model"]["digest"]
