"""What the files of one import say about each other: which SAEs a group consists of, what a baseline is."""

from __future__ import annotations

from dataclasses import dataclass, field

from gatekit.errors import UsageError
from gatekit.evidence.adapters.building import Json, read_subject, stated_time, utc_seconds
from gatekit.evidence.adapters.contract import ImportOptions
from gatekit.evidence.adapters.fields import Field


@dataclass
class Context:
    """The options and every file at hand; remembers which options were of use."""

    options: ImportOptions
    files: list[Field]
    used: set[str] = field(default_factory=set)

    def finished(self, stated: Field | None, file: Field) -> str:
        """Return the file's own time, or the user's where it has none.

        Raises:
            GatekitError: `adapter.time`: neither is there.
        """
        if stated is not None:
            return utc_seconds(stated)
        self.used.add("finished")
        given = stated_time(self.options.finished)
        if given is None:
            raise file.refuse("time", "the file does not say when it was made", "say so with --finished TIME")
        return given

    def subject(self, file: Field, missing: str) -> Json:
        """Return the user's subject for a file that does not identify its own.

        Raises:
            GatekitError: `adapter.subject`: there is none.
        """
        self.used.add("subject")
        if self.options.subject is None:
            raise file.refuse("subject", missing, "add --context with its results file, or --subject FILE")
        return read_subject(self.options.subject)

    def refuse_unused(self) -> None:
        """Refuse options that no file needed: the user expects an effect that they do not have."""
        if self.options.finished is not None and "finished" not in self.used:
            raise UsageError("every file states its own time", "drop --finished")
        if self.options.subject is not None and "subject" not in self.used:
            raise UsageError("every file identifies its own subject", "drop --subject")
        if self.options.context and "context" not in self.used:
            raise UsageError("no imported file refers to those given as context", "drop --context, or name its results")

    def public_baseline(self, release: str, sae_id: str, rows: int, interpretability: float) -> Json | None:
        """Return the public SAE behind a CE-Bench baseline, as a subject, when its results file is at hand."""
        for file in self.files:
            if not all(file.has(key) for key in ("sae_config", "sae_release", "interpretability_score_mean")):
                continue
            named = file["sae_release"].text() == release and file["sae_id"].text() == sae_id
            if named and file["total_rows"].integer(1) == rows:
                score = file.at("interpretability_score_mean", "max")
                if score.number() != interpretability:
                    raise score.refuse("contradiction", f"the baseline is said to have scored {interpretability}")
                self.used.add("context")
                return public_subject(file)
        return None


def public_subject(file: Field) -> Json:
    """Return the subject of a raw CE-Bench results file."""
    config = file["sae_config"]
    return {
        "model": {"name": config.at("metadata", "model_name").name(), "digest": None},
        "hook": config.at("metadata", "hook_name").name(),
        "d_model": config["d_in"].integer(1),
        "architecture": config["architecture"].identifier(),
        "d_sae": config["d_sae"].integer(1),
        "k": None,
        "checkpoints": [],
    }


def close(stated: Field, expected: float, what: str) -> None:
    """Refuse a stated number that its own parts contradict, beyond a double's rounding."""
    if not abs(stated.number() - expected) <= 1e-9 * max(1.0, abs(expected)):
        raise stated.refuse("contradiction", f"says {stated.value!r}, but {what} is {expected!r}")


def checkpoint_name(path: Field) -> str:
    """Return the last folder of a checkpoint's path, HUSAI's name for one SAE (`topk_seed42`)."""
    pieces = [piece for piece in path.text().split("/") if piece]
    if len(pieces) < 2:
        raise path.refuse("name", "expected .../<name of the SAE>/<file>")
    return pieces[-2]


def checkpoint_key(path: Field) -> str:
    """Return a checkpoint's path from `results/` on: the part that does not depend on where a run stood."""
    text = path.text()
    start = text.rfind("results/")
    if start < 0:
        raise path.refuse("name", "expected a path below results/")
    return text[start:]


def failed(code: Field | None) -> str | None:
    """Return why a benchmark left no result, or None when its return code is 0."""
    if code is None or code.integer(-(2**31), 2**31) == 0:
        return None
    return f"the benchmark ended with return code {code.value}"
