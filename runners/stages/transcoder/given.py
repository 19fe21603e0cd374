"""SAEs from files in the runner `transcoder`, beside transcoders from files or ones that are trained here."""

from __future__ import annotations

from statistics import fmean

from runners.arms.activations import Source, collect, datasets_json, inputs_json
from runners.arms.given_saes import GivenSaes, given_saes
from runners.arms.saes import Saes
from runners.arms.scored_arms import score_arms
from runners.arms.trained_saes import artifacts_json, train
from runners.places import config_error
from runners.saes.architecture_plan import ArchitecturePlan
from runners.saes.given_plan import GivenSaesPlan
from runners.saes.plan import TrainingPlan
from runners.stage.run_environment import RunEnvironment
from runners.stages.transcoder.measurements import measurements_of
from runners.stages.transcoder.plan import TranscoderConfig, protocol_of
from runners.summary_writing import Json, RunResult

_INPUT = "transcoder.input_hook"


def measure_given(
    config: TranscoderConfig, plan: GivenSaesPlan, source: Source, environment: RunEnvironment
) -> RunResult:
    """Measure SAEs from files beside transcoders of the same seeds and width.

    That both have as many parameters, or saw as much data, is not known, and not claimed: what the files tell of
    either stands in the protocol.

    Raises:
        GatekitError: model, hooks, texts or files are not what the configuration says, or the widths differ.
    """
    ours = config.transcoder.training
    inputs = collect(source, config, environment, trains=ours is not None)
    reads = collect(source, config, environment, config.transcoder.input_hook, _INPUT, trains=ours is not None)
    saes = given_saes(config, "saes", plan, "model", inputs)
    transcoders: Saes
    if config.transcoder.saes is not None:
        transcoders = given_saes(config, "transcoder.saes", config.transcoder.saes, "transcoder", reads, inputs)
        made: Json = {"recipe": "theirs, from files"}
    else:
        assert ours is not None
        shape, how = _shape(saes, environment.device)
        transcoders = train(reads, shape, ours, config.seeds, environment, "transcoder", inputs)
        made = {"recipe": "ours: the SAEs' own is not known, and nothing says that this is like it"} | _told(
            ours, shape, how, config.texts.train_tokens
        )
    if transcoders.shape.width != saes.shape.width:
        message = f"the transcoders have {transcoders.shape.width} latents, the SAEs {saes.shape.width}"
        raise config_error(config, ("transcoder.saes", "saes"), message, error_id="transcoder.unmatched")
    sae, transcoder = score_arms(
        [saes, transcoders], config.subject.d_model, config.transcoder.gaussian_draws, environment.device
    )
    told = {
        **made,
        "matched": "width and seeds; parameters and training are as the files have them",
        "parameters_per_sae": _parameters(saes),
        "parameters_per_transcoder": _parameters(transcoders),
        "l0_of_saes": fmean(sae.held_out.l0),
        "l0_of_transcoders": fmean(transcoder.held_out.l0),
    }
    baseline = transcoders.subject(config)
    return RunResult(
        subject=saes.subject(config),
        protocol=protocol_of(config, datasets_json(source, ours is not None), baseline, told),
        measurements=measurements_of(config.seeds, sae, transcoder),
        inputs=inputs_json([inputs, reads]),
        artifacts=artifacts_json([saes, transcoders], environment),
    )


def _shape(saes: GivenSaes, device: str) -> tuple[ArchitecturePlan, str]:
    """Return the shape of our transcoders, and in words where its k comes from."""
    width, d_in = saes.shape.width, saes.saes[0].architecture.d_in
    l0 = fmean(saes.reconstruction(device).l0)
    k = saes.shape.active or max(1, min(width, round(l0)))
    how = "the SAEs' k" if saes.shape.active else f"the SAEs' L0 of {l0:.4g}"
    return ArchitecturePlan("transcoder", d_sae=width, k=k, auxiliary_k=min(d_in // 2, width)), how


def _told(training: TrainingPlan, shape: ArchitecturePlan, how: str, tokens: int) -> Json:
    settings = {f"transcoder_{name}": value for name, value in training.recipe().items()}
    return {"transcoder_k": shape.k, "transcoder_k_is": how, "transcoder_train_tokens": tokens, **settings}


def _parameters(saes: Saes) -> int:
    return sum(value.numel() for value in saes.sae(0).parameters.values())
