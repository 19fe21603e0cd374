"""What `python -m runners plan` says, against torch's own counter and against files that were really written."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gatekit.errors import GatekitError
from runners.__main__ import main
from runners.costs import flops, stored_bytes
from runners.costs.estimate import Rates, Work, estimate
from runners.costs.model_size import model_size
from runners.progress import Silent
from runners.saes.architecture import Batch
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.checkpoint import save_stack
from runners.saes.gradient_step import Learned, step_gradients
from runners.saes.plan import TrainingPlan
from runners.saes.snapshots import SnapshotFile
from runners.saes.training import train_stack
from runners.seeding import generator
from runners.subjects.activation_store import store_activations
from runners.subjects.language_model import activations
from runners.subjects.plan import ModelPlan, StreamPlan, SubjectPlan, TextPlan
from runners.subjects.text_corpus import CorpusText
from runners.subjects.token_sets import draw_token_sets

pytestmark = [pytest.mark.runners, pytest.mark.filterwarnings("ignore")]

ROOT = Path(__file__).resolve().parents[2]
D, LATENTS, TOKENS = 16, 64, 32
TRAINING = TrainingPlan(10, TOKENS, 1e-3, 0.1, 0.1, 1 / 32, 100, 1.0, "mean")
PLANS = {
    "topk": ArchitecturePlan("topk", d_sae=LATENTS, k=4, auxiliary_k=8),
    "batch_topk": ArchitecturePlan("batch_topk", d_sae=LATENTS, k=4, auxiliary_k=8),
    "relu": ArchitecturePlan("relu", d_sae=LATENTS, l1_coefficient=1.0),
    "gated": ArchitecturePlan("gated", d_sae=LATENTS, l1_coefficient=1.0),
    "jump_relu": ArchitecturePlan("jump_relu", d_sae=LATENTS, l0_coefficient=1.0, initial_threshold=0.1),
    "matryoshka": ArchitecturePlan("matryoshka", widths=(16, 64), k=4, auxiliary_k=8),
    "hierarchical_topk": ArchitecturePlan("hierarchical_topk", d_sae=LATENTS, levels=(1, 2, 4), auxiliary_k=8),
}


def counted(plan: ArchitecturePlan, seeds: int, dead: bool) -> int:
    """What torch's counter sees in one step, of one seed."""
    architecture = plan.build(D)
    drawn = [architecture.initial(generator("costs", seed), torch.zeros(D)) for seed in range(seeds)]
    learned = Learned.of({name: torch.stack([each[name] for each in drawn]) for name in drawn[0]}, architecture.frozen)
    x = torch.randn((seeds, TOKENS, D), generator=torch.Generator().manual_seed(1))
    batch = Batch(x, x, torch.full((seeds, LATENTS), dead), 1 / 32, 0.5)
    with FlopCounterMode(display=False) as counter:
        step_gradients(architecture, learned, batch, TRAINING, 1.0)
    return counter.get_total_flops() // seeds


@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("name", PLANS)
def test_a_dense_step_has_the_operations_that_torch_counts(name, dead):
    assert flops.training_step_flops(PLANS[name], D, TOKENS, reviving=dead) == counted(PLANS[name], 2, dead)


@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("name", ["topk", "relu", "gated", "jump_relu", "hierarchical_topk"])
def test_a_dense_step_in_parts_has_the_operations_that_torch_counts(name, dead):
    plan = dataclasses.replace(PLANS[name], architecture=f"{name}_in_parts", parts=4)
    assert flops.training_step_flops(plan, D, TOKENS, reviving=dead) == counted(plan, 2, dead)


def test_every_architecture_with_a_formula_is_compared():
    assert set(PLANS) == set(flops.PRODUCTS)


def test_of_the_sparse_step_torch_counts_the_one_product_and_the_formula_the_sums_over_kept_latents_too():
    seen = counted(PLANS["topk"], 1, False)
    sums = flops.training_step_flops(PLANS["topk"], D, TOKENS, sparse=True) - seen
    assert seen == 2 * TOKENS * D * LATENTS
    assert sums == 4 * 2 * TOKENS * 4 * D


def test_a_control_or_a_route_has_no_formula():
    assert flops.training_step_flops(ArchitecturePlan("topk", "frozen_decoder", LATENTS, 4, 8), D, TOKENS) is None
    assert flops.training_step_flops(ArchitecturePlan("route", d_sae=LATENTS, k=4), D, TOKENS) is None


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_forward_pass_has_the_operations_that_torch_counts_up_to_the_hook(tiny_models, tiny_loaded, family):
    size = model_size(tiny_models[family].folder, "blocks.0.hook_resid_post")
    ids = torch.randint(3, 200, (3, 24), generator=torch.Generator().manual_seed(2))
    with FlopCounterMode(display=False) as counter:
        activations(tiny_loaded[family], "blocks.0.hook_resid_post", ids, torch.ones_like(ids))
    assert size.layers == 1
    expected = flops.forward_flops(size.matrix_parameters, size.layers, size.width, 3, 24)
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.02)


