"""Writes docs/your-saes.md by doing what it says: every command in it is run, and every output is what was printed.

    python docs/your_saes.py           # writes the page; minutes, with the runners environment
    python docs/your_saes.py --check   # exits 1 when the page's commands, or the words of their output, are others now

Numbers depend on the class of processor, so --check compares all but digits.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "your-saes.md"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TQDM_DISABLE": "1"}

INTRODUCTION = """\
# Your SAEs

From five SAEs on disk, one a seed, to a verdict in three commands, and from there to a pull request. This page is
written by `python docs/your_saes.py`, which does all of it on two cores in minutes: a small Llama-like model and five
TopK SAEs that SAELens trained on it stand for yours. It needs the runners environment ([runners.md](runners.md)).
"""

SAES = """\
## What a lab has

A model's folder, and a folder (or file) a seed in any of the formats of [formats.md](formats.md). Here:
"""

BEGIN = """\
## 1. Say what is there

The SAEs' files say model, hook, shape and context; what they do not say is asked for in one line (`--model`, `--hook`).
Of a folder that holds them (`--saes ../saes`) all are taken. An SAE's seed is the number at the end of its name, or of
the folder that it lies in (`seed_7/blocks.0.hook_resid_post`), where all have another; `SEED=PATH` says it otherwise.
"""

WRITTEN = """\
`measure/saes.yaml` names the SAEs and what they are measured on:
"""

POLICY = """\
`policies/saes.yaml` says what must hold. Edit the thresholds until they say what your claim needs:
"""

MEASURE = """\
## 2. Measure

Agreement across seeds, beside Gaussian dictionaries and beside SAEs of the same shape on a re-initialised model. Those
are trained here, by a recipe of ours, and the summary calls them so; name your own in `measure/random_model.yaml` if
you have them. {time}
"""

JUDGE = """\
## 3. Judge
"""

PROPOSE = """\
## A pull request

Evidence names the configuration's files, relative to your repository: it is fresh until they change. A first pull
request passes while its claims are pending; the next ones are judged by what it brought.
"""

END = """\
Then set the claim's status in `claims.yaml` to `supported`: from that pull request on the gates that it names must
pass, and the policy of the base branch judges. [github.md](github.md) sets up the workflow, [claims.md](claims.md)
binds the numbers of your documents.

More to measure on the same SAEs: `measure/saebench.yaml` (sparse probes), and every runner in the table of
[runners.md](runners.md#saes-that-you-trained). Texts and labelled datasets of your own: [your-texts.md](your-texts.md).
"""


class Terminal:
    """A folder in which commands are run, and what they printed."""

    def __init__(self, folder: Path) -> None:
        """Start in `folder`."""
        self.folder = folder
        self.seconds = 0.0

    def run(self, shown: str, *command: str | Path, keep: slice | None = None) -> str:
        """Run a command and return it as a console block.

        Args:
            shown: the line as the page has it.
            command: what is run.
            keep: the lines of output that are shown; all of standard output where None, else of both streams.
        """
        import time

        start = time.monotonic()
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **OFFLINE, "GATEKIT_TRACEBACK": ""},
        )
        self.seconds = time.monotonic() - start
        if done.returncode not in (0, 2):
            raise SystemExit(f"{shown}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        lines = done.stdout.splitlines() if keep is None else (done.stdout + done.stderr).splitlines()[keep]
        body = "\n".join(line.rstrip() for line in lines)
        return f"```console\n$ {shown}\n{body}\n```\n"


def page() -> str:
    """Do all of it in a new folder and return the page."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        python, gatekit = sys.executable, (sys.executable, "-m", "gatekit")
        for script, words in (("tiny_models.py", ["models/tiny"]), ("train_sae_lens.py", ["models/tiny", "saes"])):
            Terminal(place).run(script, python, ROOT / "examples" / script, *words)
        lab = place / "lab"
        lab.mkdir()
        (lab / "README.md").write_text("# lab\n")
        terminal = Terminal(lab)
        commit = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qm")
        for words in (("git", "init", "-q", "-b", "main", "."), ("git", "add", "-A"), (*commit, "begin")):
            terminal.run("git", *words)
        terminal.run("git", "git", "checkout", "-qb", "saes")
        parts = [
            INTRODUCTION,
            SAES,
            Terminal(place).run("ls models/tiny saes/*", "bash", "-c", "ls models/tiny saes/*"),
        ]
        saes = sorted((place / "saes").iterdir())
        named = [os.path.relpath(sae, lab) for sae in saes]
        shown = "gatekit init --saes ../saes/* --model ../models/tiny"
        parts += [BEGIN, terminal.run(shown, *gatekit, "init", "--saes", *named, "--model", "../models/tiny")]
        parts += [WRITTEN, _file(lab / "measure" / "saes.yaml"), POLICY, _file(lab / "policies" / "saes.yaml")]
        terminal.run("git", "git", "add", "-A")
        terminal.run("git", *commit, "A policy for our SAEs")
        words = ("run", "random_model", "--config", "measure/random_model.yaml", "--out", "evidence")
        cache = ("--cache", place / "cache")
        measured = terminal.run(f"gatekit {' '.join(words)}", *gatekit, *words, *cache, keep=slice(-1, None))
        parts += [MEASURE.format(time=f"Here it took {terminal.seconds:.0f} seconds."), measured]
        parts += [JUDGE, terminal.run("gatekit check --verbose", *gatekit, "check", "--verbose")]
        terminal.run("git", "git", "add", "-A")
        terminal.run("git", *commit, "Evidence about our SAEs")
        parts += [PROPOSE, terminal.run("gatekit stale", *gatekit, "stale")]
        parts += [terminal.run("gatekit pr --base main", *gatekit, "pr", "--base", "main"), END]
        return "\n".join(parts)


def _file(path: Path) -> str:
    return f"```yaml\n{path.read_text()}```\n"


def without_digits(text: str) -> str:
    """Return a page as far as it is the same on every machine: no numbers, and nothing that follows from them."""
    outcomes = re.sub(r"\b(pass|FAIL|blocked)\b.*", "", text)
    return re.sub(r"\s+", " ", re.sub(r"[0-9a-f]*[0-9][0-9a-f]*|[-+]\s", "", outcomes))


if __name__ == "__main__":
    written = page()
    if "--check" in sys.argv[1:]:
        if without_digits(PAGE.read_text()) == without_digits(written):
            sys.exit(0)
        told, found = (text.splitlines() for text in (PAGE.read_text(), written))
        sys.exit("\n".join(difflib.unified_diff(told, found, PAGE.name, "what is printed now", lineterm="", n=0)))
    PAGE.write_text(written)
