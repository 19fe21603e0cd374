"""Values that do not go together, runner by runner: refused at file, line and column, with exit code 4, no summary."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest
from tiny_stage import stage_of, whole

pytestmark = pytest.mark.runners


SAES = [
    # (edits, where it stands: the start of the text there, what is said)
    ([("k: 16,", "k: 400,")], "400, aux", "k=400 exceeds d_sae="),
    ([("auxiliary_k: ", "auxiliary_k: 9")], "9", "exceeds d_sae="),
    ([("seeds: [0, 1", "seeds: [1, 1")], "[1, 1", "'seeds' must be at least 2, different and in increasing order"),
    ([("  batch_tokens: 256", "  batch_tokens: 9000")], "9000", "exceeds train_tokens"),
    ([("_l6_v2}", "_l6_v2, revision: main}")], "main}", "'revision' is for hub models only"),
    (
        [("architecture: topk, d_sae: 256, k: 16, auxiliary_k: 192", "architecture: topk")],
        "{arch",
        "no number of latents",
    ),
    (
        [("architecture: topk, d_sae: 256,", "architecture: topk_in_parts, parts: 3, d_sae: 256,")],
        "3, d_sae",
        "batch_tokens=256 are no 3 equal parts",
    ),
    (
        [("architecture: topk, d_sae: 256,", "architecture: topk_in_parts, parts: 1, d_sae: 256,")],
        "1, d_sae",
        "'parts' is 1; it lies in [2,",
    ),
    (
        [("architecture: topk, d_sae: 256,", "architecture: topk, parts: 2, d_sae: 256,")],
        "2, d_sae",
        "has no 'parts'; in parts it is named 'topk_in_parts'",
    ),
    (
        [("architecture: topk, d_sae: 256,", "architecture: batch_topk, parts: 2, d_sae: 256,")],
        "2, d_sae",
        "it chooses its latents among those of a whole batch",
    ),
]
"""Every stage on the SAEs of a language model refuses these."""

FAULTS = {
    "random_model": [
        *SAES,
        (
            [("matched_cosine: 0.7", "matched_cosine: 0.7, extra_controls: [frozen_encoder, frozen_encoder]")],
            "frozen_encoder]",
            "names one of them twice",
        ),
        (
            [
                ("matched_cosine: 0.7", "matched_cosine: 0.7, extra_controls: [frozen_encoder]"),
                ("{architecture: topk,", "{architecture: topk, control: frozen_decoder,"),
            ],
            "[frozen_encoder]",
            "'sae.control' stands at ",
        ),
    ],
    "transcoder": [
        (
            [("architecture: topk, d_sae: 256, k: 16, auxiliary_k: 192", "architecture: relu, d_sae: 256")],
            "relu,",
            "'relu'",
        ),
        (
            [
                (
                    "gaussian_draws: 1}",
                    "gaussian_draws: 1}\nsweep: {d_saes: [256, 8], ks: [4, 16], steps: [40], "
                    "learning_rates: [1.0e-3], confirmation_seeds: [10, 11]}",
                )
            ],
            "16], steps",
            "k=16 exceeds d_sae=8",
        ),
        (
            [
                (
                    "gaussian_draws: 1}",
                    "gaussian_draws: 1}\nsweep: {d_saes: [256], ks: [4, 16], steps: [40], "
                    "learning_rates: [1.0e-3], confirmation_seeds: [4, 5]}",
                )
            ],
            "[4, 5]",
            "a seed that was searched on cannot confirm",
        ),
    ],
    "ablation": [
        ([("ks: [16]", "ks: [8]")], "[8]", "'ks' lacks 16"),
        ([("ks: [16]", "ks: [16, 400]")], "400]", "k=400 exceeds d_sae=256"),
        ([("d_saes: [256, 512]", "d_saes: [256, 8]")], "16, aux", "'sae.d_sae' stands at "),
        ([("sweep:", "selection: {candidates: 3, seeds: [1]}\nsweep:")], "{candidates", "leave it out"),
    ],
    "adaptive_l0": [
        ([("ks: [4, 8]", "ks: [8, 4]")], "[8, 4]", "increasing order"),
        ([("ks: [4, 8]", "ks: [4, 300]")], "300]", "k=300 exceeds d_sae=256"),
        ([("seeds: [100, 101, 102]", "seeds: [4, 101, 102]")], "[4, 101", "cannot confirm"),
        ([("r2_floor: 0.1", "r2_floor: null")], "{ks: [4, 8]", "several candidates need seeds"),
    ],
    "frontier": [
        (
            [("{architecture: relu, d_sae: 128, l1", "{architecture: relu_in_parts, parts: 3, d_sae: 128, l1")],
            "3, d_sae",
            "are no 3 equal parts",
        ),
        ([("seed: 1000,", "seed: 1,")], "1, trials", "the sparsity's seed is one of 'seeds'"),
        (
            [("{architecture: relu, d_sae: 128, l1_coefficient: 2.0}", "{architecture: topk, d_sae: 9, k: 1}")],
            "{architecture: topk, d_sae: 9",
            "two architectures have one name",
        ),
        (
            [("{architecture: route, d_sae: 128, k: 16}", "{architecture: route, d_sae: 128, k: 160}")],
            "160}",
            "k=160 exceeds d_sae=128",
        ),
        (
            [("[blocks.0.hook_resid_post, blocks.1.hook_resid_post]", "[blocks.0.hook_resid_post]")],
            "[blocks.0",
            "lacks the subject's own hook",
        ),
        ([("ks: [1, 5]", "ks: [5, 1]")], "[5, 1]", "'ks' must be different and in increasing order"),
        ([("rows: 120", "rows: null")], "null", "the split 'distinct' needs 'rows' and 'test_fraction'"),
        ([("[100_news_fake, 113_movie_sent]", "[all, 113_movie_sent]")], "[all", "'all' stands alone"),
        ([("split: distinct", "split: sae-probes")], "120", "'rows' and 'test_fraction' must be null"),
    ],
    "saebench_absorption": [
        ([("most_latents: 3", "most_latents: 300")], "300,", "a probe of 300 latents exceeds d_sae="),
        ([("seed: 1, most", "template: 'a word', seed: 1, most")], "'a word'", "text behind it"),
    ],
    "saebench_scr": [
        ([("latents: 10", "latents: 1000")], "1000", "1000 latents are ablated of d_sae="),
        ([('pairs: [["1", "0"]]', 'pairs: [["1", "1"]]')], '[["1"', "each of two different values"),
        ([("test_fraction: 0.4", "path: a.csv")], "sae-probes", "'path' says where"),
    ],
    "saebench_tpp": [
        ([("      test_fraction: 0.4\n", "")], "sae-probes", "texts of sae-probes need 'test_fraction'"),
        ([("classes: [151_it_tick_HR Support, ", "classes: [152_it_tick_Hardware, ")], "[152", "two different ones"),
    ],
    "layer_routing": [
        (
            [
                (
                    "[blocks.0.hook_resid_post, blocks.1.hook_resid_post]",
                    "[blocks.1.hook_resid_post, blocks.1.hook_resid_post]",
                )
            ],
            "blocks.1.hook_resid_post]",
            "at least two, each once",
        ),
        ([("search_seeds: [100, 101]", "search_seeds: [1, 101]")], "[1, 101]", "none of 'seeds'"),
        (
            [("architecture: batch_topk", "architecture: topk")],
            "{architecture: topk, d_sae: 128, k: 16, auxiliary_k: 64}\n  search",
            "a name of its own",
        ),
    ],
    "consistency": [
        ([("seeds: [100, 101, 102, 103, 104]", "seeds: [100, 101]")], "[100, 101]", "one seed for each of 'seeds'"),
        (
            [("seeds: [100, 101, 102, 103, 104]", "seeds: [100, 101, 102, 3, 104]")],
            "3, 104",
            "a reference's seed must be none of 'seeds'",
        ),
        ([("shared: 200", "shared: 100")], "100}", "no other reference's"),
        ([("search_seeds: [0, 1]", "search_seeds: [0, 9]")], "[0, 9]", "must be some of 'seeds'"),
        ([("versions: [v1, v2]", "versions: [v1, v1]")], "v1], weights", "names a version twice"),
    ],
    "known_circuit": [
        ([("k: 8,", "k: 80,")], "80,", "k=80 exceeds d_sae=64"),
        ([("p: 53", "p: 54")], "54", "p=54 is even"),
        (
            [("{train_fraction: 0.8", "{train_fraction: 0.99"), ("p: 53", "p: 3")],
            "0.99",
            "0.99 of 9 pairs leaves one side of the split empty",
        ),
        ([("centre: mean", "centre: geometric_median")], "geometric_median", "starts at the mean"),
        (
            [("{candidates: 1, seeds: null}", "{candidates: 2, seeds: null}")],
            "{candidates: 2",
            "names the seeds that it looked at",
        ),
    ],
    "ood": [
        ([("longer: [96_spam_is]", "longer: [96_spam_is, 96_spam_is]")], "96_spam_is]", "names a dataset twice"),
        ([("ks: [1, 4]", "ks: [1, 400]")], "[1, 400]", "a probe of 400 latents exceeds d_sae=256"),
        ([("longer: [96_spam_is]", "longer: [all]")], "[all]", "for 'shifted' only"),
    ],
    "saebench": [
        ([("{kind: dense_probe}", "{kind: public_sae}")], "{kind: public_sae}", "'checkpoint' belongs to"),
        ([("{kind: dense_probe}", "{kind: dense_probe}\ncheckpoints: [a, b]")], "[a, b]", "must be as many as 'seeds'"),
        ([("{kind: dense_probe}", "{kind: dense_probe}\nsaes: {seeds: {0: a}}")], "seeds: [", "stands beside 'saes'"),
        ([("architecture: topk", "architecture: transcoder")], "transcoder, d_sae", "does not read one hook alone"),
    ],
    "cebench": [
        ([("    seed: 0\n", "    seed: 0\n    split: train\n")], "train", "pairs from 'labelled' have no 'split'"),
        ([("source: labelled", "source: hub")], "source: hub", "pairs from 'hub' need 'name', 'split'"),
        (
            [("{kind: random_model,", "{kind: untrained,")],
            "0, l0_band",
            "the baseline 'untrained' has no 'random_model_seed'",
        ),
        ([("rows: 24", "rows: 900000")], "900000", "more than the"),
    ],
    "stability": [([("steps: 40", "steps: 7")], "7", "7 steps cannot be looked at after an eighth")],
    "scaling": [
        ([("train_tokens: [2048, 4096]", "train_tokens: [2048, 2048]")], "2048]", "'train_tokens' has a value twice"),
        ([("d_saes: [64, 128]", "d_saes: [64, 8]")], "16, aux", "'sae.d_sae' stands at "),
        (
            [("gaussian_draws: 1\n", "gaussian_draws: 1\ncell: [7, 0, 0]\n")],
            "[7, 0, 0]",
            "the grid has no cell [7, 0, 0]",
        ),
        ([("train_tokens: [2048, 4096]", "train_tokens: [100, 4096]")], "256", "'texts.train_tokens' stands at "),
    ],
    "candidates": [
        (
            [("architecture: batch_topk, d_sae: 256, k: 16", "architecture: batch_topk, d_sae: 256, k: 300")],
            "300, aux",
            "k=300 exceeds d_sae=256",
        ),
        (
            [("architecture: batch_topk", "architecture: topk")],
            "{architecture: topk, d_sae: 256, k: 16, auxiliary_k: 192}\n$",
            "two architectures have one name",
        ),
        ([("datasets: [5_hist", "split: x\n    datasets: [5_hist")], "x\n", "have no 'split'"),
    ],
}
CASES = [(name, *fault) for name, faults in FAULTS.items() for fault in faults]


@pytest.mark.parametrize(("name", "edits", "there", "said"), CASES, ids=[f"{c[0]}:{c[3][:30]}" for c in CASES])
def test_values_that_do_not_go_together_are_refused_where_they_stand(tmp_path, capfd, name, edits, there, said):
    stage = stage_of(name)
    text = whole(stage)
    for old, new in edits:
        assert text.count(old) == 1, (old, text)
        text = text.replace(old, new)
    config = tmp_path / "run.yaml"
    config.write_text(text)
    module = import_module(f"runners.stages.{name}")
    assert module.main(["--config", str(config), "--out", str(tmp_path / "out")]) == 4
    error = capfd.readouterr().err
    assert said in error
    place = re.match(re.escape(f"{config}:") + r"(\d+):(\d+): ", error)
    assert place is not None, error
    line, column = int(place[1]), int(place[2])
    rest = "".join(text.splitlines(keepends=True)[line - 1 :])[column - 1 :]
    assert rest.startswith(there.removesuffix("$")), (error, rest[:40])
    assert not there.endswith("$") or rest == there.removesuffix("$")
    assert not (tmp_path / "out").exists()


def test_every_runner_has_a_fault_here():
    stages = Path(import_module("runners.stages").__file__ or "").parent
    assert set(FAULTS) == {path.name for path in stages.iterdir() if (path / "plan.py").is_file()}


def test_a_fault_of_the_smoke_configurations_own_values_names_its_file(tmp_path, capfd):
    """With --smoke the size is the smoke configuration's: what does not go with it stands in the other file."""
    text = whole(stage_of("random_model")).replace("_l6_v2}", "_l6_v2, revision: main}")
    config = tmp_path / "run.yaml"
    config.write_text(text)
    main = import_module("runners.stages.random_model").main
    assert main(["--smoke", "--config", str(config), "--out", str(tmp_path / "out")]) == 4
    assert capfd.readouterr().err.startswith(f"{config}:4:")
