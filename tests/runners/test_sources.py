"""A summary names the repository files that can change its numbers, and goes stale with them alone."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import builders
import pytest
from runners_tree import MODULES, ROOT, add_architecture, copied, edit, say_more

from gatekit.errors import GatekitError
from gatekit.evidence import Summary, read_summary
from gatekit.evidence.source_digest import syntax_tree_sha256
from gatekit.evidence.staleness import changed_sources, work_tree_digest
from runners import provenance
from runners.sources import COUNTED, LEFT_OUT, counts, is_listed, module_name

pytestmark = pytest.mark.runners


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The runners as they are here, to be changed."""
    return copied(tmp_path)


@pytest.fixture(scope="module")
def about_all(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A summary that was measured with every module that counts."""
    sources = list(provenance.source_digests().values())
    observations = {"r2": builders.around(0.8, 0.01, 5)}
    document = builders.summary("random_model", observations, producer_changes={"sources": sources})
    path = tmp_path_factory.mktemp("evidence") / "random_model.json"
    path.write_text(json.dumps(document))
    return read_summary(path)


def test_a_comment_or_docstring_in_any_module_makes_nothing_stale(tree: Path, about_all: Summary) -> None:
    say_more(tree)
    assert changed_sources(about_all, work_tree_digest(tree)) == {}


def test_a_number_that_changes_in_a_module_makes_evidence_stale(tree: Path, about_all: Summary) -> None:
    edit(tree / "runners/saes/normalisation.py", lambda text: text + "\nEPSILON = 1e-6\n")
    edit(tree / "runners/progress.py", lambda text: text + "\nWIDTH = 80\n")
    changed = changed_sources(about_all, work_tree_digest(tree))
    assert changed == {"runners/saes/normalisation.py": "has changed"}


def test_an_architecture_that_is_added_makes_nothing_stale(tree: Path, about_all: Summary) -> None:
    add_architecture(tree)
    assert changed_sources(about_all, work_tree_digest(tree)) == {}


def test_every_module_is_in_or_out_with_a_reason() -> None:
    unlisted = [path for path in MODULES if not is_listed(module_name(path))]
    assert unlisted == [], "say in runners/sources.py whether it can change a number, and why"
    assert all(reason for reason in {**COUNTED, **LEFT_OUT}.values())
    assert not COUNTED.keys() & LEFT_OUT.keys()


def test_a_new_module_in_neither_list_is_noticed_and_counts_meanwhile() -> None:
    assert not is_listed("runners.something_new")
    assert counts("runners.something_new")


def test_every_entry_of_the_lists_is_about_a_module_that_exists() -> None:
    names = {module_name(path) for path in MODULES}
    packages = {name for name, path in zip(map(module_name, MODULES), MODULES, strict=True) if "__init__" in path}
    for entry in (*COUNTED, *LEFT_OUT):
        assert entry in names or entry.removesuffix(".*") in packages, entry


def test_the_more_specific_entry_holds() -> None:
    assert counts("runners.saes.topk") and counts("runners.saes") and counts("runners.saes.formats.sae_lens")
    assert not counts("runners.saes.registry")
    assert counts("another_package.anything")


def test_sources_are_the_imported_modules_and_the_configuration() -> None:
    importlib.import_module("runners.metrics.consistency")
    importlib.import_module("runners.progress")
    configuration = ROOT / "runners" / "configs" / "random_model" / "smoke.yaml"
    entries = {s["path"]: s for s in provenance.used_sources(provenance.source_digests(configuration))}
    name = configuration.relative_to(ROOT).as_posix()
    digest = hashlib.sha256(configuration.read_bytes()).hexdigest()
    assert entries.pop(name) == {"path": name, "sha256": digest, "by": "bytes"}
    module = "runners/metrics/consistency.py"
    digest = syntax_tree_sha256((ROOT / module).read_bytes())
    assert entries[module] == {"path": module, "sha256": digest, "by": "syntax_tree"}
    assert "runners/progress.py" not in entries
    imported = {Path(m.__file__) for n, m in sys.modules.items() if n.partition(".")[0] == "runners" and m.__file__}
    assert {ROOT / path for path in entries} <= imported


def test_a_module_that_was_not_imported_is_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = provenance.source_digests()
    importlib.import_module("runners.digests")
    monkeypatch.delitem(sys.modules, "runners.digests")
    assert "runners/digests.py" in digests
    assert "runners/digests.py" not in {s["path"] for s in provenance.used_sources(digests)}


def test_a_file_outside_the_repository_is_no_source(tmp_path: Path) -> None:
    outside = tmp_path / "config.yaml"
    outside.write_text("threads: 2\n")
    assert not any(path.endswith("config.yaml") for path in provenance.source_digests(outside))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a runner and a configuration of its own, where gatekit is an installed copy."""
    package = tmp_path / "lab_runners_of_this_test"
    package.mkdir()
    for name in ("__init__", "measuring", "unused", "a script"):
        (package / f"{name}.py").write_text(f"NAME = {name!r}\n")
    (tmp_path / "config.yaml").write_text("threads: 2\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(provenance, "_is_checkout", lambda: False)
    return tmp_path


def test_a_runner_in_a_repository_of_its_own_names_the_files_of_that_repository(lab: Path) -> None:
    digests = provenance.source_digests(Path("config.yaml"), package="lab_runners_of_this_test")
    importlib.import_module("lab_runners_of_this_test.measuring")
    found = [entry["path"] for entry in provenance.used_sources(digests)]
    package = "lab_runners_of_this_test"
    assert found == ["config.yaml", f"{package}/__init__.py", f"{package}/measuring.py"]


def test_an_environment_inside_a_repository_is_not_of_it(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = lab / ".venv" / "lib" / "site-packages"
    shutil.copytree(ROOT / "runners" / "metrics", installed / "runners" / "metrics")
    monkeypatch.setattr(provenance, "ROOT", installed)
    assert list(provenance.source_digests(Path("config.yaml"))) == ["config.yaml"]


def test_a_source_that_a_summary_cannot_name_is_refused_before_anything_is_measured(lab: Path) -> None:
    (lab / "my config.yaml").write_text("threads: 2\n")
    with pytest.raises(GatekitError, match=r"my config\.yaml.*cannot name this file"):
        provenance.source_digests(Path("my config.yaml"))
