"""Write evidence from Python: say what is measured, observe value by value, write.

    builder = SummaryBuilder("steering", subject="subject.yaml")
    for seed in (0, 1, 2):
        builder.observe("success_rate", seed=seed, value=measure(seed))
    builder.write("evidence")

Everything that can be known is filled in: unit, direction, range and design from the kind's table, the digest of the
configuration, the versions of the packages that were used, the commit and the digests of the sources when the builder
was made, and both times. What the builder writes is what `gatekit check` accepts; it writes nothing else.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatekit.errors import GatekitError, Location
from gatekit.evidence import provenance, summary_parts
from gatekit.evidence.atomic import write_whole
from gatekit.evidence.canonical import sha256_of
from gatekit.evidence.draft import SummaryDraft, incomplete
from gatekit.evidence.kind_files import own_kinds
from gatekit.evidence.parsed_summary import subject_from
from gatekit.evidence.plain_values import plain_value
from gatekit.evidence.reading import read_summary
from gatekit.evidence.schemas import part_faults
from gatekit.evidence.sources import source_entries
from gatekit.evidence.subject_file import SubjectFacts, protocol_facts, read_subject_file, subject_facts
from gatekit.evidence.writing import summary_bytes
from gatekit.kinds import FOLDER, Kinds

PathLike = str | os.PathLike[str]


class SummaryBuilder:
    """One summary of one subject, from its first observation to its file.

    Make it before measuring: the commit, the sources and the starting time are those of this moment.

    Args:
        kind: what is measured, the name of a table of measures.
        subject: a file (`subject.yaml`), or a mapping with its parts; or give the parts as keywords.
        protocol: a mapping with `name`, `rows`, `datasets`, `baseline`, ...; those of the subject file that it does not
            name stay.
        config: the run's configuration, plain data without run id and absolute paths.
        sources: files of the repository that the numbers depend on, beside the script that runs. The evidence goes
            stale when one of them changes.
        inputs: `{name, sha256, rows}` of what was read.
        artifacts: `{name, sha256, bytes, uri}` of checkpoints and logs that live elsewhere.
        device: where it ran, such as "cpu" or "cuda: H100".
        determinism: flags that fix the arithmetic.
        kinds: where the table is looked up; those of the repository (`kinds/*.yaml`) are found by themselves.
        parts: of the subject: `model`, `hook`, `d_model`, `architecture`, `d_sae`, `k`, `checkpoints`.

    Raises:
        UsageError: there is no such kind, or a source is not in the repository.
        GatekitError: `subject.*`: a part of subject or protocol cannot be what it says; `kind.*`: a table of the
            repository cannot be used.
    """

    def __init__(
        self,
        kind: str,
        subject: PathLike | Mapping[str, Any] | None = None,
        protocol: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        sources: Sequence[PathLike] = (),
        inputs: Sequence[Mapping[str, Any]] = (),
        artifacts: Sequence[Mapping[str, Any]] = (),
        device: str = "unrecorded",
        determinism: Mapping[str, Any] | None = None,
        kinds: Kinds | None = None,
        **parts: Any,
    ) -> None:
        started = provenance.utc_now()
        self._began = time.monotonic()
        # Copies throughout, because the caller's own objects may change while it measures.
        facts = _facts(deepcopy(subject), deepcopy(parts), deepcopy(protocol))
        root = provenance.repository_root(Path()) or Path.cwd()
        self._kinds = kinds if kinds is not None else own_kinds(os.fspath(root / FOLDER))
        self._draft = SummaryDraft(kind, facts, self._kinds)
        named = [os.fspath(source) for source in (*facts.sources, *sources, *_script(root))]
        entries = source_entries(named, os.fspath(root))
        git = provenance.git_state(root, [entry["path"] for entry in entries])
        self._producer: dict[str, Any] = summary_parts.producer(
            command=["python", *map(provenance.shown_argument, sys.argv)],
            config=plain_value(config or {}, "config"),
            started=started,
            finished=started,
            commit=git.commit,
            dirty=git.dirty,
            inputs=plain_value(inputs, "inputs"),
            device=device,
            determinism=plain_value(determinism, "determinism"),
        )
        if entries:
            self._producer["sources"] = entries
        self._artifacts: list[dict[str, Any]] = plain_value(artifacts, "artifacts")
        # Now, and not after hours of measuring.
        _check_parts("producer", self._producer)
        for artifact in self._artifacts:
            _check_parts("artifact", artifact)

    def observe(
        self,
        measure: str,
        *,
        value: Any,
        baseline: Any = None,
        seed: Any = None,
        seed_a: Any = None,
        seed_b: Any = None,
        dataset: str | None = None,
        row: Any = None,
    ) -> None:
        """Take one observation; it is checked now, and an observation that is refused changes nothing.

        Args:
            measure: a name of the kind's table.
            value: the candidate's, a finite number.
            baseline: the control's for the same key, where the measure is a difference to a control.
            seed: of the candidate, for designs per seed, per dataset and per row.
            seed_a: of a pair.
            seed_b: of a pair.
            dataset: name, for designs per dataset.
            row: number, for designs per row.

        Raises:
            ObservationError: an unknown measure, a value out of range, keys that the measure does not have, a seed
                without checkpoint, or a key that was there before.
        """
        keys = {"seed": seed, "seed_a": seed_a, "seed_b": seed_b, "dataset": dataset, "row": row}
        self._draft.observe(measure, keys, value, baseline)

    def observe_control(
        self, measure: str, *, value: Any, seed: Any = None, seed_a: Any = None, seed_b: Any = None
    ) -> None:
        """Take one observation of a control group that has seeds of its own: it is compared without pairs.

        Raises:
            ObservationError: as `observe`, and for a measure that has no unpaired control.
        """
        self._draft.observe_control(measure, {"seed": seed, "seed_a": seed_a, "seed_b": seed_b}, value)

    def missing(self) -> list[str]:
        """Return everything that `write` would still ask for, each as a phrase; empty when the evidence is complete."""
        return self._draft.missing()

    def write(self, place: PathLike) -> Path:
        """Write the summary whole and return its path.

        Args:
            place: a name that ends in .json, or a folder, made where there is none; the file's name is then made of the
                kind and of the digest of subject and protocol, so that measuring again replaces it.

        Raises:
            GatekitError: `observation.incomplete` names all that is missing; the gate would refuse the summary; another
                summary stands in its place; or it cannot be written. Any older file stays as it was.
        """
        missing = self._draft.missing()
        if missing:
            raise incomplete(missing, self._draft.kind)
        times = provenance.run_times(self._producer["started"], self._began)
        ended = {"packages": provenance.loaded_packages(), **times}
        made = summary_parts.summary(
            self._draft.kind,
            subject=self._draft.subject(),
            producer={**self._producer, **ended},
            protocol=self._draft.protocol(),
            measurements=self._draft.measurements(),
            artifacts=self._artifacts,
        )
        document: dict[str, Any] = plain_value(made, os.fspath(place))
        path = Path(place)
        if path.suffix != ".json":
            path = path / _file_name(document)
        data = summary_bytes(document, os.fspath(path), self._kinds)
        _check_place(path, document, self._kinds)
        write_whole(path, data)
        return path


def _facts(
    subject: PathLike | Mapping[str, Any] | None, parts: Mapping[str, Any], protocol: Mapping[str, Any] | None
) -> SubjectFacts:
    if subject is not None and parts:
        named = ", ".join(sorted(parts))
        raise GatekitError("subject.refused", f"both a subject and its parts are given: {named}", remedy="give one")
    if subject is None or isinstance(subject, Mapping):
        facts = subject_facts(parts if subject is None else subject)
    else:
        facts = read_subject_file(subject)
    if protocol is None:
        return facts
    given, missing = protocol_facts(protocol)
    kept = [phrase for phrase in facts.missing if phrase.startswith("subject.")]
    if facts.protocol:
        # What is said here replaces what the file says, part by part.
        kept = [phrase for phrase in facts.missing if not _replaced(phrase, given)]
    return replace(facts, protocol={**facts.protocol, **given}, missing=(*kept, *missing))


def _replaced(phrase: str, given: Mapping[str, Any]) -> bool:
    return ("datasets" in given and phrase.startswith("the dataset ")) or (
        "baseline" in given and phrase.startswith("protocol.baseline")
    )


def _script(root: Path) -> list[Path]:
    """Return the file that this process runs; none in a notebook, at a prompt, or for an installed command."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if not file or not os.path.isfile(file):
        return []
    script = Path(file).resolve()
    installed = "site-packages" in script.parts or script.is_relative_to(Path(sys.prefix).resolve())
    return [script] if script.is_relative_to(root) and not installed else []


