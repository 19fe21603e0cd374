"""What became of the SAEs that the base measured, by their checkpoints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import builders

from gatekit.evidence import Summary
from gatekit.evidence.reading import parse_summary
from gatekit.pull_request.continuity import SubjectFate, subject_fates

SEEDS = (0, 1, 2, 3, 4)


def checkpoints(*names: str, seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    tags = names * len(seeds) if len(names) == 1 else names
    return [{"seed": seed, "sha256": builders.digest(f"{tag} {seed}")} for seed, tag in zip(seeds, tags, strict=False)]


def summary(path: str, points: list[dict[str, Any]], measures: Sequence[str] = ("r2",), **changes: Any) -> Summary:
    seeds = [point["seed"] for point in points]
    values = [0.5 + index / 256 for index in range(len(seeds))]
    protocol = changes.pop("protocol", {})
    document = builders.summary(
        "random_model",
        {measure: values for measure in measures},
        seeds=seeds,
        of=builders.subject(checkpoints=points, **changes),
        protocol_changes=protocol,
    )
    return parse_summary(json.dumps(document).encode(), path)


OLD = summary("evidence/a.json", checkpoints("old"))


def only(base: Sequence[Summary], head: Sequence[Summary]) -> SubjectFate:
    (fate,) = subject_fates(base, head)
    return fate


def test_the_same_checkpoints_by_another_protocol_at_another_path_are_no_change() -> None:
    again = summary("evidence/elsewhere/b.json", checkpoints("old"), protocol={"rows": 7, "name": "other/1"})
    assert subject_fates([OLD], [again]) == []


def test_the_same_checkpoint_under_another_seed_is_no_change() -> None:
    points = [{"seed": 5 - index, "sha256": point["sha256"]} for index, point in enumerate(checkpoints("old"))]
    assert subject_fates([OLD], [summary("evidence/a.json", points[::-1])]) == []


def test_a_subject_that_is_added_is_no_change_of_another() -> None:
    assert subject_fates([OLD], [OLD, summary("evidence/b.json", checkpoints("new"))]) == []


def test_seeds_whose_checkpoints_differ_are_retrained() -> None:
    fate = only([OLD], [summary("evidence/a.json", checkpoints("old", "old", "new", "new", "old"))])
    assert (fate.fate, fate.retrained, fate.words) == ("retrained", (2, 3), "2 seeds retrained")


def test_retrained_seeds_at_another_path_are_retrained_all_the_same() -> None:
    fate = only([OLD], [summary("evidence/b/new.json", checkpoints("new"))])
    assert (fate.fate, fate.words) == ("retrained", "5 seeds retrained")


def test_a_retrained_seed_and_one_that_is_left_out_are_both_told() -> None:
    fate = only([OLD], [summary("evidence/a.json", checkpoints("old", "new", "old", "old"))])
    assert fate.words == "1 seed retrained, seed 4 left out"


def test_a_seed_that_is_left_out_is_dropped() -> None:
    fate = only([OLD], [summary("evidence/a.json", checkpoints("old")[:4])])
    assert (fate.fate, fate.lost, fate.words) == ("dropped", (4,), "seed 4 left out")


def test_seeds_that_are_added_extend_the_subject_and_lose_nothing() -> None:
    fate = only([OLD], [summary("evidence/a.json", checkpoints("old", seeds=range(7)))])
    assert (fate.fate, fate.added, fate.words) == ("extended", (5, 6), "extended from 5 to 7 seeds")


def test_of_two_subjects_of_one_shape_the_one_that_is_deleted_is_gone_and_not_retrained() -> None:
    other = summary("evidence/b.json", checkpoints("other"))
    fate = only([OLD, other], [other])
    assert (fate.fate, fate.old.path, fate.new) == ("gone", "evidence/a.json", None)


def test_a_file_that_another_subject_of_the_base_takes_over_is_a_replaced_subject() -> None:
    other = summary("evidence/b.json", checkpoints("other"), d_sae=8192)
    over = summary("evidence/a.json", checkpoints("other"), d_sae=8192)
    assert only([OLD, other], [over, other]).fate == "replaced"


def test_the_same_checkpoints_called_another_shapes_are_a_replaced_subject() -> None:
    assert only([OLD], [summary("evidence/a.json", checkpoints("old"), d_sae=8192)]).fate == "replaced"
    assert (
        only([OLD], [summary("evidence/a.json", checkpoints("old"), hook="blocks.5.hook_mlp_out")]).fate == "replaced"
    )


def test_another_shape_in_the_same_folder_is_a_replaced_subject() -> None:
    fate = only([OLD], [summary("evidence/wide.json", checkpoints("wide"), d_sae=8192)])
    assert fate.fate == "replaced" and "d_sae=4096" in fate.words and "d_sae=8192" in fate.words


def test_a_measure_that_is_left_out_is_told_with_its_seeds() -> None:
    both = summary("evidence/a.json", checkpoints("old"), measures=("r2", "dead_fraction"))
    fate = only([both], [OLD])
    assert (fate.fate, fate.measures) == ("unmeasured", {"dead_fraction"})
    assert fate.words == "dead_fraction of seeds 0, 1, 2, 3, 4 is not measured any more"


def test_a_run_that_is_called_failed_measures_nothing() -> None:
    document = builders.summary("random_model", {}, of=builders.subject(checkpoints=checkpoints("old")))
    failed = document | {"status": "failed", "reason": "x"}
    fate = only([OLD], [parse_summary(json.dumps(failed).encode(), "evidence/a.json")])
    assert (fate.fate, fate.lost) == ("gone", SEEDS)


def test_the_same_weights_under_another_name_are_told() -> None:
    named = summary("evidence/a.json", checkpoints("old"), model="pythia-70m")
    other = builders.subject(checkpoints=checkpoints("old"))
    other["model"]["name"] = "gpt2"
    document = builders.summary("random_model", {"r2": [0.8, 0.81, 0.82, 0.83, 0.84]}, of=other)
    fate = only([named], [parse_summary(json.dumps(document).encode(), "evidence/a.json")])
    assert (fate.fate, "is called 'gpt2'" in fate.words) == ("renamed", True)


def test_one_new_subject_stands_for_one_lost_subject_only() -> None:
    other = summary("evidence/b.json", checkpoints("other"))
    fates = subject_fates([OLD, other], [summary("evidence/c.json", checkpoints("new"))])
    assert [fate.fate for fate in fates] == ["retrained", "gone"]
