"""All that policies are judged with, read once and handed on together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gatekit.errors import GatekitError
from gatekit.evidence.summary import Summary
from gatekit.gates.evaluate import Signer, evaluate
from gatekit.gates.verdict import Verdict
from gatekit.policy.model import Policy
from gatekit.registration.standing import Standing


@dataclass(frozen=True)
class JudgingInputs:
    """What `evaluate` takes; its docstring says what each is."""

    policies: Sequence[Policy]
    summaries: Sequence[Summary]
    now: datetime
    errors: Sequence[GatekitError] = ()
    base: Sequence[Summary] | None = None
    signers: Mapping[str, frozenset[Signer]] | None = None
    standings: Mapping[str, Standing] | None = None

    def verdict(self, advisory: bool = False) -> Verdict:
        """Judge every policy."""
        return evaluate(
            self.policies,
            self.summaries,
            self.now,
            self.errors,
            advisory,
            self.base,
            self.signers,
            standings=self.standings,
        )
