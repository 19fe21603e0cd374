"""release_policy.json: HUSAI's verdict, of which only the random-model comparison is first-hand.

Its other metrics are copies of numbers in files that are imported themselves; a copy has lost what it was measured on.
"""

from __future__ import annotations

from gatekit.evidence.adapters.building import Json, file_name, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.context import Context

# The file does not say what was compared; these are the defaults of the script behind it: five TopK SAEs on the
# modulus-113 transformer against as many Gaussian dictionaries. No SAE was trained on a random model.
PHASE_4A: Json = {
    "model": {"name": "modular-addition-113", "digest": None},
    "hook": "blocks.1.hook_resid_post",
    "d_model": 128,
    "architecture": "topk",
    "d_sae": 1024,
    "k": 32,
    "checkpoints": [],
}

ENDS_CONFIDENCE = 0.95
"""Two interval ends that each hold with 0.975 hold together with at least 0.95 (Bonferroni)."""

ENDS_METHOD = "difference of two interval ends: lower end of the first minus upper end of the second, 95 % bootstraps"


def import_release_policy(file: Field, context: Context) -> list[ImportedSummary]:
    """Return the random-model comparison as MMCS above Gaussian dictionaries, which is what it is."""
    metrics = file["metrics"]
    delta, bound = metrics["trained_random_delta"], metrics["trained_random_delta_lcb"]
    lower = None if bound.value is None else bound.number()
    if lower is not None and lower > delta.number():
        raise bound.refuse("contradiction", f"the lower bound exceeds the estimate {delta.value!r}")
    measurement = reported(
        "random_model",
        "mmcs_above_gaussian",
        delta.number(),
        delta,
        lower=lower,
        confidence=None if lower is None else ENDS_CONFIDENCE,
    )
    protocol = {
        "name": "husai.phase4a",
        "seeds": [],
        "rows": 0,
        "datasets": [],
        "ks": [],
        "baseline": {"kind": "unknown", "subject": None},
        "selection": {"candidates": 1, "seeds": []},
        "settings": {
            "control": "Gaussian dictionaries of the same shape, not a random model",
            "bound_method": ENDS_METHOD,
            "subject_from": "defaults of the script; the file names no subject",
        },
    }
    commit = file["run_metadata"].get("git_commit")
    document = summary_document(
        adapter="husai",
        kind="random_model",
        subject=PHASE_4A,
        protocol=protocol,
        measurements={"mmcs_above_gaussian": measurement},
        sources=[file.document],
        config={"git_commit_when_written": None if commit is None else commit.name()},
        finished=context.finished(file["run_metadata"].get("timestamp_utc"), file),
    )
    return [ImportedSummary(file_name("random_model", file.document), document)]
