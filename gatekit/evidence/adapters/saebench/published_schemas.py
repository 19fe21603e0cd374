"""SAEBench's own JSON Schemas, read from the installed distribution where there is one.

They say what SAEBench may write, not that it measured: null metrics and -1 pass them.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NoReturn

import jsonschema_rs

from gatekit.evidence.adapters.fields import Field

# The eval's identifier, its file in the wheel. The sae-probes wrapper has none.
FILES = {
    "core": "sae_bench/evals/core/eval_output_schema_core.json",
    "sparse_probing": "sae_bench/evals/sparse_probing/eval_output_schema_sparse_probing.json",
    "absorption_first_letter": "sae_bench/evals/absorption/eval_output_schema_absorption_first_letter.json",
    "autointerp": "sae_bench/evals/autointerp/eval_output_schema_autointerp.json",
    "ravel": "sae_bench/evals/ravel/eval_output_schema_ravel.json",
    "scr": "sae_bench/evals/scr_and_tpp/eval_output_schema_scr.json",
    "tpp": "sae_bench/evals/scr_and_tpp/eval_output_schema_tpp.json",
    "unlearning": "sae_bench/evals/unlearning/eval_output_schema_unlearning.json",
}


def check_published(file: Field, eval_type: str) -> None:
    """Refuse a file that SAEBench's own schema refuses; without sae-bench, or a schema for the eval, do nothing.

    Raises:
        GatekitError: `adapter.saebench_schema` with the JSON pointer of the first fault.
    """
    schema = _installed(eval_type)
    if schema is None:
        return
    validator = jsonschema_rs.Draft202012Validator(schema, retriever=_refuse)
    value = _finite(file.value) if file.document.nonfinite else file.value
    errors = sorted(validator.iter_errors(value), key=lambda e: (-len(e.instance_path), str(e.instance_path)))
    if errors:
        place = Field(file.document, tuple(errors[0].instance_path), None)
        raise place.refuse("saebench_schema", f"SAEBench's schema of {eval_type}: {errors[0].message[:200]}")


def _finite(value: Any) -> Any:
    """Return the value with 0 for NaN and Infinity, which a JSON schema knows nothing of; numbers are checked later."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return 0.0 if isinstance(value, float) and not math.isfinite(value) else value


@cache
def _installed(eval_type: str) -> Any:
    """Return the schema from the installed sae-bench, or None."""
    if eval_type not in FILES:
        return None
    try:
        path = Path(str(distribution("sae-bench").locate_file(FILES[eval_type])))
        return json.loads(path.read_text(encoding="utf-8"))
    except (PackageNotFoundError, OSError, ValueError):
        return None


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"a schema may not refer to {uri}")
