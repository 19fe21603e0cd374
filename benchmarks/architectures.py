"""How far our SAEs are from other implementations: same weights, same inputs, loss and gradients side by side.

    python -m benchmarks.architectures            # in the runners' environment; writes results/architectures.md

SAELens is part of that environment. sparsify (eai-sparsify 1.3.3) and dictionary_learning (0.1.0) are compared where
they can be imported, for example from a folder named in PYTHONPATH; without them their rows say so.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from runners.determinism import fix_arithmetic, prepare_environment
from runners.progress import Silent
from runners.saes.architecture import Architecture, Batch
from runners.saes.batch_topk import BatchTopK
from runners.saes.gated import Gated
from runners.saes.jump_relu import JumpReLU
from runners.saes.matryoshka import Matryoshka
from runners.saes.plan import TrainingPlan
from runners.saes.relu import ReLU
from runners.saes.route import RouteSAE
from runners.saes.topk import TopK
from runners.saes.training import train_stack
from runners.saes.transcoder import Transcoder

D_IN, D_SAE, K, TOKENS = 64, 512, 16, 256
RESULTS = Path(__file__).parent / "results" / "architectures.md"
Parameters = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Agreement:
    """One comparison."""

    peer: str
    what: str
    loss: float
    """|ours - theirs| / |theirs|."""
    gradient: float
    """Largest over parameters of |ours - theirs| / |theirs|, Euclidean norms."""
    note: str = ""


def drawn(architecture: Architecture) -> Parameters:
    """Return parameters away from their special starting values, float32."""
    generator = torch.Generator().manual_seed(0)
    parameters = architecture.initial(generator, torch.randn(architecture.shapes()["b_dec"], generator=generator))
    for name, value in parameters.items():
        noise = 0.05 * torch.randn(value.shape, generator=generator)
        parameters[name] = value + (noise.abs() if name == "threshold" else noise)
    return parameters


def inputs() -> torch.Tensor:
    """Return (TOKENS, D_IN) activations, off centre."""
    return torch.randn((TOKENS, D_IN), generator=torch.Generator().manual_seed(1)) + 0.5


def ours(
    architecture: Architecture, parameters: Parameters, target: torch.Tensor, dead: torch.Tensor | None = None
) -> tuple[float, Parameters]:
    """Return our loss and gradients."""
    leaves = {name: value.clone().requires_grad_(name not in architecture.frozen) for name, value in parameters.items()}
    none = torch.zeros(architecture.d_sae, dtype=torch.bool)
    batch = Batch(inputs(), target, none if dead is None else dead, 1 / 32, 1.0)
    total = architecture.objective(leaves, batch).total()
    total.backward()
    return float(total), {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}


def compared(
    peer: str,
    what: str,
    our: tuple[float, Parameters],
    loss: torch.Tensor,
    gradients: Mapping[str, torch.Tensor],
    note: str = "",
) -> Agreement:
    """Return how far our loss and gradients are from theirs; `gradients` are under our names and orientation."""
    return Agreement(
        peer,
        what,
        abs(our[0] - float(loss)) / abs(float(loss)),
        max(float((our[1][name] - theirs).norm() / theirs.norm()) for name, theirs in gradients.items()),
        note,
    )


def against_sae_lens() -> Iterator[Agreement]:
    """Compare with every architecture that SAELens trains, and AuxK where its dead latents are positive."""
    import sae_lens
    from sae_lens.saes.sae import TrainStepInput

    topk = {"k": K, "rescale_acts_by_decoder_norm": False, "aux_loss_coefficient": 1 / 32}
    widths = (100, 300, D_SAE)
    pairs: list[tuple[Architecture, str, dict[str, Any], dict[str, float]]] = [
        (ReLU(D_IN, D_SAE, 0.3), "Standard", {}, {"l1": 0.3}),
        (TopK(D_IN, D_SAE, K, D_IN // 2), "TopK", topk, {}),
        (BatchTopK(D_IN, D_SAE, K, D_IN // 2), "BatchTopK", topk, {}),
        (
            Matryoshka(D_IN, widths, K, D_IN // 2),
            "MatryoshkaBatchTopK",
            {**topk, "matryoshka_widths": list(widths)},
            {},
        ),
        (JumpReLU(D_IN, D_SAE, 0.7), "JumpReLU", {"jumprelu_bandwidth": 0.05}, {"l0": 0.7}),
        (Gated(D_IN, D_SAE, 0.3), "Gated", {}, {"l1": 0.3}),
    ]
    for architecture, name, settings, coefficients in pairs:
        for with_dead in (False, True) if "k" in settings else (False,):
            parameters = drawn(architecture)
            dead = torch.zeros(D_SAE, dtype=torch.bool)
            if with_dead:
                dead[:D_IN] = True
                parameters["b_enc"][dead] += 40.0
            config = getattr(sae_lens, f"{name}TrainingSAEConfig")(d_in=D_IN, d_sae=D_SAE, **settings)
            sae = getattr(sae_lens, f"{name}TrainingSAE")(config)
            sae.load_state_dict({key: parameters[key] for key in sae.state_dict() if key in parameters}, strict=False)
            output = sae.training_forward_pass(
                TrainStepInput(inputs(), coefficients, dead if with_dead else None, 0, False)
            )
            output.loss.backward()
            learned = ("W_enc", "b_gate", "r_mag", "b_mag") if name == "Gated" else tuple(parameters)
            gradients = {key: getattr(sae, key).grad for key in learned if key not in architecture.frozen}
            our = ours(architecture, parameters, inputs(), dead)
            note = "decoder gradients differ: see dictionary_learning" if name == "Gated" else ""
            what = f"{architecture.name}{' with AuxK' if with_dead else ''}"
            yield compared("SAELens", what, our, output.loss.detach(), gradients, note)


def against_sparsify() -> Iterator[Agreement]:
    """Compare with sparsify's coders; its losses are divided by the batch's variance."""
    from sparsify.config import SparseCoderConfig
    from sparsify.sparse_coder import SparseCoder

    target = inputs().flip(1) * 2
    for what, architecture in {
        "topk": TopK(D_IN, D_SAE, K, D_IN // 2),
        "transcoder": Transcoder(D_IN, D_IN, D_SAE, K, D_IN // 2),
        "skip transcoder": Transcoder(D_IN, D_IN, D_SAE, K, D_IN // 2, skip=True),
    }.items():
        transcode, skip = "transcoder" in what, "skip" in what
        parameters = drawn(architecture)
        aim = target if transcode else inputs()
        config = SparseCoderConfig(num_latents=D_SAE, k=K, transcode=transcode, skip_connection=skip)
        for with_dead in (False, True):
            coder = SparseCoder(D_IN, config)
            coder.load_state_dict(
                {
                    "encoder.weight": parameters["W_enc"].T,
                    "encoder.bias": parameters["b_enc"],
                    "W_dec": parameters["W_dec"],
                    "b_dec": parameters["b_dec"],
                    **({"W_skip": parameters["W_skip"]} if skip else {}),
                }
            )
            dead = torch.zeros(D_SAE, dtype=torch.bool)
            dead[: D_IN if with_dead else 0] = True
            output = coder(inputs(), target if transcode else None, dead_mask=dead)
            per_token = (aim - aim.mean(dim=0)).square().sum() / TOKENS
            loss = (output.fvu + output.auxk_loss / 32) * per_token
            loss.backward()
            gradients = {"W_dec": coder.W_dec.grad, "b_dec": coder.b_dec.grad}
            if not with_dead:
                gradients |= {"W_enc": coder.encoder.weight.grad.T, "b_enc": coder.encoder.bias.grad}
            if skip:
                gradients["W_skip"] = coder.W_skip.grad
            our = ours(architecture, parameters, aim, dead)
            note = "its AuxK does not train the encoder: decoder gradients only" if with_dead else ""
            if with_dead and not transcode:
                # b_dec is in the encoder's input, so its gradient is affected too.
                del gradients["b_dec"]
            yield compared(
                "sparsify", f"{what}{' with AuxK' if with_dead else ''}", our, loss.detach(), gradients, note
            )


def against_dictionary_learning() -> Iterator[Agreement]:
    """Compare with dictionary_learning's losses that are the published ones."""
    from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
    from dictionary_learning.trainers.gdm import GatedSAETrainer
    from dictionary_learning.trainers.top_k import TopKTrainer

    shape = {"steps": 10_000, "activation_dim": D_IN, "dict_size": D_SAE, "layer": 0, "lm_name": "-", "device": "cpu"}
    for architecture, trainer_class in (
        (TopK(D_IN, D_SAE, K, 0), TopKTrainer),
        (BatchTopK(D_IN, D_SAE, K, 0), BatchTopKTrainer),
    ):
        parameters = drawn(architecture)
        trainer = trainer_class(**shape, k=K)
        linear = {
            "encoder.weight": parameters["W_enc"].T,
            "encoder.bias": parameters["b_enc"],
            "decoder.weight": parameters["W_dec"].T,
            "b_dec": parameters["b_dec"],
        }
        trainer.ae.load_state_dict(linear, strict=False)
        loss = trainer.loss(inputs(), step=0)
        loss.backward()
        gradients = {
            "W_enc": trainer.ae.encoder.weight.grad.T,
            "b_enc": trainer.ae.encoder.bias.grad,
            "W_dec": trainer.ae.decoder.weight.grad.T,
            "b_dec": trainer.ae.b_dec.grad,
        }
        yield compared(
            "dictionary_learning", architecture.name, ours(architecture, parameters, inputs()), loss, gradients
        )
    gated = Gated(D_IN, D_SAE, 0.3)
    parameters = drawn(gated)
    # Its penalty leaves the decoder norms out, which are 1 in both libraries' training.
    parameters["W_dec"] /= parameters["W_dec"].norm(dim=1, keepdim=True)
    trainer = GatedSAETrainer(**shape, l1_penalty=0.3, warmup_steps=0, sparsity_warmup_steps=0)
    trainer.ae.load_state_dict(
        {
            "encoder.weight": parameters["W_enc"].T,
            "decoder.weight": parameters["W_dec"].T,
            "decoder_bias": parameters["b_dec"],
            "gate_bias": parameters["b_gate"],
            "mag_bias": parameters["b_mag"],
            "r_mag": parameters["r_mag"],
        }
    )
    loss = trainer.loss(inputs(), step=1)
    loss.backward()
    total, our_gradients = ours(gated, parameters, inputs())
    # The norms' own gradient lies along the rows, and training removes that part in both libraries.
    for gradient in (our_gradients["W_dec"], trainer.ae.decoder.weight.grad.T):
        gradient -= (gradient * parameters["W_dec"]).sum(dim=1, keepdim=True) * parameters["W_dec"]
    gradients = {
        "W_enc": trainer.ae.encoder.weight.grad.T,
        "b_gate": trainer.ae.gate_bias.grad,
        "b_mag": trainer.ae.mag_bias.grad,
        "r_mag": trainer.ae.r_mag.grad,
        "W_dec": trainer.ae.decoder.weight.grad.T,
        "b_dec": trainer.ae.decoder_bias.grad,
    }
    yield compared("dictionary_learning", "gated", (total, our_gradients), loss, gradients)


