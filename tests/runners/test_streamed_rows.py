"""Rows in shards: the same rows, each once a pass, never more in memory than the buffer."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_stage import SAES, arguments, stage_of

from gatekit.evidence.reading import read_summary
from runners.progress import Silent
from runners.saes.normalisation import centre_of, norm_scale, scaled_variance
from runners.saes.plan import TrainingPlan
from runners.saes.seed_group import SeedGroup, TrainingData
from runners.saes.snapshots import rows_sha256
from runners.saes.streamed_rows import Shard, StreamedRows
from runners.saes.topk import TopK
from runners.stage.lifecycle import run_stage
from runners.subjects import activation_store
from runners.subjects.activation_store import store_activations
from runners.subjects.filed_texts import FiledTexts
from runners.subjects.plan import StreamPlan
from runners.subjects.sharded_store import shards_of, store_shards
from runners.subjects.text_corpus import CorpusText
from runners.subjects.token_sets import draw_token_sets

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("corpus_read_once")]

WIDTH, SIZES = 8, (50, 50, 50, 50, 23)
PLAN = TrainingPlan(12, 16, 1e-3, 0.1, 0.1, 1 / 32, 100, 1.0, "mean")
HOOK = "blocks.0.hook_resid_post"


def streamed(folder: Path, buffer_shards: int = 2, order="per_seed") -> tuple[StreamedRows, np.ndarray]:
    """Shards on disk, and the same rows as one array."""
    whole = np.random.default_rng(0).normal(size=(sum(SIZES), WIDTH)).astype(np.float16)
    shards, start = [], 0
    for number, size in enumerate(SIZES):
        path = folder / f"{number}.npy"
        np.save(path, whole[start : start + size])
        shards.append(Shard(path, f"{number:064x}", size))
        start += size
    return StreamedRows(shards, WIDTH, buffer_shards, order), whole


def test_every_stretch_of_rows_is_that_of_the_whole(tmp_path):
    rows, whole = streamed(tmp_path)
    assert (len(rows), rows.shape, rows.ndim) == (223, (223, 8), 2)
    for place in (slice(0, 10), slice(45, 160), slice(None), slice(3, None, 7), slice(None, None, 60), slice(500, 600)):
        np.testing.assert_array_equal(rows[place], whole[place])


def test_scale_centre_and_spread_are_those_of_the_whole(tmp_path):
    rows, whole = streamed(tmp_path)
    assert norm_scale(rows) == norm_scale(whole)
    assert scaled_variance(rows, 2.0) == scaled_variance(whole, 2.0)
    for kind in ("mean", "geometric_median"):
        np.testing.assert_array_equal(centre_of(rows, kind), centre_of(whole, kind))


def test_a_pass_takes_every_row_once_and_mixes_the_rows_of_a_buffer(tmp_path):
    rows, whole = streamed(tmp_path)
    (order,) = rows.orders([3])
    taken = torch.cat([order.take(16) for _ in range(223 * 16 // 16)])
    for number in range(16):
        assert sorted(taken[223 * number : 223 * (number + 1)].tolist()) == list(range(223))
    # The first buffer: the rows of two shards and of no third, not in their order on disk.
    first = taken[
        : sum(SIZES[each] for each in {int(np.searchsorted(rows.starts, t, "right")) - 1 for t in taken[:40]})
    ]
    assert len({int(np.searchsorted(rows.starts, each, "right")) for each in first}) == 2
    assert first.tolist() != sorted(first.tolist())
    np.testing.assert_array_equal(rows.gather(taken[:40].view(2, 20)).numpy(), whole[taken[:40].view(2, 20)])


def test_no_more_than_the_buffer_is_ever_held_also_where_a_batch_lies_in_two(tmp_path):
    rows, whole = streamed(tmp_path)
    (order,) = rows.orders([0])
    for _ in range(60):
        taken = order.take(33)
        np.testing.assert_array_equal(rows.gather(taken).numpy(), whole[taken])
    assert rows.largest_held == 2 * 50 * WIDTH * 2


def test_each_seed_has_its_own_order_or_all_share_one(tmp_path):
    own = [order.take(30).tolist() for order in streamed(tmp_path)[0].orders([1, 2])]
    assert own[0] != own[1]
    alone = [streamed(tmp_path, order="shared")[0].orders([seed]) for seed in (1, 2)]
    assert alone[0][0].take(30).tolist() == alone[1][0].take(30).tolist()
    assert len(streamed(tmp_path, order="shared")[0].orders([1, 2])) == 1


def test_shards_buffer_and_order_are_in_the_digest(tmp_path):
    found = {rows_sha256(streamed(tmp_path, buffer, order)[0]) for buffer in (1, 2) for order in ("per_seed", "shared")}
    assert len(found) == 4


def group(rows: StreamedRows, seeds: tuple[int, ...]) -> SeedGroup:
    data = TrainingData(rows, None, 1.0, 1.0, 8.0)
    return SeedGroup(TopK(WIDTH, 24, 3, 4), data, torch.zeros(WIDTH), seeds, PLAN, "cpu")


def test_a_training_that_goes_on_from_a_state_ends_with_the_same_bits(tmp_path):
    undisturbed = group(streamed(tmp_path)[0], (4,))
    for _ in range(12):
        undisturbed.step()
    before = group(streamed(tmp_path)[0], (4,))
    for _ in range(7):
        before.step()
    after = group(streamed(tmp_path)[0], (4,))
    after.restore({name: held.clone() for name, held in before.state().items()})
    for _ in range(5):
        after.step()
    for name, value in undisturbed.parameters().items():
        assert torch.equal(after.parameters()[name], value)


def test_stacked_seeds_that_share_an_order_train_as_each_alone(tmp_path):
    stacked = group(streamed(tmp_path, order="shared")[0], (1, 2))
    alone = group(streamed(tmp_path, order="shared")[0], (2,))
    for _ in range(12):
        stacked.step()
        alone.step()
    torch.testing.assert_close(stacked.parameters()["W_dec"][1], alone.parameters()["W_dec"][0], rtol=1e-4, atol=1e-5)


def test_a_transcoder_reads_both_sides_at_the_same_rows(tmp_path):
    inputs, whole = streamed(tmp_path)
    shards = []
    for number, size in enumerate(SIZES):
        path = tmp_path / f"target_{number}.npy"
        np.save(path, -whole[int(inputs.starts[number]) :][:size])
        shards.append(Shard(path, f"{number:063x}t", size))
    data = TrainingData(inputs, StreamedRows(shards, WIDTH, 2, "per_seed"), 1.0, 1.0, 8.0)
    (order,) = data.orders([5])
    for _ in range(20):
        x, target = data.batch(order.take(16).unsqueeze(0), "cpu")
        assert torch.equal(target, -x)


@pytest.fixture(scope="module")
def tokens(minilm):
    texts = [
        CorpusText(f"number {i} of the texts, {'and one more word ' * (i % 5)}", f"{i:064x}", "d") for i in range(60)
    ]
    return draw_token_sets(minilm, texts, held_out_rows=10, train_rows=200, max_tokens=32)[0]


def shown(_tokens):
    return nullcontext(Silent())


def test_shards_together_are_the_rows_of_the_whole_store(minilm, tokens, tmp_path):
    store = store_shards(minilm, HOOK, tokens, StreamPlan(64, 2), tmp_path, shown)
    assert [shard.rows for shard in store.shards] == [64, 64, 64, 8]
    whole = store_activations(minilm, HOOK, tokens, tmp_path / "whole", lambda: nullcontext(Silent()))
    # Texts are padded within their shard, so that only the last bits of half precision may differ.
    np.testing.assert_allclose(
        store.read()[:].astype(np.float32), whole.read().astype(np.float32), atol=2e-2, rtol=1e-2
    )


def test_a_text_that_two_shards_share_has_another_name_in_the_second(tokens):
    digests = [shard.sha256 for shard in shards_of(tokens, 64)]
    assert len(set(digests)) == len(digests) == 4
    other = {shard.sha256 for shard in shards_of(tokens, 63)}
    assert len(other & set(digests)) == 0 or digests[0] in other


def test_a_faulty_shard_is_made_again_alone(minilm, tokens, tmp_path, monkeypatch):
    first = store_shards(minilm, HOOK, tokens, StreamPlan(64, 2), tmp_path, shown)
    broken = first.shards[2].path
    content = bytearray(broken.read_bytes())
    content[-1] ^= 1
    broken.write_bytes(content)
    computed: list[int] = []
    real = activation_store.activations

    def counting(model, hook, ids, mask):
        computed.append(len(ids))
        return real(model, hook, ids, mask)

    monkeypatch.setattr(activation_store, "activations", counting)
    again = store_shards(minilm, HOOK, tokens, StreamPlan(64, 2), tmp_path, shown)
    assert again.sha256 == first.sha256
    assert len(computed) == 1


STREAM = "held_out_tokens: 200, stream: {shard_tokens: 150, buffer_shards: 2}}"
TWO = SAES.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]")
TINY = TWO + "controls: {random_model_seed: 0, gaussian_draws: 1, matched_cosine: 0.7}\n"
STREAMED = TINY.replace("held_out_tokens: 200}", STREAM)


def test_a_run_streams_where_its_configuration_says_so_and_its_protocol_says_how(tmp_path, capfd):
    assert run_stage(stage_of("random_model"), arguments(tmp_path, STREAMED)) == 0
    summary = read_summary(str(tmp_path / "out" / "random_model.json"))
    said = summary.protocol.settings
    assert (said["row_shard_tokens"], said["row_buffer_shards"], said["row_order"]) == (150, 2, "of each seed's own")
    err = capfd.readouterr().err
    assert "streaming 600 rows: 4 shards, 460,800 bytes of disk; a buffer of 230,400 bytes of memory" in err
    assert run_stage(stage_of("random_model"), arguments(tmp_path, STREAMED, out="again")) == 0
    again = read_summary(str(tmp_path / "again" / "random_model.json"))
    assert again.measurements == summary.measurements


def test_a_run_that_says_nothing_of_streams_records_nothing_of_them(tmp_path):
    assert run_stage(stage_of("random_model"), arguments(tmp_path, TINY)) == 0
    written = json.loads((tmp_path / "out" / "random_model.json").read_text())
    assert "stream" not in written["producer"]["config"]["texts"]
    assert not [name for name in written["protocol"]["settings"] if name.startswith("row_")]


def test_a_disk_that_is_too_small_is_refused_before_anything_is_computed(tmp_path, capfd, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6, 1000))
    assert run_stage(stage_of("random_model"), arguments(tmp_path, STREAMED)) == 4
    assert "the shards take 460,800 bytes of disk" in capfd.readouterr().err
    folder = tmp_path / "cache" / "activations"
    assert len(list(folder.glob("*/activations.npy"))) == 1  # held-out rows, which are small


def test_texts_in_a_file_are_those_in_memory(minilm, tokens):
    filed = FiledTexts(tokens.texts)
    assert len(filed) == len(tokens.texts)
    assert tuple(filed) == tuple(tokens.texts)
    assert filed[-1] == tokens.texts[-1]
    assert filed[2:5] == tuple(tokens.texts[2:5])
    with pytest.raises(IndexError):
        filed[len(filed)]
    assert len(FiledTexts([])) == 0
