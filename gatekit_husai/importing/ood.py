"""ood_stress_summary.json: two SAEBench runs of one SAE on two groups of datasets.

HUSAI's `ood_drop` subtracts (SAE minus dense probe) out of distribution from the same in distribution, so it is the
drop beyond the dense probe's own: `auc_drop_above_baseline`. The SAE probe's own drop, `auc_drop`, is the difference of
two AUCs that the file holds. `relative_drop` divides by the distance to the dense probe where ours divides by the
distance to chance: another quantity, and not imported.
"""

from __future__ import annotations

from gatekit.evidence.adapters.building import Json, file_name, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.context import Context, checkpoint_key, close, failed
from gatekit_husai.importing.external import (
    sae_subject,
    saebench_measurements,
    saebench_protocol,
    trained_alone,
)


def import_ood(file: Field, context: Context) -> list[ImportedSummary]:
    """Return both drops, or a failed summary when a benchmark run failed."""
    inside, outside = file["id_result"], file["ood_result"]
    finished = context.finished(file["run_metadata"].get("timestamp_utc"), file)
    reason = failed(inside["returncode"]) or failed(outside["returncode"])
    # Without a result there is nothing that identifies the SAE, so the file as a whole is refused.
    if reason is not None:
        raise file.refuse("failed_run", reason)
    first, second = inside["summary"], outside["summary"]
    checkpoint = first.at("config", "checkpoint")
    for path in (second.at("config", "checkpoint"), file.at("config", "checkpoint")):
        if checkpoint_key(path) != checkpoint_key(checkpoint):
            raise path.refuse("contradiction", f"the in-distribution run probed {checkpoint_key(checkpoint)}")
    trained = trained_alone(first)
    subject = sae_subject(first, trained)
    if sae_subject(second, trained_alone(second)) != subject:
        raise second["sae_meta"].refuse("contradiction", "the in-distribution run probed another SAE")
    document = summary_document(
        adapter="husai",
        kind="ood",
        subject=subject,
        protocol=_protocol(file, first, second),
        measurements=_measurements(file, first, second),
        sources=[file.document],
        config={"config_hash": file.at("run_metadata", "config_hash").text()},
        finished=finished,
        device=file.at("config", "device").text(),
    )
    return [ImportedSummary(file_name("ood", file.document), document)]


def _measurements(file: Field, first: Field, second: Field) -> Json:
    drop = file["ood_drop"]
    deltas = [saebench_measurements(summary)["auc_delta"]["reported"]["estimate"] for summary in (first, second)]
    close(drop, deltas[0] - deltas[1], "the difference of the two runs")
    aucs = [summary.at("summary", "best_by_auc", "test_auc") for summary in (first, second)]
    return {
        "auc_drop_above_baseline": reported("ood", "auc_drop_above_baseline", drop.number(), drop, n_seeds=1),
        "auc_drop": reported(
            "ood",
            "auc_drop",
            aucs[0].number(0, 1) - aucs[1].number(0, 1),
            aucs[0],
            n_seeds=1,
            source_text=f"{aucs[0].source} minus {aucs[1].source}",
        ),
    }


def _protocol(file: Field, first: Field, second: Field) -> Json:
    trained = trained_alone(first)
    inside, outside = (saebench_protocol(summary, trained) for summary in (first, second))
    for summary, key in ((first, "id"), (second, "ood")):
        stated = file.at("datasets", key)
        if stated.value != summary.at("config", "dataset_names").value:
            raise stated.refuse("contradiction", "the run was made on other datasets")
    names = {dataset["name"] for dataset in inside["datasets"]}
    if shared := [dataset["name"] for dataset in outside["datasets"] if dataset["name"] in names]:
        raise file["datasets"].refuse("contradiction", f"'{shared[0]}' is in and out of distribution")
    settings = {
        **inside["settings"],
        "dataset_count": len(inside["datasets"]) + len(outside["datasets"]),
        "id_dataset_count": len(inside["datasets"]),
        "ood_dataset_count": len(outside["datasets"]),
        # Not worded anew: settings are part of the digest by which older imports are compared with newer ones.
        "split": "by data set; the domains last in the alphabet are out of distribution",
    }
    return {
        **inside,
        "name": "husai.ood",
        "seeds": [] if trained.seed is None else [trained.seed],
        "datasets": inside["datasets"] + outside["datasets"],
        "settings": settings,
    }
