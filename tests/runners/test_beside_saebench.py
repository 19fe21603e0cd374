"""SAEBench's own evaluations and the runner `saebench`, on the same SAEs, model and rows: the same numbers.

On SAEBench's side nothing of ours computes: SAELens reads the SAE and encodes with it, SAEBench's `multiple_evals` and
`run_eval` measure, and the model is TransformerLens's HookedTransformer, where ours is a TransformerBridge. Only two
things are handed to it, because it fetches both by name: that model, and the rows of tokens in a folder of JSON lines.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hooked_model import hooked
from threadpoolctl import threadpool_limits
from tiny_models import D_MODEL, FAMILIES, Family
from tiny_stage import arguments

from runners.arms.activations import open_source
from runners.benchmarks.saebench_core import MEASURES, packed
from runners.progress import Silent
from runners.stage.stage import read_stage
from runners.stages.saebench import stage as saebench
from runners.subjects.labelled_texts import read_as_filed
from runners.subjects.language_model import LanguageModel
from runners.subjects.text_corpus import sae_probes_folder
from runners.subjects.text_store import store_texts

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sae_lens

pytestmark = [
    pytest.mark.runners,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("corpus_read_once"),
]

HOOK, WIDTH = "blocks.0.hook_resid_post", 64
DATASETS = ("117_us_state_FL", "119_us_state_TX")
CONFIGURATION = """\
threads: 1
saes: {{seeds: {{0: {sae}}}}}
subject:
  model: {{source: folder, name: {model}}}
  hook: blocks.0.hook_resid_post
  d_model: 32
  max_tokens_per_text: 96
texts: {{source: sae-probes, seed: 0, held_out_tokens: 2600}}
probing:
  datasets: [{datasets}]
  split: sae-probes
  rows: null
  test_fraction: null
  max_tokens: 96
  pooling: last
  ks: [1, 2, 5]
  penalty: l1
  seed: 42
