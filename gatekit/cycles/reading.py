"""From cycles/NAME.yaml to a Cycle. What is unknown, doubled or out of place has its line and column."""

from __future__ import annotations

import os
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from functools import lru_cache

from gatekit.cycles.branches import named, settings, varied
from gatekit.cycles.plan import (
    FOLDER,
    ONLY_BRANCH,
    PHASES,
    Branch,
    Budget,
    Cycle,
    CycleStage,
    Finish,
    Needs,
    Phase,
    Selecting,
    Settings,
)
from gatekit.cycles.quantities import NamedPaths, budget, needs
from gatekit.cycles.stop_rules import base, stop_rule
from gatekit.errors import GatekitError, UsageError, did_you_mean, first_few
from gatekit.evidence.strict_json import read_regular_file
from gatekit.evidence.strict_yaml import Node, Scalar, Sequence, YamlDocument, YamlLimits, parse_yaml
from gatekit.policy import fields

KEYS = (
    *("schema", "id", "description", "claim", "after_cycle", "seeds", "budget", "retries", "defaults"),
    *("stages", "finish", "measurements"),
)
DEFAULT_KEYS = ("needs", "stop")
STAGE_KEYS = (
    *("run", "config", "after", "phases", "set", "branches", "vary", "branches_of", "saes_of"),
    *("needs", "budget", "stop", "record"),
)
FINISH_KEYS = ("check", "select", "base", "dossier", "claims")

NAME = r"[a-z][a-z0-9_-]{0,63}"
IDENTIFIER = r"[a-z][a-z0-9-]{0,63}"
LARGEST_SEED = 4_294_967_295
FEWEST_SEEDS = 2
"""Of a phase: one seed has no bound."""
MOST_STAGES = 1000
MOST_RETRIES = 10
REMEMBERED = 64 << 10
"""Bytes of the largest plan that is kept for whoever reads the same one again."""
LIMITS = YamlLimits(size=1 << 20, nodes=50_000)


def cycle_path(name: str) -> str:
    """Return the file of a cycle that is named by its id, or by the file itself.

    Raises:
        UsageError: there is no such file; the nearest one is named.
    """
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        if not os.path.isfile(name):
            raise UsageError(f"no cycle at '{name}'")
        return name
    path = os.path.join(FOLDER, f"{name}.yaml")
    if os.path.isfile(path):
        return path
    known = sorted(file[:-5] for file in _listed() if file.endswith(".yaml") and not file.startswith("."))
    remedy = did_you_mean(name, known) or f"known: {', '.join(known) or f'none; write {FOLDER}/NAME.yaml'}"
    raise UsageError(f"no cycle '{name}'", remedy)


def _listed() -> list[str]:
    try:
        return os.listdir(FOLDER)
    except OSError:
        return []


def read_cycle(path: str) -> Cycle:
    """Read one plan.

    Raises:
        GatekitError: `yaml.*` or `cycle.*` with file, line and column.
    """
    return parse_cycle(read_regular_file(path, "yaml", LIMITS.size), os.fspath(path))


def parse_cycle(data: bytes, name: str) -> Cycle:
    """Read a plan from bytes, as `read_cycle` does from a file."""
    # Whoever looks at several plans compares each with all.
    return _remembered(data, name) if len(data) <= REMEMBERED else _parsed(data, name)


@lru_cache(maxsize=64)
def _remembered(data: bytes, name: str) -> Cycle:
    return _parsed(data, name)


def _parsed(data: bytes, name: str) -> Cycle:
    try:
        return _Reader(parse_yaml(data, name, LIMITS)).cycle()
    except GatekitError as error:
        # The typed access to nodes is shared with policies, whose error ids it carries.
        family, _, rest = error.error_id.partition(".")
        if family == "policy":
            error.error_id = f"cycle.{rest}"
        raise


