"""SummaryBuilder: observations in, a sound summary out, and one clear line for everything else."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence import SummaryBuilder, read_summary, source_entry
from gatekit.evidence.kind_files import own_kinds
from gatekit.evidence.observations import ObservationError

REPO = Path(__file__).parents[2]
SEEDS = (0, 1, 2)
DATASETS = [{"name": name, "sha256": f"{index:064x}", "rows": 10} for index, name in enumerate(("imdb", "news"))]


def subject(seeds: Any = SEEDS) -> dict[str, Any]:
    return {
        "model": {"name": "tiny", "digest": "a" * 64},
        "hook": "blocks.1.hook_resid_post",
        "d_model": 32,
        "architecture": "topk",
        "d_sae": 64,
        "k": 8,
        "checkpoints": {seed: f"{seed + 1:064x}" for seed in seeds},
    }


def builder(kind: str = "random_model", seeds: Any = SEEDS, **protocol: Any) -> SummaryBuilder:
    return SummaryBuilder(kind, subject=subject(seeds), protocol={"rows": 100, **protocol})


def test_what_is_observed_is_what_the_gate_reads(tmp_path: Path) -> None:
    built = builder()
    for seed in SEEDS:
        built.observe("r2", seed=seed, value=0.8 + seed / 100)
    for a, b in ((0, 1), (2, 0), (1, 2)):
        built.observe("pw_mcc_above_control", seed_a=a, seed_b=b, value=0.6, baseline=0.4 + (a + b) / 100)
    read = read_summary(str(built.write(tmp_path / "mine")))
    r2, pairs = read.measurements["r2"], read.measurements["pw_mcc_above_control"]
    assert dict(zip(r2.keys, r2.candidate, strict=True)) == {(0,): 0.8, (1,): 0.81, (2,): 0.8200000000000001}
    assert pairs.keys == ((0, 1), (0, 2), (1, 2))
    assert pairs.baseline == (0.41000000000000003, 0.42000000000000004, 0.43000000000000005)
    assert (read.kind, read.status, read.protocol.seeds, read.protocol.rows) == ("random_model", "ok", SEEDS, 100)


def test_what_the_kinds_table_and_the_process_know_is_filled_in(tmp_path: Path) -> None:
    built = builder()
    for seed in SEEDS:
        built.observe("r2", seed=seed, value=0.5)
    document = json.loads(built.write(tmp_path).read_text())
    r2 = document["measurements"]["r2"]
    assert (r2["unit"], r2["direction"], r2["design"]) == ("fraction of variance", "higher", "per_seed")
    assert r2["range"] == [-1000000, 1] and r2["aggregates"] == {"estimate": 0.5}
    # sha256 of the two bytes `{}`.
    assert document["producer"]["config_sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert document["producer"]["packages"]["numpy"] == np.__version__
    assert document["producer"]["packages"]["gatekit-sae"]
    assert document["producer"]["started"] <= document["producer"]["finished"]
    assert document["protocol"]["baseline"] == {"kind": "none", "subject": None}
    assert document["protocol"]["name"] == "random_model/1"


def test_what_the_caller_changes_while_it_measures_does_not_reach_the_summary(tmp_path: Path) -> None:
    config, about = {"layers": {"first": 1}}, subject()
    built = SummaryBuilder("random_model", about, {"rows": 1}, config=config)
    config["layers"]["first"] = 2
    about["model"]["name"] = "other"
    for seed in SEEDS:
        built.observe("r2", seed=seed, value=0.5)
    document = json.loads(built.write(tmp_path).read_text())
    assert document["producer"]["config"] == {"layers": {"first": 1}}
    assert document["subject"]["model"]["name"] == "tiny"


def test_numbers_and_arrays_of_numpy_are_taken_as_what_they_hold(tmp_path: Path) -> None:
    about = {**subject(), "d_model": np.int64(32)}
    config = {"rate": np.float32(0.5), "steps": np.int64(10), "centred": np.bool_(True), "mean": np.arange(3.0)}
    built = SummaryBuilder("random_model", about, {"rows": 100, "settings": {"eps": np.float32(0.25)}}, config=config)
    for seed in SEEDS:
        built.observe("r2", seed=np.int64(seed), value=np.float32(0.5))
    document = json.loads(built.write(tmp_path).read_text())
    assert document["subject"]["d_model"] == 32
    assert document["producer"]["config"] == {"rate": 0.5, "steps": 10, "centred": True, "mean": [0.0, 1.0, 2.0]}
    assert document["protocol"]["settings"] == {"eps": 0.25}


def test_what_is_compared_has_the_only_control_of_its_kind_as_baseline(tmp_path: Path) -> None:
    built = builder()
    for a, b in itertools.combinations(SEEDS, 2):
        built.observe("pw_mcc_above_control", seed_a=a, seed_b=b, value=0.6, baseline=0.5)
    document = json.loads(built.write(tmp_path).read_text())
    assert document["protocol"]["baseline"] == {"kind": "random_model", "subject": None}


def test_a_control_group_with_seeds_of_its_own_is_compared_unpaired(tmp_path: Path) -> None:
    built = builder()
    for a, b in itertools.combinations(SEEDS, 2):
        built.observe("pw_mcc_above_control", seed_a=a, seed_b=b, value=0.6)
        built.observe_control("pw_mcc_above_control", seed_a=a + 10, seed_b=b + 10, value=0.5)
    measured = read_summary(str(built.write(tmp_path))).measurements["pw_mcc_above_control"]
    assert measured.baseline_keys == ((10, 11), (10, 12), (11, 12))
    assert measured.baseline_values == (0.5, 0.5, 0.5)
    assert measured.estimate == pytest.approx(0.1)


def test_values_per_dataset_and_per_row_are_taken(tmp_path: Path) -> None:
    probes = builder("saebench", datasets=DATASETS, baseline="dense_probe", ks=[5])
    for seed, name in itertools.product(SEEDS, ("imdb", "news")):
        probes.observe("auc_delta", seed=seed, dataset=name, value=0.7, baseline=0.6 + seed / 100)
    assert read_summary(str(probes.write(tmp_path))).protocol.datasets == ("imdb", "news")
    rows = SummaryBuilder("cebench", subject=subject(), protocol={"datasets": []})
    for seed, row in itertools.product(SEEDS, range(4)):
        rows.observe("interpretability", seed=seed, row=np.int64(row), value=seed + row)
    read = read_summary(str(rows.write(tmp_path)))
    assert read.protocol.rows == 4
    assert read.measurements["interpretability"].candidate == (0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"measure": "r22", "seed": 0, "value": 0.5}, "unknown measure 'r22' of random_model; did you mean 'r2'?"),
        ({"seed": 0, "value": 1.5}, r"1.5 cannot be r2, which lies in \[-1e\+06, 1\]"),
        ({"seed": 0, "value": float("nan")}, "nan is not a finite number"),
        ({"seed": 0, "value": np.float32("inf")}, "is not a finite number"),
        ({"seed": 0, "value": 10**400}, "is not a finite number"),
        ({"seed": 0, "value": 10**5000}, "is not a finite number"),
        ({"seed": 0, "value": True}, "True is not a number"),
        ({"seed": 0, "value": np.bool_(True)}, "is not a number"),
        ({"seed": 0, "value": "0.5"}, "'0.5' is not a number"),
        ({"seed": 0, "value": None}, "None is not a number"),
        ({"seed": 0, "value": np.array([0.5])}, "is not a number"),
        ({"seed": 0, "value": 0.5j}, "is not a number"),
        ({"value": 0.5}, "r2 has one value per seed: there is no seed"),
        ({"seed": 0, "dataset": "imdb", "value": 0.5}, "r2 has one value per seed, not per dataset"),
        ({"seed_a": 0, "seed_b": 1, "value": 0.5}, "r2 has one value per seed, not per seed_a"),
        ({"seed": 7, "value": 0.5}, "seed 7 has no checkpoint in the subject; the subject has seeds 0, 1, 2"),
        ({"seed": 1.0, "value": 0.5}, "the seed 1.0 is not an integer"),
        ({"seed": True, "value": 0.5}, "the seed True is not an integer"),
        ({"seed": -1, "value": 0.5}, r"the seed -1 is outside \[0, 4294967295\]"),
        ({"seed": 2, "value": 0.5}, "r2 of seed 2 is there twice"),
        ({"seed": 0, "value": 0.5, "baseline": 0.4}, "r2 is not compared with a baseline"),
    ],
)
def test_an_observation_that_cannot_stand_is_refused_when_it_comes(keys: dict[str, Any], said: str) -> None:
    built = builder()
    built.observe("r2", seed=2, value=0.5)
    before = built.missing()
    with pytest.raises(ObservationError, match=said):
        built.observe(**{"measure": "r2", **keys})
    assert built.missing() == before


def test_a_pair_is_one_pair_in_either_order() -> None:
    built = builder()
    built.observe("pw_mcc", seed_a=0, seed_b=1, value=0.5)
    with pytest.raises(ObservationError, match="pw_mcc of seed_a 0, seed_b 1 is there twice"):
        built.observe("pw_mcc", seed_a=1, seed_b=0, value=0.5)
    with pytest.raises(ObservationError, match="seed 1 is paired with itself"):
        built.observe("pw_mcc", seed_a=1, seed_b=1, value=0.5)


def test_a_dataset_that_the_protocol_does_not_name_is_answered_with_the_nearest() -> None:
    built = builder("saebench", datasets=DATASETS, baseline="dense_probe")
    with pytest.raises(ObservationError, match="'newz' is not a dataset of the protocol; did you mean 'news'"):
        built.observe("auc_win_rate", seed=0, dataset="newz", value=0.5)


def test_paired_and_unpaired_controls_are_not_mixed() -> None:
    built = builder()
    built.observe("r2_above_control", seed=0, value=0.5, baseline=0.1)
    with pytest.raises(ObservationError, match="needs a baseline: this one has none"):
        built.observe("r2_above_control", seed=1, value=0.5)
    with pytest.raises(ObservationError, match="has a paired baseline already"):
        built.observe_control("r2_above_control", seed=1, value=0.5)
    with pytest.raises(ObservationError, match="r2 is not compared with a control"):
        built.observe_control("r2", seed=1, value=0.5)


def test_writing_names_everything_that_is_missing_at_once_and_writes_nothing(tmp_path: Path) -> None:
    parts = {key: value for key, value in subject((0, 1, 2, 3)).items() if key not in ("hook", "d_sae")}
    built = SummaryBuilder("saebench", subject=parts, protocol={"datasets": DATASETS})
    for seed, name in ((0, "imdb"), (0, "news"), (1, "imdb")):
        built.observe("auc_delta", seed=seed, dataset=name, value=0.5, baseline=0.4)
    built.observe("ce_loss_score", seed=2, value=0.9)
    with pytest.raises(GatekitError) as caught:
        built.write(tmp_path / "mine")
    assert caught.value.message == (
        "the evidence is incomplete: missing subject.hook, subject.d_sae, protocol.rows, protocol.baseline; "
        "seed 1 has no value of auc_delta on dataset news; seed 2 has no value of auc_delta; "
        "seed 3 has no value of auc_delta; seed 0 has no value of ce_loss_score; "
        "seed 1 has no value of ce_loss_score; seed 3 has no value of ce_loss_score"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_builder_without_observations_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(GatekitError, match="there is no observation"):
        builder().write(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_without_its_control_is_incomplete() -> None:
    built = builder()
    for seed in SEEDS:
        built.observe("r2_above_control", seed=seed, value=0.5)
    assert built.missing() == ["r2_above_control has no baseline: it is a difference to a control"]


def test_missing_pairs_are_named_by_their_seeds() -> None:
    built = builder(seeds=(0, 1, 2, 3))
    built.observe("pw_mcc", seed_a=0, seed_b=1, value=0.5)
    built.observe("pw_mcc", seed_a=1, seed_b=2, value=0.5)
    assert built.missing() == ["seed 0 has no value of pw_mcc with seed 2", "seed 3 has no value of pw_mcc"]


def test_many_missing_rows_are_counted(tmp_path: Path) -> None:
    built = builder("cebench", baseline="none")
    for row in range(100):
        built.observe("interpretability", seed=0, row=row, value=1)
    for seed in (1, 2):
        built.observe("interpretability", seed=seed, row=99, value=1)
    first, second = built.missing()
    assert first.startswith("seed 1 has no value of interpretability on row 0, 1, 2, ")
    assert first.endswith(", 48, 49 and 49 more")
    assert second == first.replace("seed 1", "seed 2")


def test_what_contradicts_itself_is_refused_as_the_gate_would(tmp_path: Path) -> None:
    built = builder()
    for seed in SEEDS:
        built.observe("l0", seed=seed, value=65)
    with pytest.raises(GatekitError, match=r"l0 65\.0 exceeds d_sae=64"):
        built.write(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no kind 'random_modle'; did you mean 'random_model'"):
        builder("random_modle")


def observed(folder: Path, value: float = 0.5, **protocol: Any) -> Path:
    built = builder(**protocol)
    for seed in SEEDS:
        built.observe("r2", seed=seed, value=value)
    return built.write(folder)


def test_measuring_again_replaces_the_file_of_the_same_subject_and_protocol(tmp_path: Path) -> None:
    first = observed(tmp_path)
    assert observed(tmp_path, 0.6) == first
    assert read_summary(str(first)).measurements["r2"].estimate == 0.6
    assert observed(tmp_path, rows=200) != first


def test_evidence_on_something_else_and_other_files_are_not_replaced(tmp_path: Path) -> None:
    place = observed(tmp_path / "a.json")
    with pytest.raises(GatekitError, match="a summary of another protocol stands here"):
        observed(place, rows=200)
    assert read_summary(str(place)).protocol.rows == 100
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(GatekitError, match="not a gatekit summary"):
        observed(tmp_path / "notes.json")
    assert (tmp_path / "notes.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"config": {"rate": float("nan")}}, "config#/rate: nan is not a finite number"),
        ({"config": {"parts": {1, 2}}}, "config#/parts: set is nothing that JSON can hold"),
        ({"config": {"by_layer": {3: 0.1}}}, "config#/by_layer: the key 3 is not text"),
        ({"config": {"": 1}}, "producer.config"),
        ({"device": ""}, "producer.device"),
        ({"inputs": [{"name": "x"}]}, "producer.inputs.0"),
        ({"artifacts": [{"name": "x", "sha256": "y"}]}, "artifact"),
        ({"determinism": {"threads": [1]}}, "producer.determinism.threads"),
        ({"sources": ["../x.py"]}, "is outside the repository"),
        ({"hook": "h"}, "both a subject and its parts are given: hook"),
    ],
)
def test_what_the_summary_could_not_hold_is_refused_before_anything_is_measured(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(GatekitError, match=said):
        SummaryBuilder("random_model", subject(), {"rows": 1}, **options)


def repository(folder: Path) -> str:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    folder.mkdir()
    git("init", "-q")
    (folder / "data.txt").write_text("data\n")
    (folder / "measure.py").write_text(
        "from gatekit.evidence import SummaryBuilder\n"
        "built = SummaryBuilder('random_model', subject='subject.yaml', sources=['data.txt'])\n"
        "open('data.txt', 'a').write('changed while it ran')\n"
        "for seed in (0, 1, 2):\n"
        "    built.observe('r2', seed=seed, value=0.5)\n"
        "print(built.write('evidence'))\n"
    )
    (folder / "subject.yaml").write_text(json.dumps({**subject(), "protocol": {"rows": 10}}))
    git("add", ".")
    git("commit", "-qm", "start")
    return git("rev-parse", "HEAD")


def test_the_script_its_sources_and_the_commit_are_those_of_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    commit = repository(folder)
    script = source_entry("measure.py", (folder / "measure.py").read_bytes())["sha256"]
    done = subprocess.run([sys.executable, "measure.py"], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    producer = json.loads((folder / done.stdout.strip()).read_text())["producer"]
    assert producer["command"] == ["python", "measure.py"]
    assert producer["git"] == {"commit": commit, "dirty": False}
    assert {source["path"]: source["sha256"] for source in producer["sources"]} == {
        "data.txt": hashlib.sha256(b"data\n").hexdigest(),
        "measure.py": script,
    }
    assert {source["path"]: source["by"] for source in producer["sources"]} == {
        "data.txt": "bytes",
        "measure.py": "syntax_tree",
    }


def test_importing_the_evidence_package_loads_no_builder_and_nothing_heavy() -> None:
    code = "import sys, gatekit.evidence as e; print(sorted(m for m in sys.modules if m in sys.argv)); e.SummaryBuilder"
    names = ["gatekit.evidence.builder", "numpy", "scipy", "pyarrow", "ruamel.yaml", "importlib.metadata", "subprocess"]
    done = subprocess.run([sys.executable, "-I", "-c", code, *names], cwd=REPO, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


STEERING = """\
schema: gatekit.kind/1
description: Does adding a latent's direction steer the model?
baselines: [untrained]
measures:
  success: {description: Share of steered continuations., direction: higher, range: [0, 1], unit: share}
  success_above_untrained: {direction: higher, range: [0, 1], unit: share, difference_of: success}
