"""What a cached result is keyed by: the code behind it, followed by its imports, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from runners_tree import add_architecture, copied, edit, say_more

from gatekit.errors import GatekitError
from runners.code_digest import ROOT, code_sha256, needed_modules
from runners.saes.architecture import Architecture
from runners.saes.controls import Control
from runners.saes.jump_relu import JumpReLU
from runners.saes.making import making, modules_of
from runners.saes.plan import TrainingPlan
from runners.saes.topk import TopK

pytestmark = pytest.mark.runners
TOPK = ("runners.saes.training", "runners.saes.topk")
PLAN = TrainingPlan(10, 8, 1e-3, 0.1, 0.1, 0.0, 100, 1.0, "mean")


def package(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"__init__.py": "", **files}.items():
        (root / "runners" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "runners" / name).write_text(text)
    return root


def test_imports_are_followed_through_modules_packages_and_functions(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        {
            "a.py": "import json\nfrom runners.b import value\ndef f():\n    from runners.p import q\n",
            "b.py": "import runners.c as c\nvalue = 1\n",
            "c.py": "import numpy\n",
            "p/__init__.py": "",
            "p/q.py": "from . import r\nfrom .. import d\n",
            "p/r.py": "from .s import x\n",
            "p/s.py": "x = 1\n",
            "d.py": "",
            "other.py": "",
        },
    )
    found = {name.removeprefix("runners").removeprefix(".") for name in needed_modules(["runners.a"], root)}
    assert found == {"", "a", "b", "c", "d", "p", "p.q", "p.r", "p.s"}


def test_what_only_a_type_checker_imports_is_not_followed(tmp_path: Path) -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import runners.b\nelse:\n    import runners.c\n"
    root = package(tmp_path, {"a.py": text, "b.py": "", "c.py": ""})
    assert set(needed_modules(["runners.a"], root)) == {"runners", "runners.a", "runners.c"}


def test_what_cannot_change_a_number_is_neither_digested_nor_followed(tmp_path: Path) -> None:
    root = package(tmp_path, {"a.py": "import runners.progress\n", "progress.py": "import runners.b\n", "b.py": ""})
    assert set(needed_modules(["runners.a"], root)) == {"runners", "runners.a"}


def test_an_architecture_of_another_package_is_followed_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab_saes_for_this_test").mkdir()
    for name, text in (
        ("__init__", ""),
        ("mine", "from . import parts\nimport runners.seeding\n"),
        ("parts", "x = 1\n"),
    ):
        (tmp_path / "lab_saes_for_this_test" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = needed_modules(["lab_saes_for_this_test.mine"])
    assert {"lab_saes_for_this_test.parts", "runners.seeding"} < set(found)


def test_a_module_in_no_file_is_refused() -> None:
    with pytest.raises(GatekitError, match=r"'runners\.no_such_module' lies in no file"):
        code_sha256(["runners.no_such_module"])


def test_training_depends_on_its_own_architecture_and_on_no_other() -> None:
    found = {name.rpartition(".")[2] for name in needed_modules(TOPK) if name.startswith("runners.saes.")}
    assert {"topk", "training", "seed_group", "gradient_step", "auxk", "sparse_topk", "normalisation"} <= found
    assert not found & {"relu", "jump_relu", "gated", "matryoshka", "route", "transcoder", "registry", "checkpoint"}
    assert "runners.seeding" in needed_modules(TOPK)
    assert not {"runners.progress", "runners.tracking", "runners.config"} & set(needed_modules(TOPK))


def test_an_architecture_that_is_added_and_words_that_change_train_nothing_anew(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    add_architecture(tree)
    say_more(tree)
    assert code_sha256(TOPK, tree) == code_sha256(TOPK, ROOT)
    stores = ["runners.subjects.activation_store"]
    assert code_sha256(stores, tree) == code_sha256(stores, ROOT)


@pytest.mark.parametrize("module", ["saes/topk", "saes/gradient_step", "saes/kept_latents", "seeding"])
def test_code_that_trains_and_changes_trains_anew(tmp_path: Path, module: str) -> None:
    tree = copied(tmp_path)
    edit(tree / "runners" / f"{module}.py", lambda text: text + "\nEPSILON = 1e-6\n")
    assert code_sha256(TOPK, tree) != code_sha256(TOPK, ROOT)


def test_another_architecture_that_changes_trains_nothing_anew(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    edit(tree / "runners/saes/jump_relu.py", lambda text: text + "\nEPSILON = 1e-6\n")
    assert code_sha256(TOPK, tree) == code_sha256(TOPK, ROOT)
    jump = ("runners.saes.training", "runners.saes.jump_relu")
    assert code_sha256(jump, tree) != code_sha256(jump, ROOT)


def test_an_architecture_around_another_depends_on_both() -> None:
    modules = modules_of(Control(JumpReLU(6, 10, None), "frozen_decoder"))
    assert modules == {"runners.saes.controls", "runners.saes.jump_relu"}


@pytest.mark.parametrize("architecture", [TopK(6, 10, 2, 3), Control(TopK(6, 10, 2, 3), "frozen_decoder")])
def test_the_key_of_a_training_holds_the_digest_of_its_code(architecture: Architecture) -> None:
    source = code_sha256(["runners.saes.training", *modules_of(architecture)])
    assert making(architecture, PLAN, "cpu")["source"] == source