def test_stored_activations_have_the_bytes_that_are_said(minilm, tmp_path):
    texts = [CorpusText(f"the number {i} and the next", f"{i:064x}", "d") for i in range(60)]
    tokens, _ = draw_token_sets(minilm, texts, held_out_rows=10, train_rows=200, max_tokens=16)
    store = store_activations(minilm, "blocks.0.hook_resid_post", tokens, tmp_path, partial(nullcontext, Silent()))
    assert store.path.stat().st_size == stored_bytes.activation_bytes(200, 384)
    beside = sum(path.stat().st_size for path in store.path.parent.iterdir()) - store.path.stat().st_size
    assert beside <= stored_bytes.NEIGHBOURS


def test_checkpoints_and_snapshots_have_the_bytes_that_are_said(tmp_path):
    architecture = PLANS["topk"].build(D)
    rows = torch.randn((300, D), generator=torch.Generator().manual_seed(3)).half().numpy()
    sizes: list[int] = []

    class Noting(SnapshotFile):
        def remove(self) -> None:
            sizes.extend(path.stat().st_size for path in tmp_path.glob("snapshots/*.safetensors"))

    import runners.saes.training as training

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SnapshotFile", Noting)
        stack = train_stack(architecture, rows, [7], TRAINING, "cpu", Silent(), snapshots=tmp_path / "snapshots")
    parameters = flops.parameters_of(PLANS["topk"], D)
    (saved,) = save_stack(stack, tmp_path, {})
    assert 0 <= saved.path.stat().st_size - stored_bytes.checkpoint_bytes(parameters) <= stored_bytes.NEIGHBOURS
    (size,) = sizes
    # The order holds at most one pass; a generator's state and the header are within twice a header.
    most = stored_bytes.state_bytes(parameters, LATENTS, len(rows))
    assert most - 8 * len(rows) <= size <= most + 3 * stored_bytes.NEIGHBOURS


LAB = ["plan", "--config", str(ROOT / "runners" / "configs" / "random_model" / "lab.yaml")]