"""


def steering(folder: Path) -> str:
    (folder / "kinds").mkdir(parents=True)
    (folder / "kinds" / "steering.yaml").write_text(STEERING)
    return str(folder / "kinds")


def test_a_kind_of_the_repository_is_found_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steering(tmp_path)
    monkeypatch.chdir(tmp_path)
    built = builder("steering")
    for seed in SEEDS:
        built.observe("success_above_untrained", seed=seed, value=0.5, baseline=seed / 10)
    with pytest.raises(ObservationError, match="did you mean 'success'"):
        built.observe("succes", seed=0, value=0.5)
    read = read_summary(str(built.write("evidence")), own_kinds("kinds"))
    assert read.measurements["success_above_untrained"].baseline == (0.0, 0.1, 0.2)
    assert read.measurements["success_above_untrained"].unit == "share"
    assert read.protocol.baseline_kind == "untrained"


def test_kinds_can_be_handed_over(tmp_path: Path) -> None:
    kinds = own_kinds(steering(tmp_path))
    built = SummaryBuilder("steering", subject(), {"rows": 1}, kinds=kinds)
    for seed in SEEDS:
        built.observe("success", seed=seed, value=0.5)
    assert read_summary(str(built.write(tmp_path / "a.json")), kinds).kind == "steering"
    with pytest.raises(UsageError, match="no kind 'steering'"):
        SummaryBuilder("steering", subject(), {"rows": 1})


def test_a_broken_kind_of_the_repository_stops_the_builder_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(steering(tmp_path)) / "broken.yaml").write_text("schema: gatekit.kind/1\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GatekitError, match="broken"):
        builder("steering")


KINDS = {
    "per_seed": ("random_model", "r2", {}),
    "per_seed_pair": ("random_model", "pw_mcc_above_control", {}),
    "per_seed_dataset": ("saebench", "auc_delta", {"datasets": DATASETS, "baseline": "public_sae"}),
    "per_seed_row": ("cebench", "interpretability_delta", {"baseline": "public_sae"}),
}
SCALARS = st.sampled_from([float, np.float64, lambda value: np.array(value), lambda value: value])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    design=st.sampled_from(sorted(KINDS)),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=4, unique=True).map(tuple),
    data=st.data(),
)
def test_every_complete_set_of_observations_is_read_back_as_it_was(
    tmp_path: Path, design: str, seeds: tuple[int, ...], data: st.DataObject
) -> None:
    kind, measure, protocol = KINDS[design]
    keys = {
        "per_seed": [{"seed": seed} for seed in seeds],
        "per_seed_pair": [{"seed_a": a, "seed_b": b} for a, b in itertools.combinations(seeds, 2)],
        "per_seed_dataset": [{"seed": s, "dataset": d} for s, d in itertools.product(seeds, ("imdb", "news"))],
        "per_seed_row": [{"seed": s, "row": r} for s, r in itertools.product(seeds, (3, 10**12))],
    }[design]
    number = st.floats(0, 1, allow_subnormal=False)
    compares = measure != "r2"
    built = SummaryBuilder(kind, subject=subject(seeds), protocol={"rows": 1, **protocol})
    expected = {}
    for key in data.draw(st.permutations(keys)):
        value, baseline = data.draw(number), data.draw(number) if compares else None
        scalar: Any = data.draw(SCALARS)
        built.observe(measure, **key, value=scalar(value), baseline=None if baseline is None else scalar(baseline))
        names = tuple(sorted(key.values())) if design == "per_seed_pair" else tuple(key.values())
        expected[names] = (value, baseline)
    if any(value != baseline for value, baseline in expected.values()) or not compares or len(expected) < 3:
        read = read_summary(str(built.write(tmp_path / "a.json"))).measurements[measure]
        (tmp_path / "a.json").unlink()
        baselines = read.baseline or (None,) * len(read.keys)
        assert dict(zip(read.keys, zip(read.candidate, baselines, strict=True), strict=True)) == expected
