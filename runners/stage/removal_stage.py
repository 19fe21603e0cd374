"""What the runners `saebench_scr` and `saebench_tpp` have in common; they differ in the block of that name."""

from __future__ import annotations

import json
from typing import Any

from runners.benchmarks.removal_plan import RemovalPlan, check_removal
from runners.places import derived, refuse_first
from runners.stage.removal_protocol import removal_protocol
from runners.stage.run_environment import RunEnvironment
from runners.stage.sae_stage import sae_stage
from runners.stage.sae_subject import (
    check_saes,
    needs_network,
    reads_one_hook,
    shown_name,
    shrink_saes,
    without_paths,
)
from runners.stage.stage import Stage
from runners.subjects.attributed_plan import Removal
from runners.summary_writing import Json, RunResult

MOST_OF_SMOKE = {"train_rows": 80, "test_rows": 40, "max_tokens": 32}


def removal_stage(kind: Removal, title: str, config: type[Any]) -> Stage:
    """Return the stage `saebench_KIND`, whose configuration has a block `KIND`."""

    def plan_of(config: Any) -> RemovalPlan:
        plan: RemovalPlan = getattr(config, kind)
        return plan

    def check(config: Any) -> None:
        check_saes(config, least_seeds=1)
        check_removal(plan_of(config), kind, config.sae.width)
        refuse_first(
            config,
            ("sae.architecture", f"'{config.sae.label}' does not read one hook alone", not reads_one_hook(config)),
        )

    def shrink(config: Any, small: Any) -> Any:
        plan = plan_of(config)
        least = {name: min(getattr(plan, name), most) for name, most in MOST_OF_SMOKE.items()}
        latents = min(plan.latents, plan_of(small).latents)
        return derived(shrink_saes(config, small), **{kind: derived(plan, **least, latents=latents)})

    def recorded(config: Any) -> Json:
        plain = without_paths(config)
        for dataset in plain[kind]["datasets"]:
            for name in ("path", "test_path"):
                if dataset["source"] == "file" and dataset[name] is not None:
                    dataset[name] = shown_name(dataset[name])
            if dataset["pairs"] is not None:
                # A summary's configuration holds no lists of lists.
                dataset["pairs"] = [json.dumps(pair) for pair in dataset["pairs"]]
        return plain

    def network(config: Any) -> bool:
        return needs_network(config) or any(each.source == "hub" for each in plan_of(config).datasets)

    def measure(config: Any, environment: RunEnvironment) -> RunResult:
        # Imported here: it brings torch, which a plan does not need.
        from runners.stage.removal_measuring import measure_removal

        return measure_removal(config, plan_of(config), kind, environment)

    return sae_stage(
        f"saebench_{kind}",
        title,
        config,
        lambda config: removal_protocol(config, plan_of(config), kind, ()),
        measure,
        check=check,
        shrink=shrink,
        recorded=recorded,
        network=network,
    )
