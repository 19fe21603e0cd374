"""Lets an installed gatekit judge committed evidence: one policy that it carries, and one that it does not.

    python -m release.trial PATH/TO/gatekit

The clock is the evidence's own, an hour after the last of it was measured: a release does not wait for new evidence.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVIDENCE = ROOT / "evidence" / "minilm" / "topk"
EXPECTED = {"transcoder": 0, "saebench": 2}
"""Policy -> exit code. docs/results.md has the numbers."""


def main() -> int:
    """Print each verdict; 0 only if both are as expected."""
    if len(sys.argv) != 2:
        print("usage: python -m release.trial PATH/TO/gatekit", file=sys.stderr)
        return 64
    return 0 if judged(Path(sys.argv[1]).absolute()) == EXPECTED else 1


def judged(command: Path) -> dict[str, int]:
    """Return the exit code by each policy, away from the checkout."""
    finished = [json.loads(path.read_text("utf-8"))["producer"]["finished"] for path in EVIDENCE.glob("*.json")]
    now = max(datetime.fromisoformat(time) for time in finished) + timedelta(hours=1)
    codes = {}
    for policy in EXPECTED:
        arguments = ["check", "--policy", str(ROOT / "policies" / f"{policy}.yaml"), "--evidence", str(EVIDENCE)]
        arguments += ["--now", now.strftime("%Y-%m-%dT%H:%M:%SZ")]
        done = subprocess.run([str(command), *arguments], cwd=command.parent, capture_output=True, text=True)
        codes[policy] = done.returncode
        print(*done.stdout.splitlines()[-1:], done.stderr, sep="\n", end="")
    return codes


if __name__ == "__main__":
    sys.exit(main())
