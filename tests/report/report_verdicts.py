"""Verdicts made by hand, one per thing that a report must show; the numbers are invented but agree with each other."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from gatekit.errors import GatekitError, Location
from gatekit.exit_codes import ExitCode
from gatekit.gates.effect import Effect
from gatekit.gates.verdict import (
    BoundedEstimate,
    CombinedResult,
    EvidenceRead,
    EvidenceUsed,
    GateResult,
    Outcome,
    PolicyResult,
    RuleResult,
    ThresholdResult,
    Verdict,
    WaiverUsed,
    Why,
)
from gatekit.kinds import INSTALLED, MeasureSpec
from gatekit.policy.limits import AtLeast, AtMost, Between, Limits

PATH = "policies/release.yaml"
WEAK = "the estimate meets the threshold, but the bound does not: the evidence is too weak for it"
SUBJECT = "3e" * 32
SUBJECT_WORDS = "all-minilm-l6-v2 blocks.3.hook_resid_post topk d_sae=1536 k=32 x5 seeds [3e3e3e3e3e3e]"


def at(line: int, column: int = 7) -> Location:
    return Location(PATH, line, column)


def evidence(kind: str) -> EvidenceUsed:
    return EvidenceUsed(f"evidence/minilm/{kind}.json", "ab" * 32, SUBJECT, f"{kind}-v1")


def threshold(
    kind: str,
    measure: str,
    limit: tuple[float | None, float | None],
    estimate: float | None,
    edge: float | None = None,
    outcome: Outcome = Outcome.PASS,
    line: int = 10,
    **changes: Any,
) -> ThresholdResult:
    """A judged threshold whose bound is `edge`; `estimate=None` makes one that nothing was measured for."""
    low, high = limit
    limits: Limits
    if low is not None and high is not None:
        limits = Between(low, high)
    elif low is not None:
        limits = AtLeast(low)
    else:
        assert high is not None
        limits = AtMost(high)
    measured = None
    if estimate is not None:
        half = None if edge is None else abs(estimate - edge)
        above = math.inf if low is None else estimate - (half or 0.0) - low
        below = math.inf if high is None else high - estimate - (half or 0.0)
        measured = BoundedEstimate(
            estimate=estimate,
            lower=None if half is None else estimate - half,
            upper=None if half is None else estimate + half,
            standard_error=None if half is None else half / 2.132,
            df=None if half is None else 4.0,
            confidence=None if half is None else 0.95,
            n_seeds=5,
            n_observations=10,
            method="t over seeds" if half is not None else "mean",
            margin=min(above, below),
            detectable=None if half is None else half * 1.5,
        )
    result = ThresholdResult(
        outcome=outcome,
        why=Why.MEASURED if measured else Why.MISSING,
        reason="the bound meets the threshold",
        effect=Effect(kind, spec(kind, measure), "value", limits),
        bound="confidence",
        self_reported=False,
        measured=measured,
        evidence=evidence(kind) if measured else None,
        notes=(),
        location=at(line, 9),
    )
    return replace(result, **changes)


def spec(kind: str, measure: str) -> MeasureSpec:
    """The measure, in cosines; one that no table knows, as names of others may be, is without limits."""
    known = INSTALLED.measures(kind).get(measure)
    unlimited = MeasureSpec(measure, "What is measured.", "cosine", "higher", (-math.inf, math.inf), "per_seed")
    return unlimited if known is None else replace(known, unit="cosine")


def combined(operator: str, *children: RuleResult, outcome: Outcome, reason: str, line: int = 12) -> CombinedResult:
    return CombinedResult(outcome, Why.COMBINED, reason, operator, children, at(line, 9))  # type: ignore[arg-type]


def gate(name: str, result: RuleResult, line: int = 9, **changes: Any) -> GateResult:
    made = GateResult(
        name=name,
        description=None,
        result=result,
        required=True,
        level="enforce",
        waiver=None,
        location=at(line, 3),
    )
    return replace(made, **changes)


def policy(*gates: GateResult, code: ExitCode = ExitCode.PASS, **changes: Any) -> PolicyResult:
    made = PolicyResult(
        path=PATH,
        id="release",
        sha256="cd" * 32,
        legacy=False,
        subject=SUBJECT_WORDS,
        gates=gates,
        code=code,
        notes=(),
    )
    return replace(made, **changes)


def verdict(*policies: PolicyResult, code: ExitCode = ExitCode.PASS, **changes: Any) -> Verdict:
    made = Verdict(
        version="0.1.0",
        now=datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC),
        policies=policies,
        evidence=tuple(
            EvidenceRead(f"evidence/minilm/{kind}.json", "ab" * 32, kind, "ok", SUBJECT)
            for kind in ("ood", "random_model")
        ),
        errors=(),
        code=code,
        advisory=False,
    )
    return replace(made, **changes)


RANDOM_MODEL = gate(
    "random_model", threshold("random_model", "pw_mcc_above_control", (0.0, None), 0.1234321, 0.0812094), line=9
)
TRANSCODER = gate(
    "transcoder",
    threshold("transcoder", "sae_minus_transcoder", (-0.02, None), -0.0041, -0.01172, line=11),
    line=10,
    description="The SAE may be at most 0.02 worse than a transcoder.",
)
HEALTH = gate(
    "health",
    combined(
        "all_of",
        threshold("random_model", "r2", (0.5, None), 0.81234, 0.79901, line=21),
        threshold("random_model", "l0", (None, 64.0), 31.874, 33.0, line=22),
        threshold("random_model", "dead_fraction", (None, 0.2), 0.000412, 0.00093, line=23),
        outcome=Outcome.PASS,
        reason="3 pass",
        line=20,
    ),
    line=19,
)
OOD_FAILS = gate(
    "ood",
    combined(
        "all_of",
        threshold(
            "ood",
            "auc_drop",
            (None, 0.10),
            0.0871,
            0.1234,
            Outcome.FAIL,
            line=14,
            reason=WEAK,
        ),
        threshold("ood", "relative_drop", (None, 0.50), 0.3021, 0.4122, line=15),
        outcome=Outcome.FAIL,
        reason="1 pass, 1 fail",
        line=13,
    ),
    line=12,
)
EXTERNAL_MISSING = gate(
    "external",
    combined(
        "all_of",
        threshold("saebench", "auc_delta", (0.0, None), 0.00211, 0.00034, line=17),
        threshold(
            "cebench",
            "interpretability_delta",
            (0.0, None),
            None,
            outcome=Outcome.INCONCLUSIVE,
            line=18,
            reason="no cebench summary",
        ),
        outcome=Outcome.INCONCLUSIVE,
        reason="1 pass, 1 inconclusive",
        line=16,
    ),
    line=15,
)
FAILS = threshold(
    "random_model",
    "pw_mcc_above_control",
    (0.0, None),
    0.0213,
    -0.0088,
    Outcome.FAIL,
    reason=WEAK,
)
WAIVED = gate(
    "random_model",
    FAILS,
    description="Training on the real model makes SAEs agree more than training on a random one.",
    waiver=WaiverUsed("alice", "the control run is repeated with more text", date(2026, 12, 31), at(40, 5)),
)
WARNS = gate("stability", replace(FAILS, location=at(30, 9)), line=29, level="warn")
OPTIONAL = gate(
    "extra",
    threshold(
        "ood",
        "auc_drop",
        (None, 0.1),
        None,
        None,
        Outcome.INCONCLUSIVE,
        line=33,
        why=Why.TOO_FEW_SEEDS,
        reason="1 seed; the policy needs 5",
    ),
    line=32,
    required=False,
)
POINT = gate(
    "mean_only",
    threshold("saebench", "auc_delta", (0.0, None), 0.0123, None, bound="point", line=36),
    line=35,
)
REPORTED = gate(
    "reported",
    threshold(
        "cebench",
        "interpretability_delta",
        (0.0, None),
        1.25,
        1.01,
        self_reported=True,
        notes=("measured with uncommitted changes in the repository",),
        line=38,
    ),
    line=37,
)
BETWEEN = gate("density", threshold("random_model", "l0", (16.0, 64.0), 31.874, 30.5, line=42), line=41)
NESTED = gate(
    "nested",
    combined(
        "any_of",
        combined(
            "all_of",
            threshold("ood", "auc_drop", (None, 0.1), 0.0871, 0.1234, Outcome.FAIL, line=46, reason=WEAK),
            threshold("ood", "relative_drop", (None, 0.5), 0.3021, 0.4122, line=47),
            outcome=Outcome.FAIL,
            reason="1 pass, 1 fail",
            line=45,
        ),
        combined(
            "first_of",
            threshold(
                "saebench", "a_measurement_whose_name_is_far_too_long_for_a_column", (0.0, None), 12345.678, 12001.5
            ),
            outcome=Outcome.PASS,
            reason="decided by alternative 1 of 1: the first that was measured",
            line=48,
        ),
        outcome=Outcome.PASS,
        reason="1 pass, 1 fail",
        line=44,
    ),
    line=43,
)

ALL_MISSING = gate(
    "ood",
    combined(
        "all_of",
        threshold("ood", "auc_drop", (None, 0.1), None, outcome=Outcome.INCONCLUSIVE, reason="no ood summary"),
        threshold("ood", "relative_drop", (None, 0.5), None, outcome=Outcome.INCONCLUSIVE, reason="no ood summary"),
        outcome=Outcome.INCONCLUSIVE,
        reason="2 inconclusive",
    ),
)

ERRORS = (
    GatekitError(
        "policy.unknown_measure",
        "unknown measure 'auc_dleta' of saebench",
        Location(PATH, 14, 33, source_line="      {from: saebench, measure: auc_dleta, at_least: 0.0}"),
        "did you mean 'auc_delta'?",
    ),
    GatekitError(
        "summary.aggregate",
        "the recorded mean 0.41 is not the mean 0.38 of the observations",
        Location("evidence/minilm/ood.json", pointer="/measurements/auc_drop/aggregates/mean"),
        "write the summary again",
    ),
    GatekitError("evidence.none", "no summary was found under evidence/"),
)

VERDICTS: dict[str, Verdict] = {
    "pass": verdict(policy(RANDOM_MODEL, TRANSCODER, HEALTH)),
    "blocked": verdict(
        policy(RANDOM_MODEL, OOD_FAILS, EXTERNAL_MISSING, HEALTH, code=ExitCode.BLOCKED), code=ExitCode.BLOCKED
    ),
    "inconclusive": verdict(
        policy(RANDOM_MODEL, EXTERNAL_MISSING, code=ExitCode.INCONCLUSIVE), code=ExitCode.INCONCLUSIVE
    ),
    "waived": verdict(policy(WAIVED, HEALTH, WARNS, OPTIONAL)),
    "weaker": verdict(
        policy(
            POINT,
            REPORTED,
            BETWEEN,
            NESTED,
            legacy=True,
            notes=("legacy policy: reproduces another system's rules, fallbacks included; not for a release",),
        )
    ),
    "two_policies": verdict(
        policy(RANDOM_MODEL, HEALTH),
        policy(
            gate("random_model", FAILS),
            code=ExitCode.BLOCKED,
            id="nightly",
            path="policies/nightly.yaml",
            subject=None,
        ),
        code=ExitCode.BLOCKED,
    ),
    "refused": verdict(code=ExitCode.REFUSED, errors=ERRORS, evidence=()),
    "refused_in_part": verdict(policy(RANDOM_MODEL, HEALTH), code=ExitCode.REFUSED, errors=ERRORS[1:2]),
    "advisory": verdict(policy(RANDOM_MODEL, OOD_FAILS, code=ExitCode.BLOCKED), code=ExitCode.BLOCKED, advisory=True),
    "all_missing": verdict(policy(ALL_MISSING, code=ExitCode.INCONCLUSIVE), code=ExitCode.INCONCLUSIVE, evidence=()),
    "nothing": verdict(code=ExitCode.INCONCLUSIVE, evidence=()),
}


# Pieces that a runner, a terminal or a parser would act on, and plain ones between them.
PIECES = (
    "::", ":", "##[", "#", "[", "]", "set-output name=verdict", "error", "\n::error::x", "\n##[warning]x", "%0A",
    "\n", "\r", "\t", "\0", "\u2028", "\x85", "\x1b[31m", "\x9b", "\u202e", "\u200b", "\ud800", "\ufffe",
    "|", "\\", "`", "``", "*", "_", "- ", "@team", "www.e.x", "[x](http://e.x)", "<b>", "&", '"', "'", "]]>", "-->",
    "a", " ", "verdict: pass (exit 0)",
)  # fmt: skip


def hostile_text() -> st.SearchStrategy[str]:
    """Text made of such pieces, in any order."""
    return st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def hostile(text: str) -> Verdict:
    """A verdict with the same text in every field that another person writes."""
    place = Location(text, 3, 2, source_line=text)
    rule = replace(
        FAILS,
        reason=text,
        effect=replace(
            FAILS.effect, kind=text, spec=replace(FAILS.effect.spec, name=text, unit=text, description=text)
        ),
        notes=(text,),
        location=place,
        evidence=EvidenceUsed(text, "ab" * 32, text, text),
    )
    both = CombinedResult(Outcome.FAIL, Why.COMBINED, text, "all_of", (rule, replace(rule, self_reported=True)), place)
    gates = (
        gate(text, rule, description=text, location=place),
        gate(text + "2", both, location=place, level="warn"),
        gate(text + "3", both, location=place, waiver=WaiverUsed(text, text, date(2026, 12, 31), place)),
        gate(text + "4", replace(rule, outcome=Outcome.PASS), location=place),
    )
    return verdict(
        policy(*gates, code=ExitCode.BLOCKED, path=text, id=text, subject=text, notes=(text,), legacy=True),
        code=ExitCode.REFUSED,
        evidence=(EvidenceRead(text, "ab" * 32, text, text, text),),
        errors=(
            GatekitError(f"x.{text}", text, place, text),
            GatekitError("json.pointer", text, Location(text, pointer=text), text),
        ),
        version=text,
    )
