"""Result files as SAEBench writes them, through its own classes, so that its users' tools read them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from runners.benchmarks.probing import Probe, quiet
from runners.benchmarks.saebench import Arm, ProbeResults
from runners.benchmarks.saebench_plan import ProbingPlan
from runners.saes.architecture import describe
from runners.subjects.plan import SubjectPlan

_METRICS = {"test_accuracy": "accuracy", "test_auc": "auc", "test_f1": "f1"}
_NAMED_KS = (1, 2, 5, 10, 20, 50, 100)
"""Probe sizes that have fields of their own in SAEBench's classes; every size is in `sae_metrics_by_k`."""


def write_probing_result(
    path: Path, plan: ProbingPlan, subject: SubjectPlan, arm: Arm, probed: Mapping[str, ProbeResults]
) -> None:
    """Write the result of one SAE as `sparse_probing_sae_probes` has it.

    Its `setting` is `normal` only where rows and split are those of sae-probes; else it names ours, and the details
    stand under `eval_result_unstructured`.

    Args:
        path: of the file.
        plan: of the probes.
        subject: model and hook.
        arm: the SAE.
        probed: every dataset's probes.
    """
    with quiet():
        from sae_bench.evals.sparse_probing_sae_probes import eval_config, eval_output

        config = eval_config.SparseProbingSaeProbesEvalConfig(
            model_name=Path(subject.model.name).name,
            random_seed=plan.seed,
            dataset_names=list(probed),
            reg_type=plan.penalty,
            setting="normal" if plan.split == "sae-probes" else f"gatekit:{plan.split}",
            ks=list(plan.ks),
            results_path="",
            model_cache_path=None,
            include_llm_baseline=all(found.dense for found in probed.values()),
        )
        details = [
            eval_output.SaeProbesResultDetail(
                dataset_name=name,
                sae_metrics_by_k=_by_k(found.arms[arm.name]),
                **_named(found.arms[arm.name]),
                **({} if found.dense is None else _prefixed("llm", _metrics(found.dense))),
            )
            for name, found in probed.items()
        ]
        means = _means([_by_k(found.arms[arm.name]) for found in probed.values()])
        output = eval_output.SparseProbingSaeProbesEvalOutput(
            eval_config=config,
            eval_id=str(uuid.uuid4()),
            datetime_epoch_millis=int(time.time() * 1000),
            eval_result_metrics=eval_output.SaeProbesMetricCategories(
                llm=eval_output.SaeProbesLlmMetrics(**_dense_means(probed)),
                sae=eval_output.SaeProbesSaeMetrics(
                    **{
                        name: value
                        for k in plan.ks
                        if k in _NAMED_KS
                        for name, value in _prefixed(f"sae_top_{k}", means[k]).items()
                    }
                ),
            ),
            eval_result_details=details,
            sae_metrics_by_k=means,
            eval_result_unstructured={
                "written_by": "gatekit",
                "split": plan.split,
                "rows": plan.rows,
                "test_fraction": plan.test_fraction,
                "pooling": plan.pooling,
                "checkpoint_sha256": arm.sha256,
            },
            sae_bench_commit_hash=version("sae-bench"),
            sae_lens_id=arm.name,
            sae_lens_release_id="gatekit",
            sae_lens_version=version("sae-lens"),
            sae_cfg_dict={
                **describe(arm.sae.architecture),
                "model_name": Path(subject.model.name).name,
                "hook_name": subject.hook,
                "dtype": "float32",
            },
        )
        output.to_json_file(str(path), indent=2)


def _metrics(probe: Probe) -> dict[str, float]:
    return {theirs: getattr(probe, ours) for theirs, ours in _METRICS.items()}


def _prefixed(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in metrics.items()}


def _by_k(probes: tuple[Probe, ...]) -> dict[int, dict[str, float]]:
    return {probe.k: _metrics(probe) for probe in probes}


def _named(probes: tuple[Probe, ...]) -> dict[str, float]:
    named: dict[str, float] = {}
    for probe in probes:
        if probe.k in _NAMED_KS:
            named |= _prefixed(f"sae_top_{probe.k}", _metrics(probe))
    return named


def _means(datasets: list[dict[int, dict[str, float]]]) -> dict[int, dict[str, float]]:
    means = {}
    for k in datasets[0]:
        means[k] = {metric: fmean(dataset[k][metric] for dataset in datasets) for metric in _METRICS}
    return means


def _dense_means(probed: Mapping[str, ProbeResults]) -> dict[str, float]:
    """Return the dense probe's means over exactly these datasets; SAEBench averages whatever lies in its folder."""
    dense = [found.dense for found in probed.values() if found.dense is not None]
    if len(dense) < len(probed):
        return {}
    return _prefixed("llm", {name: fmean(_metrics(probe)[name] for probe in dense) for name in _METRICS})
