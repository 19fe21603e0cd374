"""Probes through sae-probes' own entry points, on rows of its files in their order: numbers to compare with others'.

sae-probes passes over every dataset whose result file exists, whatever wrote it, so each call here has a folder of its
own that is empty at the start and gone at the end.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from runners.benchmarks.probing import Probe, quiet

_MODEL, _HOOK = "model", "blocks.0.hook"


@dataclass(frozen=True)
class _Encoding:
    """All that sae-probes asks of an SAE."""

    encode: Callable[[torch.Tensor], torch.Tensor]


def upstream_sparse(
    rows: torch.Tensor,
    name: str,
    encode: Callable[[torch.Tensor], torch.Tensor],
    ks: Sequence[int],
    penalty: str,
    seed: int,
    device: str,
) -> list[Probe]:
    """Run `run_sae_evals` in its `normal` setting.

    Args:
        rows: (rows of the file, d_model) float32, in the file's order.
        name: of the dataset.
        encode: (rows, d_model) -> (rows, d_sae).
        ks: numbers of latents.
        penalty: `l1` or `l2`.
        seed: of split and probes.
        device: to encode on.
    """
    with quiet(), _folder(rows, name) as folder, contextlib.redirect_stdout(io.StringIO()):
        from sae_probes import run_sae_evals

        with contextlib.redirect_stderr(io.StringIO()):
            run_sae_evals(
                sae=_Encoding(encode),
                model_name=_MODEL,
                hook_name=_HOOK,
                reg_type=penalty,
                setting="normal",
                ks=sorted(set(ks)),
                results_path=folder,
                model_cache_path=folder,
                datasets=[name],
                device=device,
                seed=seed,
            )
        return [
            Probe(each["k"], *_scores(each), latents=tuple(each["indices"])) for each in _written(folder, "sae_probes")
        ]


def upstream_dense(rows: torch.Tensor, name: str, seed: int) -> Probe:
    """Run `run_baseline_evals` with logistic regression in its `normal` setting; arguments as of `upstream_sparse`."""
    with quiet(), _folder(rows, name) as folder, contextlib.redirect_stdout(io.StringIO()):
        from sae_probes import run_baseline_evals

        with contextlib.redirect_stderr(io.StringIO()):
            run_baseline_evals(
                model_name=_MODEL,
                hook_name=_HOOK,
                setting="normal",
                method="logreg",
                results_path=folder,
                model_cache_path=folder,
                datasets=[name],
                device="cpu",
                seed=seed,
            )
        (only,) = _written(folder, "baseline_results")
        return Probe(int(rows.shape[1]), *_scores(only))


@contextlib.contextmanager
def _folder(rows: torch.Tensor, name: str) -> Iterator[Path]:
    """Open an empty folder that holds the activations where sae-probes looks for them, and nothing else."""
    with tempfile.TemporaryDirectory(prefix="sae-probes-") as made:
        folder = Path(made)
        (folder / f"model_activations_{_MODEL}").mkdir()
        torch.save(rows, folder / f"model_activations_{_MODEL}" / f"{name}_{_HOOK}.pt")
        yield folder


def _written(folder: Path, kind: str) -> list[dict[str, Any]]:
    (path,) = (folder / f"{kind}_{_MODEL}" / "normal_setting").glob("*.json")
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return entries


def _scores(entry: dict[str, Any]) -> tuple[float, float, float, float]:
    return tuple(float(str(entry[name])) for name in ("val_auc", "test_auc", "test_acc", "test_f1"))  # type: ignore[return-value]