def test_a_lab_s_run_is_stated_without_its_model_or_texts(capsys):
    assert main([*LAB, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["train_tokens"], said["parameters"]) == (2_000_000_000, 2 * 2304 * 65536 + 65536 + 2304)
    # Rows in half precision, 128 bytes of header for each of 2,000 shards and the held-out rows, filed token ids.
    # Twice: the control's re-initialised model has activations of its own, and reads the same ids.
    assert said["disk_activations"] == 2 * (2_001_000_000 * 2304 * 2 + 2001 * 128) + 2_000_000_000 * 5
    training = said["phases"][2]
    assert training["flops"] == 5 * 244_141 * 2 * 2304 * 65536 * (5 * 8192 + 3)
    assert (training["wall"], said["wall"]) == ("matrix rate", "matrix rate")
    assert training["seconds"] == pytest.approx(training["flops"] / 67e12)
    assert said["model_counted"] is False


def planned(capsys, *more):
    assert main([*LAB, *more, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_re_initialised_model_costs_the_activations_and_the_training_of_all_seeds_again(capsys):
    model = ["--model-parameters", "1.1e9", "--model-layers", "13"]
    none, one = planned(capsys, *model, "--set", "controls=null"), planned(capsys, *model)
    several = ("--set", "controls.random_model_seed=null", "--set", "controls.random_model_seeds=[0, 1, 2]")
    three = planned(capsys, *model, *several)
    assert (none["control_models"], one["control_models"], three["control_models"]) == (0, 1, 3)
    for found, arms in ((none, 1), (one, 2), (three, 4)):
        assert found["flops"] == arms * none["flops"] > 0
        assert found["disk_checkpoints"] == arms * none["disk_checkpoints"]
        assert found["seconds"] == pytest.approx(arms * none["seconds"])
    assert [phase["name"] for phase in one["phases"][3:]] == [
        *("activations, controls", "digests of the stores, controls", "training, controls")
    ]


def test_the_text_says_on_how_many_models_the_control_is_counted(capsys):
    assert main(LAB) == 0
    assert "controls    activations and SAEs of 5 seeds on a re-initialised model\n" in capsys.readouterr().out


def test_models_that_two_blocks_name_are_one_draw(capsys, tmp_path):
    both = "scoring: {baseline: {kind: random_model, random_model_seeds: [0, 7]}}\n"
    shared = ROOT / "runners" / "configs" / "shared" / "saes_lab.yaml"
    path = tmp_path / "both.yaml"
    path.write_text(shared.read_text("utf-8") + "controls: {random_model_seed: 0}\n" + both)
    assert main(["plan", "--config", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["control_models"] == 2


def test_what_binds_follows_the_stated_rates(capsys):
    assert main([*LAB, "--flops", "1e18", "--disk", "1e6"]) == 0
    text = capsys.readouterr().out
    assert "most of it bound by the disk" in text
    assert "the model's forward pass, whose size is not known here" in text


def test_a_run_that_streams_needs_a_bounded_part_of_the_memory(capsys):
    whole = _estimated(None)
    streamed = _estimated(StreamPlan(1_000_000, 4, "shared"))
    assert whole.host_memory > 1_000_000_000 * (46 + 2 * 8)
    # The buffer, its order, and the texts themselves, which are held either way.
    assert streamed.host_memory < 4_000_000 * (512 * 2 + 8) + 1_000_000_000 * 5 + 1_000_000_000
    assert streamed.host_mapped == 1_000_000_000 * 5


def _estimated(stream):
    texts = TextPlan("sae-probes", 0, 1_000_000_000, 100_000, stream=stream)
    subject = SubjectPlan(ModelPlan("hub", "a/b"), "blocks.0.hook_resid_post", 512, 128)
    found = estimate(Work((0, 1), subject, texts, PLANS["topk"], TRAINING))
    assert found is not None
    assert found.seconds(Rates()) > 0
    return found


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--set", "sae.control=frozen_decoder"], 4, "no formula for the cost of 'topk_frozen_decoder'"),
        (["--set", "sae.d_sae=0"], 4, "--set sae.d_sae"),
        (["--set", "controls.random_model_seeds=3"], 4, "'controls.random_model_seeds' is no list of seeds"),
        (["--flops", "0"], 64, "0 is no rate"),
        (["--flops", "nan"], 64, "nan is no rate"),
        (["--model-layers", "3"], 64, "belong together"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_one_line(capsys, more, code, said):
    assert main([*LAB, *more]) == code
    assert said in capsys.readouterr().err


def test_a_configuration_that_trains_nothing_is_refused(capsys, tmp_path):
    (tmp_path / "x.yaml").write_text("threads: 1\nseeds: [0]\n")
    assert main(["plan", "--config", str(tmp_path / "x.yaml")]) == 4
    assert "there is no block 'subject'" in capsys.readouterr().err


def test_an_unknown_file_is_refused():
    with pytest.raises(GatekitError):
        from runners.costs.command import main as plan

        plan(["--config", "nowhere.yaml"])


IN_PARTS = ("--set", "sae.architecture=topk_in_parts", "--set", "sae.parts=8")


def test_parts_take_the_latents_of_one_part_and_the_gradient_of_one_beside_the_sum(capsys):
    whole, one, four = planned(capsys), planned(capsys, *IN_PARTS), planned(capsys, *IN_PARTS, "--devices", "4")
    weights, latents, rows = 4 * (2 * 2304 * 65536 + 65536 + 2304), 4 * 8192 * 65536, 4 * 8192 * 2304
    # Three seeds are one stack: weights, gradients, two moments, and four tensors each of latents and of rows.
    assert whole["device_memory"] == 3 * (4 * weights + 4 * latents + 4 * rows)
    assert one["device_memory"] == four["device_memory"] == 3 * (5 * weights + 4 * latents // 8 + 4 * rows)
    assert four["further_memory"] == 3 * (2 * weights + 4 * latents // 8 + 4 * rows // 8)
    assert (whole["further_memory"], one["further_memory"]) == (0, 0)
    assert (whole["parts"], one["parts"], four["devices"]) == (1, 8, 4)


def test_parts_on_several_devices_take_the_busiest_one_s_time_and_what_lies_between_them(capsys):
    one, three = planned(capsys, *IN_PARTS), planned(capsys, *IN_PARTS, "--devices", "3", "--link", "1e20")
    assert three["flops"] == one["flops"]
    # Of eight parts three devices have three, three and two.
    assert three["phases"][2]["seconds"] == pytest.approx(one["phases"][2]["seconds"] * 3 / 8)
    # Weights go to two devices; five of eight gradients come from there.
    assert three["exchanged_in_a_step"] == (2 + 5) * 4 * one["parameters"]
    assert planned(capsys, *IN_PARTS, "--devices", "3", "--link", "1e9")["phases"][2]["wall"] == "link"


def test_the_plan_says_parts_and_devices_in_words(capsys):
    assert main([*LAB, *IN_PARTS, "--devices", "4"]) == 0
    said = capsys.readouterr().out
    assert "; batches in 8 parts\n" in said
    assert " on each of 3 further, and 10.9 GB between them in every step of a seed\n" in said
    assert " 64 GB/s between devices\n" in said
    assert main(LAB) == 0
    assert "parts" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--set", "sae.architecture=topk_in_parts", "--set", "sae.parts=7"), 4, "batch_tokens=8192 are no 7 equal"),
        (("--devices", "2"), 4, "'topk' is trained on one device; seeds are spread over several"),
        ((*IN_PARTS, "--devices", "2", "--device", "cpu"), 64, "parts are spread over GPUs"),
        ((*IN_PARTS, "--devices", "0"), 64, "0 is no number of devices"),
    ],
)
def test_parts_that_no_run_would_take_are_refused_before_they_are_counted(more, code, message, capsys):
    assert main([*LAB, *more]) == code
    assert message in capsys.readouterr().err