def routers() -> Iterator[tuple[str, int, list[float], list[float]]]:
    """Train RouteSAEs where one of three layers is sparse: loss, steps, entropy / ln 3, share of that layer."""
    draw = np.random.default_rng(3)
    width, layers, better = 16, 3, 1
    rows = draw.normal(size=(1500, layers, width))
    rows[:, better] = ((draw.random((1500, 24)) < 0.1) * draw.random((1500, 24)) * 4) @ draw.normal(size=(24, width))
    rows[:, better] -= rows[:, better].mean(axis=0)
    rows /= np.linalg.norm(rows, axis=2).mean(axis=0)[:, None] / math.sqrt(width)
    half = (rows + 1).astype(np.float16)
    for router_loss in ("scaled", "expected"):
        for steps in (20, 150, 600):
            architecture = RouteSAE(width, 64, 4, layers, router_loss)  # type: ignore[arg-type]
            plan = TrainingPlan(steps, 128, 5e-3, 0.05, 0.2, 0.0, 10**6, 1.0, "mean")
            stack = train_stack(architecture, half, (0, 1, 2, 3), plan, "cpu", Silent())
            factor = torch.tensor(stack.scale, dtype=torch.float32).unsqueeze(1)
            x = (torch.from_numpy(half).float() * factor).expand(4, -1, -1, -1)
            routed = architecture.route(stack.parameters, x)
            entropy = (routed.entropy() / math.log(layers)).tolist()
            yield router_loss, steps, entropy, (routed.layer == better).double().mean(dim=1).tolist()


