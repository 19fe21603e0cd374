"""`python -m runners NAME ...`: run one runner; `python -m runners --list`: name them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import entry_points

from gatekit.errors import UsageError, did_you_mean

GROUP = "gatekit.runners"

# In a checkout that is not installed there are no entry points; ours are known all the same.
BUILT_IN = {
    "candidates": "runners.stages.candidates",
    "cebench": "runners.stages.cebench",
    "consistency": "runners.stages.consistency",
    "ablation": "runners.stages.ablation",
    "adaptive_l0": "runners.stages.adaptive_l0",
    "frontier": "runners.stages.frontier",
    "known_circuit": "runners.stages.known_circuit",
    "layer_routing": "runners.stages.layer_routing",
    "ood": "runners.stages.ood",
    "random_model": "runners.stages.random_model",
    "scaling": "runners.stages.scaling",
    "stability": "runners.stages.stability",
    "saebench": "runners.stages.saebench",
    "transcoder": "runners.stages.transcoder",
}


def known_runners() -> dict[str, str]:
    """Return runner name -> module, ours and those that other packages register under `gatekit.runners`."""
    return {**{point.name: point.value for point in entry_points(group=GROUP)}, **BUILT_IN}


def main(argv: Sequence[str]) -> int:
    """Run the named runner with the rest of the arguments and return its exit code."""
    runners = known_runners()
    if list(argv) == ["--list"]:
        sys.stdout.write("".join(f"{name}\n" for name in sorted(runners)))
        return 0
    if not argv or argv[0] in ("-h", "--help"):
        sys.stderr.write(
            f"usage: python -m runners NAME --config FILE --out DIR\nrunners: {', '.join(sorted(runners))}\n"
        )
        return 0 if argv else 64
    name = argv[0]
    if name not in runners:
        error = UsageError(f"no runner '{name}'", did_you_mean(name, runners) or f"known: {', '.join(sorted(runners))}")
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    run: Callable[[Sequence[str]], int] = import_module(runners[name]).main
    return run(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
