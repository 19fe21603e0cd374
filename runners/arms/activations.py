"""Activations of one model at one hook: what every stage on a language model starts from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.errors import Location
from runners.places import caused_by, config_error
from runners.progress import Progress, showing
from runners.saes.plan import TrainingPlan
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_subject import SaeConfig
from runners.subjects.activation_store import ActivationStore, TokenSet, store_activations
from runners.subjects.hook_names import is_module
from runners.subjects.language_model import LanguageModel, load, load_reinitialised, with_beginning
from runners.subjects.model_files import ModelFiles, find_model
from runners.subjects.plan import SubjectPlan, TextPlan
from runners.subjects.sharded_store import ShardedStore, check_disk, store_shards
from runners.subjects.text_corpus import Corpus, read_corpus, sae_probes_folder, shuffled
from runners.subjects.token_sets import draw_token_sets
from runners.summary_writing import Json

# What only some configurations use is imported where it is used: it stands among the sources of those alone.
if TYPE_CHECKING:
    from runners.subjects.drawn_own_texts import DrawnOwnTexts
    from runners.subjects.given_activations import GivenActivations, GivenStore
    from runners.subjects.layered_store import LayeredStore
    from runners.subjects.own_texts import OwnTexts


_TOKENS_PER_TEXT = (
    "subject.max_tokens_per_text",
    "core.context",
    "probing.max_tokens",
    "shift.max_tokens",
    "scr.max_tokens",
    "tpp.max_tokens",
)
"""Keys of configurations that set how many tokens of a text the model reads."""


SUBJECT_HOOK = "subject.hook"
"""Key of the hook in every configuration."""


@dataclass(frozen=True)
class Source:
    """A model and the texts that it reads."""

    files: ModelFiles
    model: LanguageModel
    corpus: Corpus | OwnTexts | GivenActivations
    training: TokenSet
    held_out: TokenSet
    drawn: DrawnOwnTexts | None = None
    """What is known of one's own texts beside; None of sae-probes'."""
    given: GivenActivations | None = None
    """The corpus, where it is activations and no texts."""

    @property
    def trained_on(self) -> frozenset[str]:
        """Digests of the texts that the training tokens are of."""
        rows = (text.sha256 for text in self.training.texts)
        return frozenset(rows if self.drawn is None else self.drawn.tokens.trained_on)


@dataclass(frozen=True)
class Activations:
    """What one model holds at one hook on the training and on the held-out texts."""

    source: Source
    hook: str
    """Several names where there are several layers."""
    held_out: ActivationStore | LayeredStore | GivenStore
    training_rows: ActivationStore | LayeredStore | GivenStore | ShardedStore | None = None
    """None where this run trains nothing."""

    @property
    def model(self) -> LanguageModel:
        """The model that was read."""
        return self.source.model

    @property
    def training(self) -> ActivationStore | LayeredStore | GivenStore | ShardedStore:
        """The rows that SAEs are trained on.

        Raises:
            ValueError: this run trains nothing.
        """
        if self.training_rows is None:
            raise ValueError("this run has no rows to train on")
        return self.training_rows


def open_source(config: SaeConfig, device: str) -> Source:
    """Load the model and draw its texts.

    Raises:
        GatekitError: the model is not there, has fewer positions than the configuration asks for, or the texts are too
            few.
    """
    if config.texts.source != "activations":
        check_positions(config)
    if config.training is not None:
        check_precision(config.training, device)
    return _opened(config.subject, config.texts, device, _stamp(config.subject))


def check_precision(training: TrainingPlan, device: str) -> None:
    """Refuse products in bfloat16 where the step that is fast is float32.

    Raises:
        GatekitError: `runner.precision`.
    """
    if training.precision == "bfloat16" and not device.startswith("cuda"):
        remedy = "leave 'precision' out, or run with --device cuda"
        raise config_error(training, "precision", f"bfloat16 on {device}", remedy, error_id="runner.precision")


def check_positions(config: SaeConfig) -> None:
    """Refuse more tokens per text than the model has positions: beyond them it fails, or was never trained.

    Raises:
        GatekitError: `runner.positions`; or as `runners.subjects.model_files.find_model`.
    """
    files = _found(config.subject, _stamp(config.subject))
    if files.positions is None:
        return
    for key in _TOKENS_PER_TEXT:
        value: Any = config
        for part in key.split("."):
            value = getattr(value, part, None)
        if value is not None and value > files.positions:
            message = f"{value} tokens are more than the {files.positions} positions of {files.name}"
            remedy = f"its config.json says {files.positions_key}"
            raise config_error(config, key, message, remedy, error_id="runner.positions")


Stamp = tuple[tuple[str, int, int], ...]
"""Name, size and time of change of a model's files: what is remembered of them ends with it."""


