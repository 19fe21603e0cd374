from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gatekit.errors import GatekitError, Location
from runners.config import plain, read_config
from runners.places import caused_by, config_error, derived, place_of, refuse_first, taking

pytestmark = pytest.mark.runners


@dataclasses.dataclass(frozen=True)
class Part:
    k: int
    names: tuple[str, ...] = ("a",)


@dataclasses.dataclass(frozen=True)
class Whole:
    seeds: tuple[int, ...]
    part: Part
    others: tuple[Part, ...] = ()
    sweep: Part | None = None


BASE = "part:\n  k: 3\n  names: [x, y]\n"
OWN = "base: base.yaml\nseeds: [5, 6]\nothers:\n  - {k: 7}\n  - k: 8\n"


def read(folder: Path, own: str = OWN, base: str = BASE) -> Whole:
    folder.mkdir(exist_ok=True)
    (folder / "base.yaml").write_text(base)
    (folder / "own.yaml").write_text(own)
    return read_config(folder / "own.yaml", Whole)


def shown(place: Location | None) -> str:
    assert place is not None
    return f"{Path(place.path).name}:{place.line}:{place.column}"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("seeds", "own.yaml:2:8"),
        ("seeds[1]", "own.yaml:2:12"),
        ("part", "base.yaml:2:3"),
        ("part.k", "base.yaml:2:6"),
        ("part.names[1]", "base.yaml:3:14"),
        ("others[0].k", "own.yaml:4:9"),
        ("others[1]", "own.yaml:5:5"),
        ("others[1].k", "own.yaml:5:8"),
        ("others[1].names", "own.yaml:5:5"),
        ("sweep", "own.yaml:1:1"),
        ("sweep.k", "own.yaml:1:1"),
        ("", "own.yaml:1:1"),
    ],
)
def test_a_value_stands_where_it_is_written_and_one_that_is_left_out_where_its_block_is(tmp_path, key, place):
    assert shown(place_of(read(tmp_path), key)) == place


def test_a_place_quotes_its_line(tmp_path):
    place = place_of(read(tmp_path), "part.names")
    assert place is not None
    assert place.source_line == "  names: [x, y]"


def test_equal_values_are_equal_wherever_they_stand(tmp_path):
    one, other = read(tmp_path / "one"), read(tmp_path / "other", "# later\n" + OWN, "# later\n" + BASE)
    assert place_of(one, "seeds") != place_of(other, "seeds")
    assert (one, hash(one), plain(one)) == (other, hash(other), plain(other))
    assert dataclasses.asdict(one) == dataclasses.asdict(other)


def test_what_stays_in_a_derived_configuration_keeps_its_place(tmp_path):
    config = read(tmp_path)
    cell = derived(config, part=config.others[1], others=())
    assert cell == dataclasses.replace(config, part=config.others[1], others=())
    assert shown(place_of(cell, "seeds[1]")) == "own.yaml:2:12"
    assert shown(place_of(cell, "part.k")) == "own.yaml:5:8"


def test_a_changed_value_stands_where_it_is_said_to_and_else_where_the_old_one_stood(tmp_path):
    config = read(tmp_path)
    swept = derived(config.part, {"k": place_of(config, "seeds[0]")}, k=5)
    assert shown(place_of(swept, "k")) == "own.yaml:2:9"
    assert shown(place_of(derived(config.part, k=5), "k")) == "base.yaml:2:6"
    assert shown(place_of(derived(config, part=swept), "part.k")) == "own.yaml:2:9"
    assert shown(place_of(config, "part.k")) == "base.yaml:2:6"


def test_fields_that_are_taken_from_another_configuration_bring_their_places(tmp_path):
    small = read(tmp_path / "small", "base: base.yaml\n\nseeds: [1]\n")
    made = taking(read(tmp_path), small, "seeds")
    assert made.seeds == (1,)
    assert shown(place_of(made, "seeds[0]")) == "own.yaml:3:9"
    assert shown(place_of(made, "others[0]")) == "own.yaml:4:5"


def test_a_configuration_made_in_python_has_no_places():
    config = Whole((1,), Part(2))
    assert place_of(config, "part.k") is None
    assert place_of(derived(config, seeds=(2,)), "seeds") is None
    assert str(config_error(config, "part.k", "too much")) == "too much [config.together]"


def test_a_key_that_no_configuration_has_is_a_fault_of_the_code(tmp_path):
    with pytest.raises(AttributeError):
        place_of(read(tmp_path), "part.q")
    with pytest.raises(ValueError, match="no key of a configuration"):
        place_of(read(tmp_path), "part/k")


def test_the_first_fault_that_is_present_is_refused_at_its_key(tmp_path):
    config = read(tmp_path)
    refuse_first(config, ("seeds", "never", False))
    with pytest.raises(GatekitError) as caught:
        refuse_first(config, ("seeds", "never", False), ("part.k", "k is odd", True), ("seeds", "later", True))
    assert str(caught.value).endswith("base.yaml:2:6: k is odd [config.together]")


def test_a_fault_that_shows_while_measuring_gets_the_place_of_the_value_behind_it(tmp_path):
    config = read(tmp_path)
    with pytest.raises(GatekitError) as caught, caused_by(config, "part.names[0]"):
        raise GatekitError("runner.hook", "no hook 'x'")
    assert str(caught.value).endswith("base.yaml:3:11: no hook 'x' [runner.hook]")
    with pytest.raises(GatekitError) as caught, caused_by(config, "part.names[0]"):
        raise GatekitError("pairs.file", "no JSON", Location("pairs.jsonl", 3))
    assert str(caught.value) == "pairs.jsonl:3:1: no JSON [pairs.file]"
