"""The policy mode `husai`: that system's choice from its own files, and called that everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatekit import __version__
from gatekit.errors import UsageError
from gatekit.evidence import find_summaries
from gatekit.evidence.strict_yaml import Node, YamlDocument
from gatekit.exit_codes import ExitCode
from gatekit.policy.mode import ModeChoice
from gatekit.policy.model import Policy
from gatekit.report import inert
from gatekit.report.json_values import written
from gatekit.report.verdict.wording import number
from gatekit_husai.result_files import read_result
from gatekit_husai.selecting import CEBENCH, SAEBENCH, ResultFile, select_as_husai
from gatekit_husai.settings import KEYS, HusaiSettings, read_settings

WARNING = "LEGACY: reproduces another system's choice, which depends on who else is compared; not for a release"


@dataclass(frozen=True)
class HusaiMode:
    """Policies that reproduce HUSAI's choice; see `gatekit.policy.mode.PolicyMode`."""

    keys: tuple[str, ...] = KEYS

    def read(self, document: YamlDocument, node: Node) -> HusaiSettings:
        """Return the settings of a selection."""
        return read_settings(document, node)

    def choose(self, policy: Policy, paths: Sequence[str]) -> ModeChoice:
        """Return what HUSAI's selector makes of its own result files, for `legacy_selection.json`.

        No candidate file is written: `gatekit check` gates no legacy choice.

        Raises:
            UsageError: no file was named.
            GatekitError: a file is not strict JSON, or holds no records of a known kind.
        """
        if not paths:
            remedy = "name its results.json files, in order"
            raise UsageError("a legacy selection needs HUSAI's own result files", remedy)
        files = dict.fromkeys(file for path in paths for file in find_summaries([path]))
        read = [read_result(file) for file in files]
        found = select_as_husai(policy, [ResultFile(each.path, each.value) for each in read])
        selected = found["selected_candidate"] is not None
        document: dict[str, Any] = {
            "legacy": True,
            "note": WARNING,
            "tool": {"name": "gatekit", "version": __version__},
            "policy": {"path": policy.path, "id": policy.id, "sha256": policy.sha256},
            "inputs": [{"path": file.path, "sha256": file.sha256} for file in read],
            **found,
        }
        return ModeChoice(
            lines=tuple(_report(policy, found)),
            files=(("legacy_selection.json", written(document).encode()),) if selected else (),
            code=ExitCode.PASS if selected else ExitCode.INCONCLUSIVE,
        )


MODE = HusaiMode()


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
