"""`gatekit select` by a legacy policy: another system's choice from its own files, and called that everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from gatekit import __version__
from gatekit.candidates.legacy import CEBENCH, SAEBENCH, ResultFile, select_as_husai
from gatekit.errors import UsageError
from gatekit.evidence import find_summaries
from gatekit.evidence.several_files import write_together
from gatekit.evidence.strict_json import SUMMARY_LIMITS, read_json
from gatekit.exit_codes import ExitCode
from gatekit.policy import Policy
from gatekit.report import inert
from gatekit.report.json_values import written
from gatekit.report.verdict.wording import number

WARNING = "LEGACY: reproduces another system's choice, which depends on who else is compared; not for a release"


def select_legacy(paths: Sequence[str], policy: Policy, out: str | None, replace: bool) -> ExitCode:
    """Print, and write to `legacy_selection.json`, what HUSAI's selector makes of its own result files.

    No candidate file is written: `gatekit check` gates no legacy choice.

    Raises:
        UsageError: no file was named.
        GatekitError: a file is not strict JSON, or holds no records of a known kind.
    """
    if not paths:
        raise UsageError("a legacy selection needs HUSAI's own result files", "name its results.json files, in order")
    read = [
        read_json(path, SUMMARY_LIMITS) for path in dict.fromkeys(p for path in paths for p in find_summaries([path]))
    ]
    found = select_as_husai(policy, [ResultFile(document.path, document.value) for document in read])
    document: dict[str, Any] = {
        "legacy": True,
        "note": WARNING,
        "tool": {"name": "gatekit", "version": __version__},
        "policy": {"path": policy.path, "id": policy.id, "sha256": policy.sha256},
        "inputs": [{"path": file.path, "sha256": file.sha256} for file in read],
        **found,
    }
    if out is not None and found["selected_candidate"] is not None:
        remedy = "--replace overwrites an earlier selection; or choose another --out"
        write_together({Path(out) / "legacy_selection.json": written(document).encode()}, replace, remedy)
    click.echo("\n".join(_report(policy, found)))
    return ExitCode.INCONCLUSIVE if found["selected_candidate"] is None else ExitCode.PASS


def _report(policy: Policy, found: dict[str, Any]) -> list[str]:
    counts = found["counts"]
    lines = [
        f"selection by policy {inert.terminal(policy.id)}  {inert.terminal(policy.path)}",
        f"  {WARNING}",
        "",
        f"  {'joint':>7}  {'rows':>4}  {'front':<5}  {'SAEBench':>9}  {'CE-Bench':>8}  group, row that stands for it",
    ]
    for group in found["ranked_candidates"]:
        metrics = group["metrics"]
        values = [number(metrics[name]) if metrics[name] is not None else "-" for name in (SAEBENCH, CEBENCH)]
        name = inert.terminal(f"{group['group_id']}, {group['representative_condition_id']}")
        front = "yes" if group["selection"]["is_pareto"] else "no"
        joint = group["selection"]["joint_score"]
        lines.append(f"  {joint:>7.4f}  {group['seed_count']:>4}  {front:<5}  {values[0]:>9}  {values[1]:>8}  {name}")
    dropped = found["grouping_diagnostics"]["dropped_groups"]
    if dropped:
        lines.append(f"  dropped for too few rows: {inert.terminal(', '.join(dropped), 1000)}")
    selected = found["selected_candidate"]
    total = f"{counts['total_candidates']} candidates, {counts['eligible_seed_candidates']} eligible"
    if selected is None:
        return [*lines, "", f"selection: none (exit 3): {total}, no group left"]
    name = inert.terminal(selected["group_id"])
    groups = f"{counts['eligible_candidates']} groups, {counts['pareto_count']} on the front"
    return [*lines, "", f"selection: LEGACY {name} (exit 0): {total}, {groups}"]
