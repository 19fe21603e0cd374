"""Every error of the runners has a place, or stands here with the reason why it has none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.runners

RUNNERS = Path(__file__).resolve().parents[2] / "runners"

# What a caller passes in is at fault. The function knows no configuration; whoever calls it for one does so inside
# `caused_by`, which gives the error the place of the key. `test_faults_while_measuring.py` shows that it arrives.
PLACED_BY_THE_CALLER = {
    ("benchmarks", "absorption.py", "runner.positions"): "subject.hook",
    ("benchmarks", "cebench.py", "benchmark.unmatched"): "scoring.baseline",
    ("benchmarks", "saebench.py", "benchmark.leak"): "probing.datasets[i]",
    ("benchmarks", "standing_in.py", "core.hook"): "subject.hook",
    ("saes", "sae_lens.py", "checkpoint.no_such_format"): "sae.architecture",
    ("stages", "measuring.py", "benchmark.flat_baseline"): "scoring.baseline",
    ("stages", "measuring.py", "benchmark.leak"): "shift.shifted[i] or shift.longer[i]",
    ("stages", "measuring.py", "transcoder.unmatched"): "sae",
    ("subjects", "activation_store.py", "activations.empty"): "the key of the hook",
    ("subjects", "activation_store.py", "activations.range"): "the key of the hook",
    ("subjects", "sharded_store.py", "activations.disk"): "texts.train_tokens",
    ("subjects", "hub_dataset.py", "table.hub"): "texts.source, or the entry that names the dataset",
    ("subjects", "given_activations.py", "activations.too_few"): "texts.held_out_tokens or texts.train_tokens",
    ("subjects", "labelled_texts.py", "dataset.too_small"): "the entry that names the dataset",
    ("subjects", "labelled_texts.py", "dataset.unknown"): "the entry that names the dataset",
    ("subjects", "language_model.py", "runner.hook"): "the key of the hook",
    ("subjects", "model_files.py", "runner.model_missing"): "subject.model.name",
    ("subjects", "model_files.py", "runner.package_missing"): "subject.model.name",
    ("subjects", "language_model.py", "runner.prepend_bos"): "subject.prepend_bos",
    ("subjects", "modular_addition.py", "runner.hook"): "transformer.hook",
    ("subjects", "module_network.py", "runner.hook"): "the key of the hook",
    ("subjects", "given_ids_padding.py", "texts.padding"): "texts.source",
    ("subjects", "own_texts.py", "table.token_ids"): "texts.source",
    ("subjects", "own_token_sets.py", "texts.tokenizer"): "texts.held_out_tokens or texts.train_tokens",
    ("subjects", "shifted_texts.py", "benchmark.leak"): "shift.shifted[i] or shift.longer[i]",
    ("subjects", "shifted_texts.py", "dataset.too_small"): "shift.shifted[i] or shift.longer[i]",
    ("subjects", "story_pairs.py", "pairs.hub"): "scoring.pairs.name",
    ("subjects", "story_pairs.py", "pairs.too_few"): "scoring.pairs.rows",
    ("subjects", "text_store.py", "dataset.no_tokens"): "the entry that names the dataset",
    ("subjects", "token_sets.py", "corpus.too_small"): "texts.held_out_tokens or texts.train_tokens",
}

NO_FILE_IS_AT_FAULT = {
    ("", "code_digest.py", "code.no_file"): "the code itself: a module that lies in no file cannot be digested",
    ("", "summary_writing.py", "runner.kind"): "the runner's own code, or the package that should define the kind",
    ("", "tracking.py", "tracking.missing"): "the installation: --track asks for a package that is not there",
    ("arms", "trained_saes.py", "runner.sae_cache"): "the cache lost what was written to it a moment ago",
    (
        "stages",
        "trajectories.py",
        "runner.trajectory",
    ): "cache and training disagree, on a device that is not repeatable",
    ("saes", "summed.py", "runner.devices"): "the machine: its GPUs are of several models, and the line names them",
    ("stage", "hub_faults.py", "runner.hub"): "the network: a download broke off, and the line names it",
    ("stage", "machine_faults.py", "runner.folder"): "the machine: who may write or read there, and the line names it",
    ("stage", "machine_faults.py", "runner.package_missing"): "the installation: what a library asks for is not there",
    ("subjects", "causal_model_training.py", "subject.not_learnt"): "a command line of its own: more --steps",
    ("subjects", "causal_model_training.py", "subject.too_few_texts"): "a command line of its own: more --texts",
    ("subjects", "modular_addition_training.py", "subject.not_learnt"): "a command line of its own: more --steps",
    ("subjects", "text_corpus.py", "runner.package_missing"): "the installation: sae-probes is not there",
}


def errors_without_a_place() -> set[tuple[str, str, str]]:
    """(room, file, error id) of every GatekitError that is made without a location."""
    found = set()
    for path in sorted(RUNNERS.rglob("*.py")):
        parts = path.relative_to(RUNNERS).parts
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name == "GatekitError" and not has_place(node):
                error_id = node.args[0].value if isinstance(node.args[0], ast.Constant) else ast.unparse(node.args[0])
                found.add((parts[0] if len(parts) > 1 else "", path.name, str(error_id)))
    return found


def has_place(call: ast.Call) -> bool:
    place = next((keyword.value for keyword in call.keywords if keyword.arg == "location"), None)
    place = call.args[2] if len(call.args) > 2 else place
    return place is not None and not (isinstance(place, ast.Constant) and place.value is None)


def test_every_error_of_the_runners_has_a_place_or_a_reason_to_have_none():
    listed = PLACED_BY_THE_CALLER.keys() | NO_FILE_IS_AT_FAULT.keys()
    assert errors_without_a_place() - listed == set()


def test_no_error_is_listed_that_is_not_there():
    listed = PLACED_BY_THE_CALLER.keys() | NO_FILE_IS_AT_FAULT.keys()
    assert listed - errors_without_a_place() == set()


def test_no_error_of_the_command_line_is_one_of_a_configuration():
    """`UsageError` has no place by its nature, so only what reads the command line may raise it."""
    makers = {
        path.relative_to(RUNNERS).as_posix() for path in RUNNERS.rglob("*.py") if "UsageError(" in path.read_text()
    }
    readers = {"__main__.py", "costs/command.py", "settings.py", "stage/lifecycle.py", "stage/unit_command.py"}
    readers |= {"determinism.py", "sae_paths.py", "starter.py"}
    assert makers <= readers
