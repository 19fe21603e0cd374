"""Measures again what is committed below evidence/; `make evidence` runs it.

    python benchmarks/measure_evidence.py                    # in the runners environment, from a clean checkout
    python benchmarks/measure_evidence.py stability scaling  # these folders alone
    python benchmarks/measure_evidence.py --table            # the table of evidence/README.md

A folder is skipped when its summaries are fresh and were made from a clean checkout, so an interrupted call goes on
where it was. Runs write to runs/evidence/, which git ignores, because the first summary that changed in evidence/ would
make the checkout of the second run dirty; at the end the new summaries take the places of the old ones.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit.errors import GatekitError
from gatekit.evidence import find_summaries, read_summary
from gatekit.evidence.staleness import why_stale, work_tree_digest
from runners.provenance import git_state

ROOT = Path(__file__).resolve().parents[1]
STAGED = Path("runs") / "evidence"


@dataclass(frozen=True)
class Row:
    """One run."""

    folder: str
    """Below evidence/, where its summaries lie, or the folders of them."""
    runner: str
    config: str = "default"
    """Name of the configuration of that runner."""
    holds: tuple[str, ...] = ()
    """Folders of summaries where there are several, for the table."""

    @property
    def arguments(self) -> list[str]:
        """The runner's command line without `--out`."""
        return [self.runner, "--config", f"runners/configs/{self.runner}/{self.config}.yaml"]


# The quick ones first: what is wrong shows early. Then those that train the SAEs of saes_demo.yaml, those of
# saes_half.yaml, and the longest; within a group trained SAEs are found in the cache.
ROWS = (
    Row("modular_addition", "known_circuit"),
    Row("stability", "stability"),
    Row("minilm", "candidates", holds=("minilm/topk", "minilm/batch_topk")),
    Row("controls/topk", "random_model", "controls"),
    Row("controls/transcoder_untied", "transcoder", "untied"),
    Row("frontier", "frontier", holds=("frontier/*",)),
    Row("ablation", "ablation", holds=("ablation/*",)),
    Row("adaptive_l0", "adaptive_l0"),
    Row("adaptive_l0_k4", "adaptive_l0", "k4"),
    Row("scaling", "scaling", holds=("scaling/*",)),
    Row("layer_routing", "layer_routing"),
    Row("consistency", "consistency", holds=("consistency/*",)),
)


def table(rows: Sequence[Row] = ROWS) -> str:
    """Return the table of evidence/README.md."""
    lines = ["| folder | run |", "|---|---|"]
    for row in rows:
        folders = ", ".join(f"`{name}`" for name in row.holds or (row.folder,))
        lines.append(f"| {folders} | `{' '.join(row.arguments)}` |")
    return "\n".join(lines)


def why_measure(folder: Path, root: Path = ROOT) -> str | None:
    """Return why the summaries in a folder must be measured again, or None where they need not.

    Args:
        folder: where they lie, below evidence/ or runs/evidence/.
        root: of the repository that they are about.
    """
    if not folder.is_dir():
        return "there is none"
    try:
        summaries = [read_summary(path) for path in find_summaries([str(folder)])]
    except GatekitError as error:
        return str(error)
    if not summaries:
        return "there is none"
    digest_of = work_tree_digest(root)
    for summary in summaries:
        name = Path(summary.path).relative_to(folder)
        if summary.status != "ok":
            return f"{name} says {summary.status}: {summary.reason}"
        if summary.git_dirty is not False:
            return f"{name} was not made from a clean checkout"
        reason = why_stale(summary, digest_of)
        if reason is not None:
            return f"{name} {reason}"
    return None


def measure(row: Row, cache: str | None) -> str | None:
    """Run one row into runs/evidence/; return what went wrong."""
    staged = ROOT / STAGED / row.folder
    shutil.rmtree(staged, ignore_errors=True)
    done, log = _mark(row), ROOT / STAGED / f"{row.folder.replace('/', '-')}.log"
    done.unlink(missing_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "runners", *row.arguments, "--out", (STAGED / row.folder).as_posix()]
    command += [] if cache is None else ["--cache", cache]
    with log.open("w", encoding="utf-8") as stream:
        code = subprocess.run(command, cwd=ROOT, stdout=stream, stderr=stream, check=False).returncode
    reason = why_measure(staged)
    if code:
        return f"exit code {code}; see {log.relative_to(ROOT)}"
    if reason is None:
        # A sweep that was interrupted has fresh summaries too, but not all of them.
        done.touch()
    return reason


def _mark(row: Row) -> Path:
    return ROOT / STAGED / f"{row.folder.replace('/', '-')}.done"


def put_in_place(row: Row) -> None:
    """Replace the summaries of a row in evidence/ by those of its run."""
    staged, place = ROOT / STAGED / row.folder, ROOT / "evidence" / row.folder
    for old in place.rglob("*.json"):
        old.unlink()
    for new in sorted(staged.rglob("*.json")):
        target = place / new.relative_to(staged)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(new, target)
    _mark(row).unlink()


def main(argv: Sequence[str]) -> int:
    """Measure what must be measured and return 0 when all is fresh."""
    parser = argparse.ArgumentParser(description="Measure the committed evidence again.")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="below evidence/; default all")
    parser.add_argument("--cache", help="of the runners; default the user's")
    parser.add_argument("--table", action="store_true", help="print the table of evidence/README.md")
    arguments = parser.parse_args(argv)
    if arguments.table:
        print(table())
        return 0
    unknown = set(arguments.folders) - {row.folder for row in ROWS}
    if unknown:
        parser.error(f"no folder {', '.join(sorted(unknown))}; there are {', '.join(row.folder for row in ROWS)}")
    failed, measured = [], []
    for row in ROWS:
        if arguments.folders and row.folder not in arguments.folders:
            continue
        if why_measure(ROOT / "evidence" / row.folder) is None:
            print(f"{row.folder}: fresh", flush=True)
            continue
        if _mark(row).is_file() and why_measure(ROOT / STAGED / row.folder) is None:
            print(f"{row.folder}: measured before", flush=True)
            measured.append(row)
            continue
        git = git_state()
        if git.commit is None or git.dirty is not False:
            print("measure_evidence: the checkout is not clean: commit first", file=sys.stderr)
            return 1
        started = time.monotonic()
        print(f"{row.folder}: ", end="", flush=True)
        wrong = measure(row, arguments.cache)
        seconds = time.monotonic() - started
        print(
            f"{'measured' if wrong is None else 'failed'} in {seconds:.0f} s{f': {wrong}' if wrong else ''}", flush=True
        )
        (measured if wrong is None else failed).append(row)
    for row in measured:
        put_in_place(row)
    if measured:
        print("next: gatekit claims sync, then commit evidence/ with the documents")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
