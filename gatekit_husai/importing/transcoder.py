"""Transcoder results: is a transcoder's dictionary more alike across seeds than an SAE's on its own input?

HUSAI's delta is transcoder minus SAE in MMCS, so a more reproducible SAE makes it smaller. It is imported under a name
that says so; the gate's own `sae_minus_transcoder` is another sign and another similarity.
"""

from __future__ import annotations

from gatekit.evidence.adapters.building import Json, file_name, reported, summary_document
from gatekit.evidence.adapters.contract import ImportedSummary
from gatekit.evidence.adapters.fields import Field
from gatekit_husai.importing.context import Context, close
from gatekit_husai.importing.release import ENDS_CONFIDENCE, ENDS_METHOD

MEASURE = "mmcs_transcoder_minus_sae"


def _subject(config: Field, d_model: int, d_sae: int, k: int) -> Json:
    """The SAE on the transcoder's input; HUSAI names the layer, its script the hook."""
    layer = config["layer"].integer(0, 1000)
    return {
        "model": {"name": f"modular-addition-{config['modulus'].integer(2)}", "digest": None},
        "hook": f"blocks.{layer}.ln2.hook_normalized",
        "d_model": d_model,
        "architecture": "topk",
        "d_sae": d_sae,
        "k": k,
        "checkpoints": [],
    }


def _protocol(seeds: list[int], config: Field, epochs: Field, rate: Field, rows: int, candidates: int) -> Json:
    return {
        "name": "husai.transcoder",
        "seeds": seeds,
        "rows": rows,
        "datasets": [],
        "ks": [],
        "baseline": {"kind": "transcoder", "subject": None},
        "selection": {"candidates": candidates, "seeds": seeds if candidates > 1 else []},
        "settings": {
            "position": config["position"].text(),
            "epochs": epochs.integer(1),
            "learning_rate": rate.number(0),
            "similarity": "MMCS of decoders, all pairs of seeds",
        },
    }


def import_stress(file: Field, context: Context) -> list[ImportedSummary]:
    """Return one transcoder comparison. Its bootstrap intervals resample pairs as if independent; none is imported."""
    config, delta = file["config"], file["transcoder_delta"]
    means = [file.at(side, "summary", "mean").number(-1, 1) for side in ("transcoder", "sae")]
    close(delta, means[0] - means[1], "the difference of the two means")
    seeds = sorted(item.seed() for item in config["seeds"].items())
    trained = sorted(item["seed"].seed() for item in file["per_seed"].items())
    if trained != seeds or len(set(seeds)) != len(seeds):
        raise file["per_seed"].refuse("contradiction", "the seeds are not those of the configuration")
    data = file["data"]
    document = summary_document(
        adapter="husai",
        kind="transcoder",
        subject=_subject(config, data["d_model"].integer(1), config["d_sae"].integer(1), config["k"].integer(1)),
        protocol=_protocol(seeds, config, config["epochs"], config["learning_rate"], data["samples"].integer(1), 1),
        measurements={MEASURE: reported("transcoder", MEASURE, delta.number(), delta, n_seeds=len(seeds))},
        sources=[file.document],
        config={"config_hash": file.at("run_metadata", "config_hash").text()},
        finished=context.finished(file["run_metadata"].get("timestamp_utc"), file),
        device=config["device"].text(),
    )
    return [ImportedSummary(file_name("transcoder", file.document), document)]


def import_sweep(file: Field, context: Context) -> list[ImportedSummary]:
    """Return the cell that the sweep put first, as the best of all its cells.

    Raises:
        GatekitError: the best cell is none of the records, or has failed.
    """
    config, best, records = file["config"], file["best_condition"], file["records"].items()
    if best.value not in [record.value for record in records]:
        raise best.refuse("contradiction", "the best condition is none of the records")
    if best["returncode"].integer(-(2**31), 2**31) != 0:
        raise best["returncode"].refuse("failed_run", f"the cell ended with return code {best['returncode'].value}")
    seeds = _seed_list(config["seeds"])
    delta, bound = best["delta"], best.get("delta_lcb")
    if bound is not None and bound.number() > delta.number():
        raise bound.refuse("contradiction", f"the lower bound exceeds the estimate {delta.value!r}")
    measurement = reported(
        "transcoder",
        MEASURE,
        delta.number(),
        delta,
        lower=None if bound is None else bound.number(),
        confidence=None if bound is None else ENDS_CONFIDENCE,
        n_seeds=len(seeds),
    )
    # The sweep records no width of the activations; the transformer of this modulus has 128.
    subject = _subject(config, 128, best["d_sae"].integer(1), best["k"].integer(1))
    protocol = _protocol(seeds, config, best["epochs"], best["learning_rate"], 0, len(records))
    document = summary_document(
        adapter="husai",
        kind="transcoder",
        subject=subject,
        protocol={**protocol, "settings": {**protocol["settings"], "bound_method": ENDS_METHOD}},
        measurements={MEASURE: measurement},
        sources=[file.document],
        config={"condition_id": best["condition_id"].text()},
        finished=context.finished(file["run_metadata"].get("timestamp_utc"), file),
        device=config["device"].text(),
    )
    return [ImportedSummary(file_name("transcoder", file.document), document)]


def _seed_list(field: Field) -> list[int]:
    """Return the seeds of a list written as text, `42,123,456`."""
    pieces = field.text().split(",")
    if not all(piece.isascii() and piece.isdigit() and len(piece) <= 10 for piece in pieces):
        raise field.refuse("type", "expected whole numbers between commas")
    seeds = sorted(int(piece) for piece in pieces)
    if len(set(seeds)) != len(seeds):
        raise field.refuse("contradiction", "a seed is there twice")
    return seeds
