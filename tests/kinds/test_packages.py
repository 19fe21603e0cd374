"""Kinds that installed packages bring: found when a name is asked for, and refused in one line where they cannot be."""

from __future__ import annotations

import importlib.metadata
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from gatekit.errors import GatekitError, UsageError
from gatekit.evidence.kind_files import together
from gatekit.kinds import Kind, Kinds, MeasureSpec

ROW = MeasureSpec("score", "What is scored.", "1", "higher", (0, 1), "per_seed")
ABSORPTION = Kind("absorption", "How often does a latent miss what it stands for?", (ROW,))
SEVERAL = [ABSORPTION, Kind("splitting", "How many latents share one meaning?", (ROW,))]
OURS = Kind("cebench", "Another table under our name.", (ROW,))
UPSIDE_DOWN = Kind(
    "absorption", "A range the wrong way round.", (MeasureSpec(*("s", "d", "1", "higher"), (1, 0), "per_seed"),)
)
NOT_A_KIND = 3


def one() -> Kind:
    return ABSORPTION


def failing() -> Kind:
    raise RuntimeError("no\nnetwork")


def packages(monkeypatch: pytest.MonkeyPatch, *named: tuple[str, str]) -> list[str]:
    """Pretend that installed packages register these, and return the list of groups that are asked for."""
    asked: list[str] = []

    def entry_points(**kwargs: Any) -> EntryPoints:
        asked.append(kwargs["group"])
        return EntryPoints(EntryPoint(name, f"kinds.test_packages:{value}", "gatekit.kinds") for name, value in named)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return asked


@pytest.mark.parametrize("value", ["ABSORPTION", "one", "SEVERAL"])
def test_a_kind_a_function_and_a_list_are_found(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    packages(monkeypatch, ("absorption", value))
    assert Kinds().named("absorption") is ABSORPTION
    assert "absorption" in Kinds().names()


def test_a_list_is_found_under_each_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    packages(monkeypatch, ("lab", "SEVERAL"))
    assert Kinds().named("splitting") is SEVERAL[1]


def test_packages_are_not_looked_at_for_what_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = packages(monkeypatch, ("cebench", "OURS"))
    assert Kinds().named("cebench").name == "cebench"
    assert "interpretability" in Kinds().measures("cebench")
    assert asked == []


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ([("absorption", "NOWHERE")], "has nothing called 'NOWHERE'"),
        ([("absorption", "NOT_A_KIND")], "gives a int, not a gatekit.kinds.Kind"),
        ([("absorption", "failing")], "fails: RuntimeError: no network"),
        ([("absorption", "UPSIDE_DOWN")], "measures.s.range: [1, 0] is no range"),
        ([("absorption", "OURS")], "redefines 'cebench', which is gatekit's own"),
        ([("absorption", "ABSORPTION"), ("lab", "SEVERAL")], "several packages bring the kind 'absorption'"),
        ([("absorption", "ABSORPTION"), ("absorption", "one")], "several packages bring the kind 'absorption'"),
    ],
)
def test_what_cannot_be_used_is_one_refused_name(
    monkeypatch: pytest.MonkeyPatch, named: list[tuple[str, str]], said: str
) -> None:
    packages(monkeypatch, *named)
    kinds = Kinds()
    with pytest.raises(GatekitError) as caught:
        kinds.named("absorption")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4
    assert kinds.named("ood").name == "ood"


def test_a_broken_package_does_not_hide_that_a_name_is_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    packages(monkeypatch, ("lab", "failing"), ("good", "ABSORPTION"))
    kinds = Kinds()
    assert kinds.named("absorption") is ABSORPTION
    with pytest.raises(UsageError, match="no kind 'absorbtion'") as caught:
        kinds.named("absorbtion")
    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("did you mean 'absorption'?; the kind 'lab' of")


def test_a_repository_cannot_take_the_name_of_a_packages_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    packages(monkeypatch, ("absorption", "ABSORPTION"))
    kinds, errors = together([("kinds/absorption.yaml", Kind("absorption", "Ours.", (ROW,)))])
    assert ["is the kind 'absorption' of an unnamed package" in str(error) for error in errors] == [True]
    assert dict(kinds.own) == {}