def _stamp(plan: SubjectPlan) -> Stamp:
    folder = Path(plan.model.name)
    if plan.model.source != "folder" or not folder.is_dir():
        return ()
    found = ((path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file())
    return tuple((name, state.st_size, state.st_mtime_ns) for name, state in found)


@lru_cache(maxsize=1)
def _found(plan: SubjectPlan, stamp: Stamp) -> ModelFiles:  # noqa: ARG001 (a key)
    with caused_by(plan, "model.name"):
        return find_model(plan.model.source, plan.model.name, plan.model.revision)


@lru_cache(maxsize=1)
def _opened(plan: SubjectPlan, texts: TextPlan, device: str, stamp: Stamp) -> Source:
    if texts.source == "activations":
        return _given(plan, texts, device)
    files = _found(plan, stamp)
    model = load(files, device, modules=is_module(plan.hook))
    with caused_by(plan, "prepend_bos"):
        model = with_beginning(model, plan.prepend_bos)
    if texts.own:
        from runners.subjects.drawn_own_texts import draw_own_texts

        drawn = draw_own_texts(model, texts, plan.max_tokens_per_text, sae_probes_folder())
        return Source(files, model, drawn.texts, drawn.tokens.training, drawn.tokens.held_out, drawn)
    corpus = read_corpus(sae_probes_folder())
    training, held_out = draw_token_sets(
        model,
        shuffled(corpus, texts.seed),
        texts.held_out_tokens,
        texts.train_tokens,
        plan.max_tokens_per_text,
        texts,
    )
    return Source(files, model, corpus, training, held_out)


def _given(plan: SubjectPlan, texts: TextPlan, device: str) -> Source:
    """Return what there is of a model where its activations are given: its name and its digest."""
    from runners.subjects.activation_manifest import AbsentModel, agreed_model, read_manifest
    from runners.subjects.given_activations import GivenActivations

    path = Path(str(texts.manifest))
    with caused_by(texts, "manifest"):
        manifest = read_manifest(path)
    files = agreed_model(manifest, plan, texts)
    absent = AbsentModel(files.name, Location(str(path)))
    model = LanguageModel(
        name=files.name,
        digest=files.digest,
        tokenizer_digest=files.tokenizer_digest,
        tokenizer=absent,
        bridge=absent,
        network=absent,
        device=device,
        folder=path.parent,
        prepend_bos=manifest.prepend_bos,
    )
    rows = {"held_out": texts.held_out_tokens, "training": texts.train_tokens}
    sets = (TokenSet("training", (), rows["training"]), TokenSet("held-out", (), rows["held_out"]))
    given = GivenActivations(manifest, path.parent, rows)
    return Source(files, model, given, *sets, given=given)


def reinitialised(source: Source, seed: int) -> Source:
    """Return the same texts before a model of the same architecture whose weights are drawn anew."""
    return replace(source, model=load_reinitialised(source.files, source.model, seed))


def collect(
    source: Source,
    config: SaeConfig,
    environment: RunEnvironment,
    hook: str | None = None,
    key: str = SUBJECT_HOOK,
    trains: bool = True,
) -> Activations:
    """Compute the activations at a hook, or open the stores that have them.

    Args:
        source: model and texts.
        config: of the stage.
        environment: device and cache.
        hook: by default the configuration's.
        key: of the configuration, that names the hook.
        trains: whether SAEs are trained on them; without, only the held-out texts are read.

    Raises:
        GatekitError: the hook does not exist or is not as wide as the configuration says.
    """
    place = hook or config.subject.hook
    stores: list[ActivationStore | GivenStore | ShardedStore] = []
    given = source.given
    if given is not None:
        if place != given.manifest.hook:
            message = f"the given activations are of '{given.manifest.hook}', not of '{place}'"
            raise config_error(config, (key, "texts.manifest"), message, error_id="activations.differ")
        for part, wanted in (("held_out", "held_out_tokens"), ("training", "train_tokens")):
            with caused_by(config, f"texts.{wanted}"):
                stores += [given.open(part, environment.cache)] if trains or part == "held_out" else []
    with caused_by(config, key):
        for tokens in (source.held_out, source.training)[: 0 if given else 2 if trains else 1]:
            show = partial(_showing, source.model.name)
            if tokens is source.training and config.texts.stream is not None:
                width, cache = config.subject.d_model, environment.cache
                with caused_by(config, "texts.train_tokens"):
                    check_disk(cache, config.texts.stream, tokens.rows, width)
                stores.append(store_shards(source.model, place, tokens, config.texts.stream, cache, show))
                continue
            stores.append(store_activations(source.model, place, tokens, environment.cache, partial(show, tokens)))
    width, stated = stores[0].d_model, config.subject.d_model
    if width != stated:
        message = f"'{place}' is {width} wide; the configuration says {stated}"
        raise config_error(config, ("subject.d_model", key), message, error_id="runner.d_model")
    held_out = stores[0]
    assert not isinstance(held_out, ShardedStore)
    return Activations(source, place, held_out, *stores[1:])


def _showing(model: str, tokens: TokenSet) -> AbstractContextManager[Progress]:
    return showing(f"{model}: {tokens.name} activations", tokens.rows, "tokens")


def collect_layers(
    source: Source, config: SaeConfig, environment: RunEnvironment, hooks: Sequence[str], key: str
) -> Activations:
    """Compute the activations at several hooks, to be read side by side.

    Args:
        source: model and texts.
        config: of the stage.
        environment: device and cache.
        hooks: in the order of the layers.
        key: of the configuration, that lists the hooks.

    Raises:
        GatekitError: as `collect`.
    """
    from runners.subjects.layered_store import HOOKS_SEPARATOR, LayeredStore

    if config.texts.stream is not None:
        raise config_error(config, "texts.stream", "rows of several layers cannot be streamed")
    found = [collect(source, config, environment, hook, f"{key}[{place}]") for place, hook in enumerate(hooks)]
    training = [each.training for each in found if isinstance(each.training, ActivationStore)]
    held_out = [each.held_out for each in found if isinstance(each.held_out, ActivationStore)]
    name = HOOKS_SEPARATOR.join(hooks)
    return Activations(source, name, LayeredStore(tuple(held_out)), LayeredStore(tuple(training)))


def datasets_json(source: Source, trains: bool = True) -> list[Json]:
    """Return the texts as a protocol's datasets; those to train on where SAEs are trained."""
    if source.given is not None:
        return source.given.datasets(trains)
    return [
        {"name": f"{source.corpus.label}:{tokens.name}-texts", "sha256": tokens.texts_sha256, "rows": len(tokens.texts)}
        for tokens in ((source.training, source.held_out) if trains else (source.held_out,))
    ]


def inputs_json(arms: Sequence[Activations]) -> list[Json]:
    """Return what the numbers were computed from, by digest: texts, models and stored activations, each once."""
    source = arms[0].source
    entries = [("tokenizer", source.files.tokenizer_digest, 0)] if source.files.tokenizer_digest else []
    entries += source.corpus.inputs
    trains = any(arm.training_rows is not None for arm in arms)
    given = source.given is not None
    for tokens in () if given else (source.training, source.held_out) if trains else (source.held_out,):
        entries.append((f"texts:{tokens.name}", tokens.texts_sha256, len(tokens.texts)))
    entries += [] if source.drawn is None else source.drawn.inputs
    for arm in arms:
        entries.append((f"model:{arm.model.name}", arm.model.digest, 0))
        for store, words in ((arm.training_rows, "training"), (arm.held_out, "held-out")):
            if store is not None:
                entries.append((f"activations:{arm.model.name}:{arm.hook}:{words}", store.sha256, store.rows))
    return [{"name": name, "sha256": digest, "rows": rows} for name, digest, rows in dict.fromkeys(entries)]
