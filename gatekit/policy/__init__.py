"""Policies: strict YAML in, a typed Policy out, and the lint that refuses rules which cannot decide anything."""

from __future__ import annotations

from gatekit.policy.diff import PolicyDiff, diff_policies, diff_policy
from gatekit.policy.lint import lint
from gatekit.policy.loading import (
    duplicate_ids,
    find_policies,
    is_policy_name,
    parse_policy,
    read_policies,
    read_policy,
)
from gatekit.policy.model import Combined, Gate, Policy, Rule, Threshold, Waiver, thresholds

__all__ = [
    "Combined",
    "Gate",
    "Policy",
    "PolicyDiff",
    "Rule",
    "Threshold",
    "Waiver",
    "diff_policies",
    "diff_policy",
    "duplicate_ids",
    "find_policies",
    "is_policy_name",
    "lint",
    "parse_policy",
    "read_policies",
    "read_policy",
    "thresholds",
]