baseline: {{kind: dense_probe}}
core: {{batches: 5, batch_texts: 8, context: 64}}
"""


def standard(weights: dict[str, torch.Tensor], metadata: Any) -> Any:
    config = sae_lens.StandardSAEConfig(d_in=D_MODEL, d_sae=WIDTH, metadata=metadata)
    return filled(sae_lens.StandardSAE(config), weights)


def topk(weights: dict[str, torch.Tensor], metadata: Any) -> Any:
    config = sae_lens.TopKSAEConfig(d_in=D_MODEL, d_sae=WIDTH, k=7, metadata=metadata)
    return filled(sae_lens.TopKSAE(config), weights)


def jump_relu(weights: dict[str, torch.Tensor], metadata: Any) -> Any:
    config = sae_lens.JumpReLUSAEConfig(d_in=D_MODEL, d_sae=WIDTH, metadata=metadata)
    return filled(sae_lens.JumpReLUSAE(config), {**weights, "threshold": torch.full((WIDTH,), 0.3)})


def filled(sae: Any, weights: dict[str, torch.Tensor]) -> Any:
    sae.load_state_dict(weights)
    return sae.eval()


ARCHITECTURES = {"standard": standard, "topk": topk, "jump_relu": jump_relu}


def fitted(rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weights that were trained for a second, so that the reconstruction keeps some of the loss and not all."""
    draw = torch.Generator().manual_seed(5)
    start = torch.nn.functional.normalize(torch.randn(WIDTH, D_MODEL, generator=draw), dim=-1)
    weights = {"W_enc": start.T.clone(), "b_enc": torch.zeros(WIDTH), "W_dec": start.clone(), "b_dec": rows.mean(dim=0)}
    parameters = [value.requires_grad_(True) for value in weights.values()]
    optimiser = torch.optim.Adam(parameters, lr=5e-3)
    for _ in range(150):
        latents = torch.relu((rows - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"])
        restored = latents @ weights["W_dec"] + weights["b_dec"]
        loss = (restored - rows).square().sum(dim=-1).mean() + 0.05 * latents.abs().sum(dim=-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # SAEBench expects decoder rows of length one.
    lengths = weights["W_dec"].detach().norm(dim=-1, keepdim=True)
    return {
        "W_enc": weights["W_enc"].detach() * lengths.T,
        "b_enc": weights["b_enc"].detach() * lengths.squeeze(-1),
        "W_dec": weights["W_dec"].detach() / lengths,
        "b_dec": weights["b_dec"].detach(),
    }


@dataclass(frozen=True)
class Compared:
    """One SAE, measured by both."""

    ours: dict[str, Any]
    """The summary."""
    our_core: dict[str, Any]
    """Metrics of the file that the run wrote in SAEBench's format."""
    our_probes: dict[str, Any]
    core: dict[str, Any]
    """Metrics of SAEBench's own file."""
    probing: dict[str, Any]
    """SAEBench's own file."""
    probing_of_stored_rows: dict[str, Any]
    """The same, on the rows that our run stored, in half precision."""


Comparing = Callable[[Family, str], Compared]


@pytest.fixture(scope="module")
def compared(tiny_models, corpus, tmp_path_factory) -> Iterator[Comparing]:
    from runners.arms import activations

    done: dict[tuple[Family, str], Compared] = {}

    def comparing(family: Family, architecture: str) -> Compared:
        if (family, architecture) not in done:
            folder = tmp_path_factory.mktemp(f"{family}-{architecture}")
            done[family, architecture] = compare(family, architecture, tiny_models[family].folder, folder)
        return done[family, architecture]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activations, "read_corpus", lambda _: corpus)
        yield comparing


def compare(family: Family, architecture: str, model: Path, folder: Path) -> Compared:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network: Any = AutoModelForCausalLM.from_pretrained(model).eval()
    metadata = sae_lens.saes.sae.SAEMetadata(model_name=model.name, hook_name=HOOK, prepend_bos=True, context_size=96)
    tokenizer = AutoTokenizer.from_pretrained(model)
    texts = [f"The borough of number {n} lies in the east of the state, or so they say." for n in range(64)]
    with torch.no_grad():
        hidden = [network(**tokenizer(text, return_tensors="pt"), output_hidden_states=True) for text in texts]
    rows = torch.cat([each.hidden_states[1][0, 1:] for each in hidden])
    place = folder / "sae"
    ARCHITECTURES[architecture](fitted(rows), metadata).save_model(place)

    text = CONFIGURATION.format(sae=place, model=model, datasets=", ".join(DATASETS))
    assert saebench.main(arguments(folder, text, "out", "cache", "--artifacts", str(folder / "made"))) == 0
    summary = json.loads((folder / "out" / "saebench.json").read_text())
    made = next((folder / "made").rglob("core_seed_0_eval_results.json")).parent

    config = read_stage(folder / "tiny.yaml", saebench.STAGE)
    source = open_source(config, "cpu")
    hook_model = hooked(family, model, source.model.tokenizer)
    stored = stored_rows(source.model, folder)
    (folder / "rows").mkdir()
    lines = [json.dumps({"input_ids": row}) for row in packed(source.held_out, config.core).tolist()]
    (folder / "rows" / "train.jsonl").write_text("\n".join(lines) + "\n")
    return Compared(
        ours=summary,
        our_core=json.loads((made / "core_seed_0_eval_results.json").read_text())["eval_result_metrics"],
        our_probes=json.loads((made / "probing_seed_0_eval_results.json").read_text()),
        core=core_of_saebench(hook_model, place, folder),
        probing=probing_of_saebench(hook_model, place, folder / "activations", folder / "probes"),
        probing_of_stored_rows=probing_of_saebench(hook_model, place, stored, folder / "again"),
    )


def core_of_saebench(model: Any, place: Path, folder: Path) -> dict[str, Any]:
    from sae_bench.evals.core import main as core
    from sae_lens.training import activations_store

    sae = sae_lens.SAE.load_from_disk(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.HookedTransformer, "from_pretrained_no_processing", lambda *_, **__: model)
        # It asks the hub which tokeniser made the rows, and takes no folder.
        patch.setattr(activations_store, "validate_pretokenized_dataset_tokenizer", lambda **_: None)
        found = core.multiple_evals(
            [("tiny", sae)],
            n_eval_reconstruction_batches=5,
            n_eval_sparsity_variance_batches=5,
            eval_batch_size_prompts=8,
            compute_featurewise_density_statistics=True,
            compute_featurewise_weight_based_metrics=True,
            exclude_special_tokens_from_reconstruction=True,
            dataset=str(folder / "rows"),
            context_size=64,
            output_folder=str(folder / "theirs"),
            device="cpu",
        )
    assert len(found) == 1, "SAEBench logs what fails and goes on"
    (path,) = (folder / "theirs").glob("*.json")
    metrics: dict[str, Any] = json.loads(path.read_text())["eval_result_metrics"]
    return metrics


def stored_rows(model: LanguageModel, folder: Path) -> Path:
    """Lay the rows that our run stored where sae-probes looks for its own, and return the folder."""
    made = folder / "stored" / "model_activations_tiny"
    made.mkdir(parents=True)
    for name in DATASETS:
        labelled = read_as_filed(sae_probes_folder(), name)
        store = store_texts(model, HOOK, labelled, "last", 96, folder / "cache", partial(nullcontext, Silent()))
        torch.save(torch.from_numpy(store.rows().astype("float32")), made / f"{name}_{HOOK}.pt")
    return made.parent


def probing_of_saebench(model: Any, place: Path, rows: Path, out: Path) -> dict[str, Any]:
    from sae_bench.evals.sparse_probing_sae_probes import main as probing
    from sae_probes import generate_model_activations

    sae = sae_lens.SAE.load_from_disk(place)
    config = probing.SparseProbingSaeProbesEvalConfig(
        model_name="tiny",
        dataset_names=list(DATASETS),
        ks=[1, 2, 5],
        reg_type="l1",
        random_seed=42,
        results_path=str(out / "raw"),
        model_cache_path=str(rows),
        include_llm_baseline=True,
    )
    # As our runner does: threads of OpenBLAS that wait for each other take minutes here, and add in other orders.
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(limits=1):
        loaded = generate_model_activations.HookedTransformer
        patch.setattr(loaded, "from_pretrained_no_processing", lambda *_, **__: model)
        probing.run_eval(config, [("tiny", sae)], "cpu", str(out / "results"))
    (path,) = (out / "results").glob("*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


CASES = [(family, architecture) for family in FAMILIES for architecture in ARCHITECTURES]
METRICS = ("test_accuracy", "test_auc", "test_f1")


def probes_of(document: dict[str, Any], metrics: Sequence[str] = METRICS) -> list[float]:
    """Return every number of a file of probes: of each dataset the dense probe's and those of each k."""
    found: list[float] = []
    for detail in sorted(document["eval_result_details"], key=lambda each: str(each["dataset_name"])):
        found += [detail[f"llm_{metric}"] for metric in metrics]
        by_k = detail["sae_metrics_by_k"]
        found += [by_k[k][metric] for k in ("1", "2", "5") for metric in metrics]
    assert len(found) == len(DATASETS) * 4 * len(metrics)
    return found


@pytest.mark.parametrize(("family", "architecture"), CASES)
def test_core_has_saebench_s_own_numbers_in_every_field(compared, family, architecture):
    both = compared(family, architecture)
    # The two implementations of the model, and of the SAE, add up in different orders, in single precision.
    for category, values in both.core.items():
        assert both.our_core[category] == pytest.approx(values, rel=1e-5), category
    assert both.core["model_performance_preservation"]["ce_loss_score"] < 0.99
    assert 0.5 < both.core["sparsity"]["l0"] < WIDTH


@pytest.mark.parametrize(("family", "architecture"), CASES)
def test_the_summary_has_saebench_s_loss_recovered_divergence_and_cosine(compared, family, architecture):
    both = compared(family, architecture)
    for measure, category in MEASURES.items():
        (measured,) = both.ours["measurements"][measure]["columns"]["candidate"]
        assert measured == pytest.approx(both.core[category][measure], rel=1e-5)


@pytest.mark.parametrize(("family", "architecture"), CASES)
def test_the_summary_s_l0_is_near_saebench_s_though_core_reads_the_texts_end_to_end(compared, family, architecture):
    both = compared(family, architecture)
    # Our own l0 reads every text from its beginning; core's rows begin anywhere in one, so that contexts differ.
    (measured,) = both.ours["measurements"]["l0"]["columns"]["candidate"]
    assert measured == pytest.approx(both.core["sparsity"]["l0"], rel=0.05)


@pytest.mark.parametrize(("family", "architecture"), CASES)
def test_probes_on_the_rows_that_we_store_are_those_of_saebench(compared, family, architecture):
    both = compared(family, architecture)
    # Equal but for the last bit, which JSON text may cost.
    assert probes_of(both.our_probes) == pytest.approx(probes_of(both.probing_of_stored_rows), rel=1e-14)


@pytest.mark.parametrize(("family", "architecture"), CASES)
def test_another_model_implementation_and_half_precision_move_few_test_rows(compared, family, architecture):
    both = compared(family, architecture)
    # One pair of the 50 and 49 test rows that changes places moves an AUC by 0.0004, one row on the other side of a
    # probe's boundary an accuracy by 0.01.
    for metric, most in (("test_auc", 5 / (50 * 49)), ("test_accuracy", 2.01 / 99), ("test_f1", 0.025)):
        ours, theirs = (probes_of(document, (metric,)) for document in (both.our_probes, both.probing))
        assert ours == pytest.approx(theirs, abs=most), metric
