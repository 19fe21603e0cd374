"""The three-seed SAEBench summary: means and normal bounds by hand, without a word about the model."""

from __future__ import annotations

import math
import statistics

from gatekit.evidence.adapters.building import file_name, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.context import Context, close
from gatekit_husai.importing.selection import BOUND_METHOD, NORMAL_CONFIDENCE


def import_multiseed(file: Field, context: Context) -> list[ImportedSummary]:
    """Return the mean difference to the dense probe over seeds; the user says of what."""
    runs = file["runs"].items()
    seeds = sorted(run["seed"].seed() for run in runs)
    if seeds != sorted(item.seed() for item in file["seeds"].items()) or len(set(seeds)) != len(seeds):
        raise file["runs"].refuse("contradiction", "the seeds are not those listed")
    if len(seeds) < 2:
        raise file["runs"].refuse("incomplete", "a mean over seeds needs more than one")
    aggregate = file.at("aggregate", "delta_auc_vs_llm")
    values = [run["delta_auc"].number(-1, 1) for run in runs]
    mean, low = aggregate["mean"], aggregate["ci95"].items()[0]
    close(mean, math.fsum(values) / len(values), "the mean of the runs")
    close(low, mean.number() - 1.96 * statistics.stdev(values) / math.sqrt(len(values)), BOUND_METHOD)
    measurement = reported(
        "saebench",
        "auc_delta",
        mean.number(),
        mean,
        lower=low.number(),
        confidence=NORMAL_CONFIDENCE,
        n_seeds=len(seeds),
    )
    protocol = {
        "name": "husai.saebench",
        "seeds": seeds,
        "rows": 0,
        "datasets": [],
        "ks": [],
        "baseline": {"kind": "dense_probe", "subject": None},
        "selection": {"candidates": 1, "seeds": []},
        "settings": {"protocol_from": "unrecorded", "bound_method": BOUND_METHOD},
    }
    document = summary_document(
        adapter="husai",
        kind="saebench",
        subject=context.subject(file, "the summary over seeds does not record its model"),
        protocol=protocol,
        measurements={"auc_delta": measurement},
        sources=[file.document],
        config={},
        finished=context.finished(None, file),
    )
    return [ImportedSummary(file_name("saebench", file.document), document)]
