"""A policy mode as a third party's package brings it: the candidate whose name starts with a prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.evidence.strict_yaml import Node, YamlDocument
from gatekit.exit_codes import ExitCode
from gatekit.policy import fields
from gatekit.policy.mode import ModeChoice
from gatekit.policy.model import Policy


@dataclass(frozen=True)
class OtherSettings:
    prefix: str


@dataclass(frozen=True)
class OtherMode:
    keys: tuple[str, ...] = ("prefix",)

    def read(self, document: YamlDocument, node: Node) -> OtherSettings:
        given = fields.mapping(document, node, "a selection", ("method", "prefix"))
        return OtherSettings(fields.text(document, given["prefix"], "prefix"))

    def choose(self, policy: Policy, paths: Sequence[str]) -> ModeChoice:
        return ModeChoice((f"chosen among {len(paths)}",), (("choice.txt", b"a\n"),), ExitCode.PASS)


MODE = OtherMode()
