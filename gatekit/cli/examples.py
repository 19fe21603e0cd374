"""Examples under the help of every command, ready to type; a test parses each of them."""

from __future__ import annotations

import rich_click as click

EXAMPLES: dict[str, tuple[str, ...]] = {
    "check": ("gatekit check", "gatekit check policies/release.yaml evidence/mine", "gatekit check --watch"),
    "explain": ("gatekit explain release/ood", "gatekit explain ood --policy policies/release.yaml"),
    "report": ("gatekit report --serve", "gatekit report --html page.html"),
    "lint": ("gatekit lint", "gatekit lint policies/release.yaml --strict"),
    "pr": ("gatekit pr --base main", "gatekit pr --base main --head my-branch --output markdown=report.md"),
    "history": ("gatekit history main", "gatekit history --gate release/ood --output svg=history.svg"),
    "badge": ("gatekit check --output json=report.json; gatekit badge report.json --output svg=badge.svg",),
    "select": ("gatekit select evidence/candidates --policy policies/release.yaml --out selection",),
    "dossier": ("gatekit dossier --policy policies/release.yaml --out dossier",),
    "claims check": ("gatekit claims check",),
    "claims list": ("gatekit claims list",),
    "claims scan": ("gatekit claims scan",),
    "claims sync": ("gatekit claims sync", "gatekit claims sync --dry-run"),
    "policy diff": ("gatekit policy diff old.yaml policies/release.yaml --evidence evidence",),
    "stale": ("gatekit stale", "gatekit stale evidence/mine --why"),
    "migrate": ("gatekit migrate", "gatekit migrate --write"),
    "schema": ("gatekit schema", "gatekit schema random_model --table", "gatekit schema policy"),
    "import": (
        "gatekit import saebench results/*.json --subject subject.json --out evidence/mine",
        "gatekit import table results.csv --kind random_model --subject subject.yaml",
    ),
    "digest": ("gatekit digest models/mine saes/seed_0 saes/seed_1", "gatekit digest saes/seed_0"),
    "new subject": ("gatekit new subject random_model --csv results.csv --out subject.yaml",),
    "new summary": ("gatekit new summary random_model --csv results.csv --subject subject.yaml --out evidence/mine",),
    "plan": (
        "gatekit plan --effect 0.02 --sd 0.01",
        "gatekit plan --from evidence/pilot.json --measure pw_mcc_above_control --threshold 0.1",
    ),
    "register": ("gatekit register --claim agree --like evidence/pilot.json --seeds 0-14 --looks 5,10,15",),
    "init": (
        "gatekit init",
        "gatekit init --template reproducibility",
        "gatekit init --saes saes/* --model models/mine",
    ),
    "run": ("gatekit run random_model --config measure/random_model.yaml --out evidence", "gatekit run --list"),
    "cache list": ("gatekit cache list",),
    "cache prune": ("gatekit cache prune --older-than 30d --dry-run", "gatekit cache prune --to 50G"),
    "cache size": ("gatekit cache size",),
    "cache verify": ("gatekit cache verify --remove",),
    "cycle lint": ("gatekit cycle lint",),
    "cycle plan": ("gatekit cycle plan release",),
    "cycle register": ("gatekit cycle register release",),
    "cycle report": ("gatekit cycle report release",),
    "cycle resume": ("gatekit cycle resume release",),
    "cycle run": ("gatekit cycle run release --dry-run", "gatekit cycle run release --gpus 0,1 --slots 2"),
    "cycle status": ("gatekit cycle status release",),
    "cycle stop": ("gatekit cycle stop release",),
    "attest": ("gatekit attest --new-key measure.key", "gatekit attest --key measure.key"),
    "verify": ("gatekit verify", "gatekit verify evidence/mine --threshold 2"),
    "comment": ("gatekit comment --report report.json --markdown report.md --mode on-change",),
    "doctor": ("gatekit doctor --workflows .github/workflows --codeowners .github/CODEOWNERS",),
}
"""Command -> lines of a shell. `action` has none, since nobody types it, and `completion` has its own in its help."""


def with_examples(command: click.Command, path: str) -> click.Command:
    """Give a command, and those below it, what its help ends with.

    Args:
        command: what is called `gatekit PATH`.
        path: as in EXAMPLES.
    """
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            with_examples(inner, f"{path} {name}")
    elif path in EXAMPLES:
        # rich_click prints what stands between empty lines on a line of its own.
        command.epilog = "\n\n".join(["For example:", *EXAMPLES[path]])
    return command