def report() -> str:
    """Return the page."""
    peers: dict[str, Callable[[], Iterator[Agreement]]] = {
        "SAELens": against_sae_lens,
        "sparsify": against_sparsify,
        "dictionary_learning": against_dictionary_learning,
    }
    lines = [
        "# Architectures beside other implementations",
        "",
        f"Made by `python -m benchmarks.architectures`: float32 on the CPU, d_in {D_IN}, {D_SAE} latents, k {K},",
        f"{TOKENS} tokens, random weights with decoder rows that are not of unit length. Differences are relative:",
        "|ours - theirs| / |theirs|, for gradients the largest over parameters. The tests repeat the comparison with",
        "SAELens in float64.",
        "",
        "| peer | architecture | loss | gradients | |",
        "|---|---|---|---|---|",
    ]
    for peer, compare in peers.items():
        try:
            found = list(compare())
        except ImportError as error:
            lines.append(f"| {peer} | not installed: {error.name} | | | |")
            continue
        lines += [f"| {a.peer} | {a.what} | {a.loss:.1e} | {a.gradient:.1e} | {a.note} |" for a in found]
    lines += [
        "",
        "What differs on purpose:",
        "",
        "* AuxK takes rectified pre-activations, as sparsify and dictionary_learning do; SAELens lets negative ones",
        "  in, so it is compared where the dead latents are positive. sparsify and SAELens weigh AuxK down where fewer",
        "  than d_in / 2 latents are dead; Gao et al. and we do not.",
        "* The gated loss holds the decoder fixed in its last term, as published and as dictionary_learning does;",
        "  SAELens does not.",
        "* dictionary_learning's matryoshka loss is a weighted mean over groups and its JumpReLU penalty is quadratic",
        "  about a target, so neither is compared.",
        "",
        "## What a router learns from",
        "",
        "Three layers of the same mean and size, one made of 24 sparse directions, two of noise; 64 latents, k 4. Four",
        "seeds: entropy of the router as a share of ln 3, and share of tokens for which it picks the sparse layer.",
        "",
        "| router's loss | steps | entropy / ln 3 | picks the sparse layer |",
        "|---|---|---|---|",
    ]
    for router_loss, steps, entropy, share in routers():
        shown = [" ".join(f"{value:.3f}" for value in values) for values in (entropy, share)]
        lines.append(f"| {router_loss} | {steps} | {shown[0]} | {shown[1]} |")
    lines += [
        "",
        "`scaled` is the published loss: the router sees only how the error of the layer that it picked changes with",
        "the scale it gave to it. `expected` sees the error of every layer. This says nothing about real models, where",
        "no layer is noise.",
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Write the page to `--output`, or print it for `-`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", default=str(RESULTS))
    arguments = parser.parse_args(argv)
    prepare_environment(offline=True)
    fix_arithmetic(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = report()
    if arguments.output == "-":
        print(page, end="")
    else:
        Path(arguments.output).write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
