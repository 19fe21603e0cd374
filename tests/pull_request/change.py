"""A small repository and the changes that pull requests make to it.

The base has one policy of three gates, three claims, a README that publishes them, evidence about two files of code,
and passes: `agree` and `alive` are supported by evidence; `ood` is pending, because nothing measured it yet.

    verdict = judged(tmp_path, {"README.md": README.replace("+0.2100", "+0.9000")})
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import builders
import repositories

from gatekit.evidence.times import parse_time
from gatekit.pull_request.approval import ApprovalSource
from gatekit.pull_request.judging import judge_pull_request
from gatekit.pull_request.verdict import PullRequestVerdict
from gatekit.repo import Repository, between

NOW = parse_time(builders.NOW)

POLICY = """\
schema: gatekit.policy/1
id: demo
defaults: {min_seeds: 5, max_age: 30d}
gates:
  random_model: {from: random_model, measure: pw_mcc_above_control, at_least: 0.1}
  alive: {from: random_model, measure: dead_fraction, at_most: 0.2}
  ood: {from: ood, measure: auc_drop, at_most: 0.1}
"""

CLAIMS = """\
schema: gatekit.claims/1
rules:
  documents: [README.md]
  unregistered_numbers: warn
  claim_language: "off"
claims:
  - id: agree
    sentence: Five SAEs agree more than their control, by {} on average.
    status: supported
    policy: demo
    gates: [random_model]
    evidence: [evidence/minilm]
  - id: alive
    sentence: Few of their latents are dead.
    status: supported
    policy: demo
    gates: [alive]
    evidence: [evidence/minilm]
  - id: ood
    sentence: They read text of another domain as well.
    status: pending
    policy: demo
    gates: [ood]
"""

FILE = "evidence/minilm/random_model.json"
OOD_FILE = "evidence/ood.json"

README = f"""\
# Seeds

<!-- gatekit:claim agree -->
Five SAEs agree more than their control, by
<!-- gatekit:value {FILE} pw_mcc_above_control estimate +.4f -->+0.2100<!-- /gatekit:value --> on average.
<!-- /gatekit:claim -->

<!-- gatekit:claim alive -->Few of their latents are dead.<!-- /gatekit:claim -->

<!-- gatekit:claim ood -->They read text of another domain as well.<!-- /gatekit:claim -->
"""

MEASURE = "def measure():\n    return 1\n"
CODE = {"runners/measure.py": MEASURE, "runners/domain.py": "def domain():\n    return 1\n"}


def random_model(
    above: float = 0.21, dead: float = 0.05, about: Sequence[Mapping[str, str]] | None = None, **changes: Any
) -> str:
    """A summary about runners/measure.py; `above` is the mean of pw_mcc_above_control, which spreads a little."""
    control = builders.around(0.41, 0.01, 10)
    return json.dumps(
        builders.summary(
            "random_model",
            {
                "pw_mcc_above_control": (builders.around(0.41 + above, 0.01 + above / 100, 10), control),
                "dead_fraction": builders.around(dead, 0.01, 5),
            },
            producer_changes={"sources": about or sources("runners/measure.py")},
            **changes,
        )
    )


def ood(drop: float = 0.04, **changes: Any) -> str:
    """A summary about runners/domain.py; `drop` is the mean of auc_drop."""
    observations = {"auc_drop": builders.around(drop, 0.02, 15)}
    return json.dumps(
        builders.summary("ood", observations, producer_changes={"sources": sources("runners/domain.py")}, **changes)
    )


def sources(path: str) -> list[dict[str, str]]:
    """What a summary says of the code that it depends on."""
    return [{"path": path, "sha256": sha256(CODE[path].encode()).hexdigest(), "by": "bytes"}]


BASE: Mapping[str, repositories.Content] = {
    "policies/demo.yaml": POLICY,
    "claims.yaml": CLAIMS,
    "README.md": README,
    "docs/notes.md": "Notes.\n",
    "schemas/summary.schema.json": "{}\n",
    FILE: random_model(),
    **CODE,
}


def withdrawn(claim: str, claims: str = CLAIMS, readme: str = README) -> dict[str, repositories.Content]:
    """The registry and the README without a claim."""
    before, _, rest = claims.partition(f"  - id: {claim}\n")
    _, mark, after = rest.partition("  - id: ")
    kept, _, rest = readme.partition(f"<!-- gatekit:claim {claim} -->")
    return {"claims.yaml": before + mark + after, "README.md": kept + rest.partition("<!-- /gatekit:claim -->")[2]}


def pending(claim: str) -> dict[str, repositories.Content]:
    """The registry with a claim whose status is pending."""
    return {"claims.yaml": with_status(claim, "pending")}


def with_status(claim: str, status: str, claims: str = CLAIMS) -> str:
    """The registry with another status of a claim."""
    before, mark, rest = claims.partition(f"  - id: {claim}\n")
    lines = rest.split("\n")
    lines[1] = f"    status: {status}"
    return before + mark + "\n".join(lines)


def repository(
    folder: Path,
    change: Mapping[str, repositories.Content],
    base: Mapping[str, repositories.Content] | None = None,
    main: Mapping[str, repositories.Content] | None = None,
) -> repositories.Builder:
    """A repository whose branch `feature` makes `change`; `main` is what the base branch does meanwhile."""
    builder = repositories.Builder(folder)
    start = builder.commit("main", dict(BASE) | dict(base or {}))
    builder.commit("feature", dict(change), parents=[start])
    if main is not None:
        builder.commit("main", dict(main))
    builder.save()
    return builder


def judged(
    folder: Path,
    change: Mapping[str, repositories.Content],
    base: Mapping[str, repositories.Content] | None = None,
    main: Mapping[str, repositories.Content] | None = None,
    labels: Sequence[str] = (),
    now: str = builders.NOW,
) -> PullRequestVerdict:
    """The verdict on `change`; `base` are changes to the base that it starts from."""
    repository(folder, change, base, main)
    with Repository.open(folder) as opened:
        sides = between(opened, "main", "feature")
        given = frozenset(label.format(head=sides.head[:7]) for label in labels)
        return judge_pull_request(opened, sides, parse_time(now), ApprovalSource(sides.head, given))
