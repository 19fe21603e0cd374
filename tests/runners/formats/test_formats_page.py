"""docs/formats.md names every format that is read, and its description is one that is read.

Each line of what is refused has a test that refuses it.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest
import torch

from runners.saes.formats.any_format import read_sae
from runners.saes.formats.own_formats import OWN
from runners.saes.topk import TopK

pytestmark = pytest.mark.runners

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")


def test_the_table_names_every_format_that_is_read_and_no_other():
    section = PAGE.split("## What is read")[1].split("Latents and")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [own.name for own in OWN]


def test_every_format_has_its_measured_difference():
    section = PAGE.split("| format | compared with |")[1].split("## A plain")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {own.name for own in OWN} - {"gatekit"}


def test_the_description_on_the_page_is_read(weights, tmp_path):
    text = textwrap.dedent(PAGE.split("## A plain state dict\n")[1].split("`.T` turns")[0])
    (tmp_path / "sae.yaml").write_text(text)
    shapes = {"encoder.weight": (40, 12), "encoder.bias": (40,), "decoder.weight": (12, 40), "bias": (12,)}
    torch.save(weights(**shapes), tmp_path / "sae.pt")
    assert read_sae(tmp_path).architecture == TopK(12, 40, 32, 0)


HERE = Path(__file__).parent
REFUSED = {
    "a tensor that is missing": ["test_gemma_scope.py::test_an_archive_that_is_no_sae_is_refused_with_the_array"],
    "names with a prefix": [
        "test_sae_lens.py::test_what_is_not_read_is_one_line_with_the_file",
        "test_dictionary_learning.py::test_names_with_a_prefix_are_refused",
    ],
    "a missing shard": [
        "test_described.py::test_a_missing_shard_is_named",
        "test_sae_lens.py::test_a_second_file_of_weights_is_refused",
        "test_dictionary_learning.py::test_a_second_file_of_weights_is_refused",
        "test_sparsify.py::test_a_second_file_of_weights_is_refused",
    ],
    "`.pkl`": [
        "test_described.py::test_a_pickle_or_a_missing_file_is_refused",
        "test_any_format.py::test_a_pickle_with_code_in_it_is_refused_and_does_not_run",
    ],
    "two formats": ["test_any_format.py::test_a_folder_of_two_formats_is_refused_with_both"],
    "a sparsify coder": [
        "test_sparsify.py::test_a_coder_that_the_run_calls_a_transcoder_and_its_own_file_does_not_is_refused"
    ],
    "an SAE of another model": [
        "test_use.py::test_what_differs_is_told_with_both_named",
        "../test_given_saes.py::test_an_sae_of_another_model_or_hook_is_refused_with_both_named",
        "../test_prepend_bos.py::test_saes_are_used_only_on_texts_that_begin_as_theirs_did",
    ],
    "SAELens' `expected_average_only_in`": [
        "../saes/test_sae_lens_format.py::test_a_configuration_that_says_something_else_is_refused"
    ],
    "SAELens' `covariance_whitening`": [
        "test_sae_lens.py::test_what_is_not_read_is_one_line_with_the_file",
        "../saes/test_sae_lens_format.py::test_a_configuration_that_says_something_else_is_refused",
    ],
    "SAELens' abstopk": ["test_sae_lens.py::test_what_is_not_read_is_one_line_with_the_file"],
    "`batchtopk`, BatchTopKSAE": [
        "test_sae_lens.py::test_a_threshold_that_training_never_set_is_refused",
        "../saes/test_dictionary_learning_format.py::test_what_does_not_agree_with_itself_is_refused",
    ],
    "Llama Scope's `topk` beside": [
        "test_llama_scope.py::test_what_is_not_read_is_one_line",
        "test_llama_scope.py::test_a_jumprelu_sae_that_says_no_threshold_is_refused",
    ],
    "negative thresholds": [
        "test_circuit_tracer.py::test_what_is_not_read_is_one_line",
        "test_llama_scope.py::test_what_is_not_read_is_one_line",
        "test_openai.py::test_what_is_not_read_is_one_line",
    ],
    "cross-layer transcoders": [
        "test_circuit_tracer.py::test_what_is_not_read_is_one_line",
        "test_gemma_scope_2.py::test_what_is_not_read_is_one_line",
        "test_dictionary_learning.py::test_a_class_that_is_none_is_refused",
    ],
    "OpenMOSS's `batch-wise` norms": [
        "test_llama_scope.py::test_what_is_not_read_is_one_line",
        "test_openmoss.py::test_what_is_not_read_is_one_line",
    ],
    "OpenMOSS's `dataset-wise` files": [
        "test_openmoss.py::test_what_is_not_read_is_one_line",
        "test_openmoss.py::test_a_norm_that_is_none_is_refused",
    ],
    "Gemma Scope 2 without": ["test_gemma_scope_2.py::test_without_a_configuration_another_folder_is_refused"],
}
"""How a line of the page begins -> the tests that refuse what it says."""


def test_every_line_of_what_is_refused_has_tests():
    section = PAGE.split("## What is refused")[1].split("## A format")[0]
    lines = re.findall(r"^\| (?!what \|)([^|-][^|]*) \|", section, re.MULTILINE)
    assert len(lines) == len(REFUSED)
    for line, (begins, tests) in zip(lines, REFUSED.items(), strict=True):
        assert line.startswith(begins)
        for test in tests:
            path, name = test.split("::")
            tree = ast.parse((HERE / path).read_text("utf-8"))
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test
