"""A summary in the making: what is known of it, each observation as it comes, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.errors import GatekitError, Location, did_you_mean
from gatekit.evidence import summary_parts
from gatekit.evidence.observations import ObservationError, Observations
from gatekit.evidence.subject_file import SubjectFacts
from gatekit.kinds import INSTALLED, Kinds

Json = dict[str, Any]

REQUIRED_OF_PROTOCOL = ("name", "rows", "datasets", "ks", "baseline", "selection", "settings")

NO_OBSERVATION = "there is no observation"
"""Phrase of a draft that nothing was observed of."""


class SummaryDraft:
    """The subject, the protocol and the observations of one summary.

    Args:
        kind: whose table says what can be measured.
        facts: subject and protocol as far as they were given.
        kinds: where the table is looked up.

    Raises:
        UsageError: there is no such kind.
    """

    def __init__(self, kind: str, facts: SubjectFacts, kinds: Kinds = INSTALLED) -> None:
        self.kind = kind
        self.facts = facts
        self.baselines = kinds.named(kind).baselines
        self.table = kinds.named(kind).by_name
        datasets = facts.protocol.get("datasets")
        self._datasets = None if datasets is None else [item["name"] for item in datasets]
        self._observations: dict[str, Observations] = {}

    def observe(self, measure: str, keys: Mapping[str, Any], value: Any, baseline: Any = None) -> None:
        """Take one observation of the candidate; see `Observations.add`.

        Raises:
            ObservationError: it is refused, and nothing changes.
        """
        self._of(measure).add(keys, value, baseline)

    def observe_control(self, measure: str, keys: Mapping[str, Any], value: Any) -> None:
        """Take one observation of a control group that is not paired; see `Observations.add_control`.

        Raises:
            ObservationError: it is refused, and nothing changes.
        """
        self._of(measure).add_control(keys, value)

    def missing(self) -> list[str]:
        """Return everything that still has to be said or observed, each as a phrase; empty when nothing is missing."""
        found = list(self.facts.missing)
        protocol = self.protocol()
        found += [f"protocol.{part}" for part in REQUIRED_OF_PROTOCOL if part not in protocol]
        taken = self._taken()
        if not taken:
            found.append(NO_OBSERVATION)
        control = (protocol.get("baseline") or {}).get("subject") or {}
        control_seeds = [entry["seed"] for entry in control.get("checkpoints", ())]
        for one in taken:
            datasets = self._datasets if self._datasets is not None else one.datasets
            found += one.missing(self.facts.seeds or [], datasets, control_seeds)
        return found

    def observed_seeds(self) -> list[int]:
        """Return the candidate's seeds that something was observed of, sorted."""
        return sorted({seed for one in self._taken() for seed in one.seeds})

    def observed_datasets(self) -> list[str]:
        """Return the datasets that something was observed on, sorted."""
        return sorted({dataset for one in self._taken() for dataset in one.datasets})

    def subject(self) -> Json:
        """Return the subject as far as it is known."""
        return dict(self.facts.subject)

    def protocol(self) -> Json:
        """Return the protocol, with everything filled in that follows from the kind and the observations."""
        protocol: Json = {
            "name": f"{self.kind}/1",
            "ks": [],
            "selection": {"candidates": 1, "seeds": []},
            "settings": {},
            **self.facts.protocol,
            "seeds": self.facts.seeds or [],
        }
        taken = self._taken()
        if "datasets" not in protocol and not any(one.datasets for one in taken):
            protocol["datasets"] = []
        baseline = self._baseline(taken)
        if "baseline" not in protocol and baseline is not None:
            protocol["baseline"] = baseline
        rows = self._rows(protocol, taken)
        if "rows" not in protocol and rows is not None:
            protocol["rows"] = rows
        return protocol

    def measurements(self) -> Json:
        """Return the observations in the summary's form; call it when nothing is missing."""
        return {
            one.measure.name: summary_parts.observed(one.measure, one.columns(), one.control_columns())
            for one in self._taken()
        }

    def _of(self, name: str) -> Observations:
        measure = self.table.get(name) if isinstance(name, str) else None
        if measure is None:
            near = did_you_mean(str(name), self.table) or f"known: {', '.join(sorted(self.table))}"
            raise ObservationError("measure", f"unknown measure {str(name)[:60]!r} of {self.kind}", "measure", near)
        if name not in self._observations:
            self._observations[name] = Observations(measure, self.facts.seeds, self._datasets)
        return self._observations[name]

    def _taken(self) -> list[Observations]:
        """Return the measures that something was observed of, by name."""
        return [one for _, one in sorted(self._observations.items()) if not one.empty]

    def _baseline(self, taken: Sequence[Observations]) -> Json | None:
        """Return the only baseline that there can be; None where the user has to say which."""
        compares = any(one.measure.compares for one in taken)
        if not compares and (not self.baselines or "none" in self.baselines):
            return {"kind": "none", "subject": None}
        allowed = [name for name in self.baselines if name not in ("none", "unknown")]
        return {"kind": allowed[0], "subject": None} if len(allowed) == 1 else None

    def _rows(self, protocol: Mapping[str, Any], taken: Sequence[Observations]) -> int | None:
        """Return how many rows each value was computed on, where the only dataset or the observed rows tell."""
        datasets = protocol.get("datasets", ())
        if len(datasets) == 1 and "rows" in datasets[0]:
            return int(datasets[0]["rows"])
        observed = {len(one.rows) for one in taken if one.rows}
        return observed.pop() if len(observed) == 1 else None


def incomplete(missing: Sequence[str], kind: str, table: str | None = None) -> GatekitError:
    """Return the one error that names all that is missing.

    Args:
        missing: phrases; those without a space are fields of the subject or the protocol.
        kind: of the summary.
        table: path of the observations, where they came from a file.
    """
    fields = [phrase for phrase in missing if " " not in phrase]
    others = [phrase for phrase in missing if " " in phrase]
    parts = ([f"missing {', '.join(fields)}"] if fields else []) + others
    observations = "" if table is None else f" --csv {table}"
    remedy = f"`gatekit new subject {kind}{observations}` writes a subject file with a null for each of them"
    return GatekitError(
        "observation.incomplete",
        f"the evidence is incomplete: {'; '.join(parts)}",
        None if table is None else Location(table),
        remedy if fields else None,
    )
