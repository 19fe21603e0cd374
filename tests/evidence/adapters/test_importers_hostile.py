"""Whatever stands in another tool's file: it is imported, or refused with one line; nothing else ever happens."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saebench_results import RESULTS

from gatekit.errors import GatekitError
from gatekit.evidence.adapters import ImportOptions, import_summaries

HOOK = "blocks.1.hook_resid_post"
CEBENCH = {
    "contrastive_dataset": "GulkoA/contrastive-stories-v3",
    "sae_release": "lab",
    "sae_id": "seed1",
    "contrastive_score_mean": 3.5,
    "independent_score_mean": 2.5,
    "interpretability_score_mean": 3.0,
    "total_rows": 520,
    "sae_config": {"d_in": 32, "d_sae": 64, "k": 8, "model_name": "gemma-2-2b", "hook_name": HOOK, "hook_layer": 1},
    "date": "2025-05-09 20:06:07",
}
LM_EVAL = {
    "results": {"arc_easy": {"alias": "arc_easy", "acc,none": 0.5, "acc_stderr,none": "N/A"}},
    "group_subtasks": {"arc_easy": []},
    "configs": {"arc_easy": {"task": "arc_easy", "num_fewshot": 0, "metadata": {"version": 1.0}}},
    "versions": {"arc_easy": 1.0},
    "n-shot": {"arc_easy": 0},
    "higher_is_better": {"arc_easy": {"acc": True}},
    "n-samples": {"arc_easy": {"original": 10, "effective": 4}},
    "config": {"model": "hf", "model_args": "pretrained=gemma-2-2b,dtype=float32", "limit": 4.0},
    "date": 1764190000.5,
    "lm_eval_version": "0.4.9",
    "task_hashes": {},
    "model_name": "gemma-2-2b",
}
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {
        "task": "popularity",
        "task_version": 0,
        "task_args": {},
        "dataset": {"name": "popularity"},
        "model": "hf/gemma-2-2b",
        "model_args": {"device": "cpu"},
        "config": {"epochs": 1, "epochs_reducer": ["mean"]},
        "packages": {"inspect_ai": "0.3.95"},
        "scorers": [{"name": "match"}],
    },
    "plan": {"steps": [{"solver": "generate", "params": {}}], "config": {"temperature": 0.0}},
    "results": {
        "total_samples": 1,
        "completed_samples": 1,
        "scores": [{"name": "match", "metrics": {"accuracy": {"name": "accuracy", "value": 1.0}}}],
    },
    "stats": {"completed_at": "2025-05-12T20:29:00-04:00"},
    "samples": [{"id": 1, "epoch": 1, "input": "?", "target": "!", "scores": {"match": {"value": "C"}}}],
}
FILES: dict[str, tuple[str, Any]] = {
    **{f"saebench {kind}": ("saebench", make(1)) for kind, make in RESULTS.items()},
    "cebench": ("cebench", CEBENCH),
    "lm_eval": ("lm_eval", LM_EVAL),
    "inspect": ("inspect", INSPECT),
}
SUBJECT = {
    "model": {"name": "gemma-2-2b", "digest": "a" * 64},
    "hook": HOOK,
    "d_model": 32,
    "architecture": "topk",
    "d_sae": 64,
    "k": 8,
    "checkpoints": [{"seed": 1, "sha256": "b" * 64}],
}
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(width=32)
    | st.text(max_size=8)
    | st.sampled_from(["SAEMetadata({'a': 1})", "2025-05-12", "../../x", "\x00", "C", "-1"]),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(max_size=4), children, max_size=2),
    max_leaves=4,
)


def run(folder: Path, name: str, value: Any, observed: bool) -> dict[str, bytes]:
    adapter = FILES[name][0]
    (folder / "x.json").write_text(json.dumps(value))
    (folder / "subject.json").write_text(json.dumps(SUBJECT))
    options = ImportOptions(
        subject=str(folder / "subject.json") if observed or adapter in ("lm_eval", "inspect") else None,
        finished="2026-05-09T20:06:07Z" if adapter == "cebench" else None,
        k=10 if name in ("saebench scr", "saebench tpp") else None,
    )
    return import_summaries(adapter, [f"1={folder / 'x.json'}"], options)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    members = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, member in members:
        found += places(member, (*at, key))
    return found


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_untouched_file_is_imported(tmp_path: Path, name: str) -> None:
    value = copy.deepcopy(FILES[name][1])
    if name == "saebench unlearning":
        value["eval_config"]["model_name"] = "gemma-2-2b"
    assert len(run(tmp_path, name, value, observed=True)) == 1


@given(data=st.data())
@settings(max_examples=250, deadline=None)
def test_any_change_to_a_file_is_imported_or_refused_and_nothing_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    value = copy.deepcopy(FILES[name][1])
    place = data.draw(st.sampled_from(places(value)))
    holder = value
    for step in place[:-1]:
        holder = holder[step]
    change = data.draw(st.sampled_from(["junk", "absent", "added"]))
    if change == "junk":
        holder[place[-1]] = data.draw(JUNK)
    elif change == "absent":
        del holder[place[-1]]
    elif isinstance(holder, dict):
        holder[data.draw(st.text(max_size=6))] = data.draw(JUNK)
    else:
        holder.append(data.draw(JUNK))
    try:
        run(tmp_path_factory.mktemp("junk"), name, value, data.draw(st.booleans()))
    except GatekitError as error:
        assert error.location is not None or error.error_id == "usage"
