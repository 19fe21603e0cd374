"""Writes docs/pull-requests.md from a real repository: every diff, exit code and comment in it is what the tools print.

    python docs/walkthrough.py           # writes the page
    python docs/walkthrough.py --check   # exits 1 when the page is not what the tools print now

The evidence of the example is constructed (tests/pull_request/change.py); nothing else is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "pull_request")]

import builders  # noqa: E402
import change  # noqa: E402
import repositories  # noqa: E402

PAGE = ROOT / "docs" / "pull-requests.md"
GATEKIT = Path(sysconfig.get_path("scripts")) / "gatekit"

INTRODUCTION = """\
# Pull requests

What `gatekit pr` says about six pull requests to one small repository. This page is written by
`python docs/walkthrough.py` from a real git repository that it makes: diffs, exit codes and comments are what git and
gatekit print; only the evidence in it is constructed.

On `main` there are a policy of three gates, three claims in `claims.yaml`, a README that publishes them, and evidence
about two files of code. Two claims are `supported`, one is `pending`, because nothing measured it yet:

```yaml
{policy}```

The base branch judges. Kinds, policies, schemas, keys and the rules of `claims.yaml` are read from the base, evidence
and documents from the merge result, all of them from git objects. [github.md](github.md) sets this up in GitHub
Actions; on a laptop it is

```
gatekit pr --base main --head my-branch
```
"""


@dataclass(frozen=True)
class Story:
    """One pull request."""

    title: str
    before: str
    """What its author does."""
    files: Mapping[str, repositories.Content]
    after: str
    """What to notice."""


def measured(above: float) -> str:
    """A summary about runners/measure.py whose SAEs agree more than their control, by `above` on average."""
    observations = {
        "pw_mcc_above_control": (builders.around(0.41 + above, 0.02, 10), builders.around(0.41, 0.01, 10)),
        "dead_fraction": builders.around(0.05, 0.01, 5),
    }
    code = sha256(change.MEASURE.encode()).hexdigest()
    sources = [{"path": "runners/measure.py", "sha256": code, "by": "bytes"}]
    return json.dumps(builders.summary("random_model", observations, producer_changes={"sources": sources}))


def stories() -> list[Story]:
    """The pull requests, in the order of the page."""
    better = measured(0.24)
    worse = measured(0.05)
    synced = change.README.replace("+0.2100", "+0.2400")
    says_so = "**<!-- gatekit:status -->Not supported by the evidence:<!-- /gatekit:status -->** Five SAEs"
    withdrawn = change.CLAIMS.replace("status: supported", "status: not_supported", 1)
    return [
        Story(
            "One that loosens a threshold",
            "A gate is in the way, so the author lowers it.",
            {"policies/demo.yaml": change.POLICY.replace("at_least: 0.1", "at_least: 0.01")},
            "The old policy still judges; the new one is a preview. The change needs people: a maintainer sets the "
            "label after reading it. Tightening a threshold would have passed without.",
        ),
        Story(
            "One that edits a number by hand",
            "The README says +0.2100. The author rounds it up to something nicer.",
            {"README.md": change.README.replace("+0.2100", "+0.2600")},
            "The number is bound to a measurement. `gatekit claims sync` writes the right one.",
        ),
        Story(
            "One that brings honest new evidence",
            "A new run measured +0.24. The author commits its summary and runs `gatekit claims sync`.",
            {change.FILE: better, "README.md": synced},
            "The number of a supported claim changed, so its gates had to pass, on the new evidence. They do.",
        ),
        Story(
            "One that withdraws a claim",
            "A new run measured +0.05, below the threshold. The author withdraws the claim, and its block says so.",
            {
                change.FILE: worse,
                "claims.yaml": withdrawn,
                "README.md": change.README.replace("+0.2100", "+0.0500").replace("Five SAEs", says_so),
            },
            "The gate fails, and nothing is blocked: nobody is kept from correcting a claim.",
        ),
        Story(
            "One that changes what was measured",
            "The author improves the code that the evidence is about, and forgets to measure again.",
            {"runners/measure.py": change.MEASURE.replace("return 1", "return 2")},
            "Evidence is bound to the files that it measured, not to a commit: an edit elsewhere leaves it fresh, this "
            "one does not.",
        ),
        Story(
            "One that lowers the bar of a claim",
            "Nothing measured the third claim. The author lets it need a gate that passes, and calls it supported.",
            {"claims.yaml": change.CLAIMS.replace("pending", "supported").replace("gates: [ood]", "gates: [alive]")},
            "The gate passes, but it is not the one that was agreed on: a claim moves to gates at least as strict, or "
            "people approve it. To add a gate that can hardly fail first, in a change of its own, is no help.",
        ),
    ]


def git(root: Path, *arguments: str) -> str:
    """The output of a git command in the example."""
    command = ["git", "-C", str(root), "-c", "core.pager=cat", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def section(number: int, story: Story) -> str:
    """One pull request: what its author does, its diff, the comment, and what to notice."""
    with tempfile.TemporaryDirectory() as folder:
        builder = repositories.Builder(Path(folder) / "repository")
        base = builder.commit("main", {**change.BASE, change.FILE: measured(0.21)})
        builder.commit("feature", story.files, parents=[base])
        root = builder.save()
        diff = git(root, "diff", "--no-color", "--unified=0", "main", "feature", "--", ".", ":!evidence")
        names = git(root, "diff", "--stat=100", "main", "feature", "--", "evidence")
        done = subprocess.run(
            [
                *(str(GATEKIT), "pr", "--repo", str(root), "--base", "main", "--head", "feature"),
                *("--now", builders.NOW, "--output", "markdown=-"),
            ],
            capture_output=True,
            text=True,
        )
    shown = [line for line in diff.splitlines() if not line.startswith(("index ", "diff ", "---", "@@"))]
    evidence = [f"  {line.strip()}" for line in names.splitlines()[:-1]]
    comment = "\n".join(f"> {line}" if line else ">" for line in done.stdout.rstrip().splitlines())
    return (
        f"\n## {number}. {story.title}\n\n{story.before}\n\n```diff\n"
        + "\n".join([*shown, *evidence])
        + f"\n```\n\n`gatekit pr` exits {done.returncode}, and a reviewer sees:\n\n{comment}\n\n{story.after}\n"
    )


def page() -> str:
    """The whole page."""
    policy = change.POLICY
    return INTRODUCTION.replace("{policy}", policy) + "".join(
        section(number, story) for number, story in enumerate(stories(), 1)
    )


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(text != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
