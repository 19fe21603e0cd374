from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.provenance import shown_argument
from runners.__main__ import main
from runners.config import plain, read_config
from runners.settings import read_settings
from runners.stages.ablation.stage import STAGE as ABLATION
from runners.stages.random_model.plan import RandomModelConfig
from runners.stages.random_model.stage import STAGE

pytestmark = pytest.mark.runners

SMOKE = STAGE.smoke_config


def read(*arguments: str) -> RandomModelConfig:
    return read_config(SMOKE, RandomModelConfig, settings=read_settings(arguments))


def test_a_setting_gives_what_the_file_would_give_if_it_said_so(tmp_path):
    base = SMOKE.parent.parent / "shared" / "saes_smoke.yaml"
    text = base.read_text() + "".join(
        line for line in SMOKE.read_text().splitlines(keepends=True) if not line.startswith(("#", "base:"))
    )
    for old, new in (("seeds: [0, 1, 2, 3, 4]", "seeds: [3, 8]"), ("k: 16,", "k: 8,"), ("threads: 2", "threads: 1")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "said.yaml"
    path.write_text(text)
    said = read_config(path, RandomModelConfig)
    assert plain(read("seeds=[3, 8]", "sae.k=8", "threads=1")) == plain(said)


def test_a_setting_of_a_base_holds_there_and_one_that_stands_nowhere_is_added():
    assert read("training.steps=7").training.steps == 7
    made = read("sae.control=frozen_decoder", "texts.filter=[{column: language, equals: en}]")
    assert made.sae.control == "frozen_decoder"
    assert made.texts.filter[0].equals == "en"


def test_a_block_that_stands_nowhere_is_made():
    path = ABLATION.smoke_config
    settings = read_settings(["sweep.ks=[4, 8]", "sweep.d_saes=[48]", "sweep.steps=[8]"])
    assert read_config(path, ABLATION.config, settings=settings).sweep.ks == (4, 8)


@pytest.mark.parametrize(
    ("argument", "error_id", "message"),
    [
        ("sae.kk=8", "config.unknown_key", "--set sae.kk: unknown key 'kk'"),
        ("sea.k=8", "config.unknown_key", "--set sea.k: unknown key 'sea'; did you mean 'sae'?"),
        ("sae.k=many", "config.type", "--set sae.k: 'k' must be of type int"),
        ("sae.k=2.5", "config.type", "--set sae.k: 'k' must be a whole number"),
        ("sae.k=0", "config.range", "--set sae.k: 'k' is 0; it lies in [1, "),
        ("seeds=[0, -1]", "config.range", "--set seeds: 'seeds' is -1"),
        ("seeds=5", "config.type", "--set seeds: 'seeds' must be a list"),
        ("seeds=[0, 1", "config.syntax", "--set seeds: "),
        ("sae={k: 1, k: 2}", "config.syntax", "--set sae: "),
        ("sae=&a {k: 1}", "config.anchor", "--set sae: 'sae' has an anchor"),
        ("threads=1\n2: 3", "config.syntax", "--set threads: "),
        ("threads.k=1", "config.type", "--set threads.k: 'threads' is no block that a key could be set in"),
        ("seeds.0=1", "config.type", "--set seeds.0: 'seeds' is no block"),
        ("base=other.yaml", "config.unknown_key", "--set base: unknown key 'base'"),
        ("sae=", "config.type", "--set sae: 'sae' must be"),
    ],
)
def test_a_faulty_setting_is_refused_in_one_line_that_names_it(argument, error_id, message):
    with pytest.raises(GatekitError) as caught:
        read(argument)
    assert caught.value.error_id == error_id
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_values_that_do_not_go_together_name_the_setting():
    config = read("sae.k=4000")
    with pytest.raises(GatekitError) as caught:
        STAGE.check(config)
    assert str(caught.value).startswith("--set sae.k: ")
    assert ":None" not in str(caught.value)


@pytest.mark.parametrize("arguments", [["sae.k"], ["=3"], ["sae..k=3"], [".k=3"], ["sae k=3"], ["k=1", "k=2"]])
def test_an_argument_that_sets_nothing_or_one_key_twice_is_a_wrong_command_line(arguments):
    with pytest.raises(UsageError, match="--set"):
        read_settings(arguments)


def test_a_command_line_takes_settings_and_says_what_is_wrong_with_one(capfd, tmp_path):
    out = str(tmp_path / "out")
    assert main(["random_model", "--config", str(SMOKE), "--set", "sae.kk=8", "--out", out]) == 4
    assert capfd.readouterr().err.startswith("--set sae.kk: unknown key 'kk'")
    assert main(["random_model", "--config", str(SMOKE), "--set", "sae.k", "--out", out]) == 64
    assert list(tmp_path.rglob("*")) == []


def test_a_registration_announces_the_configuration_with_its_settings():
    from gatekit.runner_command import configurations

    ((_, kind, recorded),) = configurations("random_model", str(SMOKE), ["seeds=[0, 1, 2]", "sae.k=8"])
    assert (kind, recorded["seeds"], recorded["sae"]["k"]) == ("random_model", [0, 1, 2], 8)
    json.dumps(recorded)


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("saes.seeds.0=/home/who/seed 0", "saes.seeds.0=seed 0"),
        ("--config=/home/who/a.yaml", "--config=a.yaml"),
        ("texts.paths=[/home/who/a.txt, /srv/b.txt]", "texts.paths=[a.txt, b.txt]"),
        ("texts.paths=['/home/a who/a.txt', \"/srv/b.txt\"]", "texts.paths=['a.txt', \"b.txt\"]"),
        ("subject.model.name=owner/name", "subject.model.name=owner/name"),
        ("texts.paths=[texts/a.txt, ../b.txt]", "texts.paths=[texts/a.txt, ../b.txt]"),
    ],
)
def test_a_summary_shows_no_absolute_path_of_a_setting(argument, shown):
    assert shown_argument(argument) == shown
    assert str(Path.home()) not in shown