class _Reader:
    """Reads one document; keeps what later parts of it refer to."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.paths = NamedPaths(document)
        self.default_needs = Needs()
        self.default_stops: SequenceOf[Node] = ()
        self.seeds: dict[Phase, tuple[int, ...]] = {}

    def cycle(self) -> Cycle:
        document, root = self.document, self.document.root
        fields.refuse_newer(document, "gatekit.cycle/1")
        given = fields.mapping(document, root, "a cycle", KEYS)

        def need(key: str) -> Node:
            return fields.required(document, root, given, key, "the cycle")

        fields.choice(document, need("schema"), "schema", ["gatekit.cycle/1"])
        identifier = fields.text(document, need("id"), "id", IDENTIFIER)
        description = fields.text(document, need("description"), "description", limit=1000)
        self.seeds = self._seeds(need("seeds"))
        if "defaults" in given:
            self._defaults(given["defaults"])
        if "measurements" in given and "claim" not in given:
            message = "`measurements` announce evidence for a claim, and the cycle names none"
            raise self._refusal(given["measurements"], "missing_key", message, "add `claim: ID`, of claims.yaml")
        stages = self._stages(need("stages"))
        finish = self._finish(given["finish"], stages) if "finish" in given else Finish()
        return Cycle(
            path=document.path,
            sha256=document.sha256,
            id=identifier,
            description=description,
            claim=fields.text(document, given["claim"], "claim", IDENTIFIER) if "claim" in given else None,
            after_cycle=self._after_cycle(given.get("after_cycle"), identifier),
            seeds=self.seeds,
            budget=budget(document, given["budget"]) if "budget" in given else Budget(),
            retries=fields.integer(document, given["retries"], "retries", 0, MOST_RETRIES) if "retries" in given else 2,
            stages=stages,
            finish=finish,
            location=document.location(need("id")),
            files=tuple((path, document.location(node)) for path, node in self.paths.found),
        )

    def _after_cycle(self, node: Node | None, own: str) -> str | None:
        if node is None:
            return None
        name = fields.text(self.document, node, "after_cycle", IDENTIFIER)
        if name == own:
            raise self._refusal(node, "order", "a cycle cannot start after itself")
        return name

    def _seeds(self, node: Node) -> dict[Phase, tuple[int, ...]]:
        given = fields.mapping(self.document, node, "seeds", PHASES)
        full = self._numbers(fields.required(self.document, node, given, "full", "seeds"), "seeds.full")
        if "pilot" not in given:
            return {"full": full}
        pilot = self._numbers(given["pilot"], "seeds.pilot")
        if full[: len(pilot)] != pilot or len(pilot) == len(full):
            message = f"the pilot's {len(pilot)} seeds are not the first of the {len(full)} full ones"
            other = [str(seed) for seed in pilot if seed not in full]
            message += f": {first_few(other)} is none of them" if other else ""
            remedy = "looks of one registration are taken in one order; the full seeds start with the pilot's"
            raise self._refusal(given["pilot"], "value", message, remedy)
        return {"pilot": pilot, "full": full}

    def _numbers(self, node: Node, what: str) -> tuple[int, ...]:
        items = fields.sequence(self.document, node, what, FEWEST_SEEDS)
        found: list[int] = []
        for item in items:
            seed = fields.integer(self.document, item, "seed", 0, LARGEST_SEED)
            if seed in found:
                raise self._refusal(item, "duplicate", f"seed {seed} is listed twice")
            found.append(seed)
        return tuple(found)

    def _defaults(self, node: Node) -> None:
        given = fields.mapping(self.document, node, "defaults", DEFAULT_KEYS)
        if "needs" in given:
            self.default_needs = needs(self.document, given["needs"], Needs())
        if "stop" in given:
            self.default_stops = fields.sequence(self.document, given["stop"], "stop")

    def _stages(self, node: Node) -> dict[str, CycleStage]:
        entries = fields.entries(self.document, node, "stages")
        if not entries:
            raise self._refusal(node, "empty", "a cycle has at least one stage")
        if len(entries) > MOST_STAGES:
            raise self._refusal(entries[MOST_STAGES][0], "limit", f"a cycle has at most {MOST_STAGES} stages")
        names = [fields.text(self.document, key, "stage", NAME) for key, _ in entries]
        stages: dict[str, CycleStage] = {}
        for name, (key, value) in zip(names, entries, strict=True):
            stages[name] = self._stage(name, key, value, names, stages)
        return stages

    def _stage(
        self, name: str, key: Scalar, node: Node, names: list[str], before: MappingOf[str, CycleStage]
    ) -> CycleStage:
        document = self.document
        what = f"stage '{name}'"
        given = fields.mapping(document, node, what, STAGE_KEYS)
        saes_of = self._earlier(given["saes_of"], "saes_of", name, before) if "saes_of" in given else None
        root = self._branches_of(given.get("branches_of"), name, before)
        own = [word for word in ("branches", "vary", "branches_of", "saes_of") if word in given]
        if len(own) > 1:
            words = "one of branches, vary, branches_of, saes_of"
            raise self._refusal(node, "several", f"{what} takes its branches from {words}")
        if saes_of is not None:
            root = before[saes_of].branches_of or saes_of
        if root is not None:
            branches = before[root].branches
        elif "vary" in given:
            branches = varied(document, given["vary"])
        else:
            branches = named(document, given["branches"]) if "branches" in given else (Branch(ONLY_BRANCH, ()),)
        after = tuple(self._references(given["after"], "after", names)) if "after" in given else ()
        if name in after:
            raise self._refusal(given["after"], "order", f"{what} cannot start after itself")
        stops = (*self.default_stops, *(fields.sequence(document, given["stop"], "stop") if "stop" in given else ()))
        phases = self._phases(given.get("phases"))
        return CycleStage(
            name=name,
            runners=self._runners(fields.required(document, node, given, "run", what)),
            config=self.paths.take(fields.required(document, node, given, "config", what), "config"),
            after=after,
            phases=phases,
            settings=settings(document, given["set"], "set") if "set" in given else (),
            branches=branches,
            branches_of=root,
            saes_of=saes_of,
            needs=needs(document, given["needs"], self.default_needs) if "needs" in given else self.default_needs,
            budget=budget(document, given["budget"]) if "budget" in given else Budget(),
            stops=tuple(stop_rule(self.paths, one, names, tuple(phases), one in self.default_stops) for one in stops),
            record=fields.text(document, given["record"], "record") if "record" in given else None,
            location=document.location(key),
        )

    def _branches_of(self, node: Node | None, name: str, before: MappingOf[str, CycleStage]) -> str | None:
        if node is None:
            return None
        root = self._earlier(node, "branches_of", name, before)
        if before[root].branches_of is not None:
            message = f"'{root}' takes its branches from '{before[root].branches_of}' itself"
            raise self._refusal(node, "reference", message, f"write branches_of: {before[root].branches_of}")
        return root

    def _earlier(self, node: Node, key: str, name: str, before: MappingOf[str, CycleStage]) -> str:
        found = fields.text(self.document, node, key, NAME)
        if found not in before:
            message = f"{key} names '{found}', which is no stage that stands before '{name}'"
            raise self._refusal(node, "reference", message, did_you_mean(found, before))
        return found

    def _runners(self, node: Node) -> tuple[str, ...]:
        items = node.items if isinstance(node, Sequence) else (node,)
        if not items:
            raise self._refusal(node, "empty", "run names no runner")
        found: list[str] = []
        for item in items:
            runner = fields.text(self.document, item, "runner", NAME)
            if runner in found:
                raise self._refusal(item, "duplicate", f"runner '{runner}' is listed twice")
            found.append(runner)
        return tuple(found)

    def _phases(self, node: Node | None) -> dict[Phase, Settings]:
        if node is None:
            return {"full": ()}
        if isinstance(node, Sequence):
            pairs: list[tuple[Node, Settings]] = [(item, ()) for item in fields.sequence(self.document, node, "phases")]
        else:
            entries = fields.entries(self.document, node, "phases")
            pairs = [(key, settings(self.document, value, f"phase '{key.value}'")) for key, value in entries]
        found: dict[Phase, Settings] = {}
        for item, own in pairs:
            word = fields.choice(self.document, item, "phase", PHASES)
            phase = next(known for known in PHASES if known == word)
            if phase in found:
                raise self._refusal(item, "duplicate", f"phase '{phase}' is listed twice")
            if phase not in self.seeds:
                raise self._refusal(item, "reference", "the cycle has no pilot seeds", "add seeds: {pilot: [...]}")
            found[phase] = own
        if not found:
            raise self._refusal(node, "empty", "phases names no phase")
        return {phase: found[phase] for phase in PHASES if phase in found}

    def _finish(self, node: Node, stages: MappingOf[str, CycleStage]) -> Finish:
        document = self.document
        given = fields.mapping(document, node, "finish", FINISH_KEYS)
        select = None
        if "select" in given:
            inner = fields.mapping(document, given["select"], "select", ("policy", "among"))
            among_node = fields.required(document, given["select"], inner, "among", "select")
            select = Selecting(
                self.paths.take(fields.required(document, given["select"], inner, "policy", "select"), "policy"),
                tuple(self._references(among_node, "among", list(stages))),
                document.location(given["select"]),
            )
        check = self.paths.take(given["check"], "check") if "check" in given else None
        dossier = fields.flag(document, given["dossier"], "dossier") if "dossier" in given else False
        if dossier and check is None:
            raise self._refusal(
                given["dossier"], "missing_key", "a dossier needs the policy that judges it", "add check"
            )
        return Finish(
            check=check,
            select=select,
            base=base(self.paths, given["base"], list(stages)) if "base" in given else None,
            dossier=dossier,
            claims=fields.flag(document, given["claims"], "claims") if "claims" in given else False,
        )

    def _references(self, node: Node, what: str, names: list[str]) -> list[str]:
        found: list[str] = []
        for item in fields.sequence(self.document, node, what):
            name = fields.text(self.document, item, "stage", NAME)
            if name not in names:
                raise self._refusal(item, "reference", f"{what} names no stage '{name}'", did_you_mean(name, names))
            if name in found:
                raise self._refusal(item, "duplicate", f"stage '{name}' is listed twice")
            found.append(name)
        return found

    def _refusal(self, node: Node, error_id: str, message: str, remedy: str | None = None) -> GatekitError:
        return fields.refusal(self.document, node, error_id, message, remedy)