def _check_parts(part: str, value: Mapping[str, Any]) -> None:
    for path, message, remedy in part_faults(part, value, with_missing=True):
        at = ".".join(map(str, (part, *path)))
        raise GatekitError("summary.refused", f"{at}: {message}", remedy=remedy)


def _file_name(document: Mapping[str, Any]) -> str:
    identity = sha256_of({"subject": document["subject"], "protocol": document["protocol"]})
    return f"{document['kind']}-{identity[:12]}.json"


def _check_place(path: Path, document: Mapping[str, Any], kinds: Kinds) -> None:
    """Make the folder, and refuse to replace evidence on something else: it may be in use. A failed run is replaced.

    Raises:
        GatekitError: as said, or what stands there is no summary, or the folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder cannot be made: {error.strerror}"
        raise GatekitError("output.unwritable", reason, Location(os.fspath(path.parent))) from None
    if not path.exists():
        return
    there = read_summary(os.fspath(path), kinds)
    if not there.is_measured:
        return
    differs = {
        "kind": there.kind != document["kind"],
        "subject": there.subject.digest != subject_from(document["subject"]).digest,
        "protocol": there.protocol.digest != sha256_of(document["protocol"]),
    }
    for what, different in differs.items():
        if different:
            message = f"a summary of another {what} stands here"
            remedy = "name another file, or move it away"
            raise GatekitError("output.in_the_way", message, Location(os.fspath(path)), remedy)