def test_what_will_be_recorded_of_saes_that_a_run_leaves_is_said_before_there_are_any():
    from gatekit.runner_command import configurations

    folder = SMOKE.parents[1] / "cycle_4_small"
    settings = ["seeds=[3, 5]", "references.seeds=[100, 101]", "search_seeds=[3]", "sae.k=8"]
    ((_, _, left),) = configurations("consistency", str(folder / "objective.yaml"), settings)
    told = [f"{key}={json.dumps(left[key])}" for key in ("threads", "subject", "texts")]
    config = str(folder / "objective_cebench.yaml")
    ((_, kind, recorded),) = configurations("cebench", config, told, left)
    assert (kind, recorded["training"], sorted(recorded["saes"]["seeds"])) == ("cebench", None, ["3", "5"])
    assert recorded["sae"] == {"label": "topk", "width": 256, "active": 8, "stated": {}}
    assert recorded["seeds"] == [3, 5]
    with pytest.raises(GatekitError, match="'saes' is for runners that measure SAEs from files"):
        configurations("consistency", str(folder / "objective.yaml"), [], left)
    with pytest.raises(GatekitError, match="'seeds' stands beside 'saes'"):
        configurations("cebench", config, [*told, "seeds=[3, 5]"], left)


def test_a_runner_that_does_not_know_saes_of_a_run_is_told_apart(monkeypatch):
    import runners.stages.random_model
    from gatekit.runner_command import configurations

    monkeypatch.setattr(runners.stages.random_model, "STAGE", SimpleNamespace(configurations=lambda path, told=(): []))
    assert configurations("random_model", "a.yaml", ["seeds=[1]"]) == []
    with pytest.raises(UsageError, match="does not say what it would record of SAEs that a run leaves"):
        configurations("random_model", "a.yaml", [], {"seeds": [1]})
