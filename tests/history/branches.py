"""A branch that changes its evidence and its policies, with tags, and one hostile name in every place."""

from __future__ import annotations

from pathlib import Path

import repositories

from tests.pull_request.change import BASE, FILE, MEASURE, POLICY, random_model

TIGHTER = POLICY.replace("at_least: 0.1", "at_least: 0.2")
LONGER = {"policies/demo.yaml": POLICY.replace("  ood: {from: ood, measure: auc_drop, at_most: 0.1}\n", "")}


def branch(folder: Path, below: str = "") -> repositories.Builder:
    """Five commits on main: begin, worse evidence (v1), notes (v1.1), tighter policy, better evidence (v2)."""

    def placed(files: dict[str, repositories.Content]) -> dict[str, repositories.Content]:
        return {f"{below}{path}": content for path, content in files.items()}

    builder = repositories.Builder(folder)
    builder.commit("main", placed(dict(BASE) | LONGER), message="begin")
    builder.branch("refs/tags/v1", builder.commit("main", placed({FILE: random_model(above=0.05)}), message="worse"))
    builder.branch("refs/tags/v1.1", builder.commit("main", placed({"docs/notes.md": "More.\n"}), message="notes"))
    builder.commit("main", placed({"policies/demo.yaml": TIGHTER}), message="tighter")
    builder.branch("refs/tags/v2", builder.commit("main", placed({FILE: random_model(above=0.25)}), message="better"))
    builder.save()
    return builder


MEASURED_CODE = {"runners/measure.py": MEASURE.replace("1", "2")}
