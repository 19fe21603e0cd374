"""The pictures of docs/results.md, from the committed evidence, as SVG and PNG.

    python -m benchmarks.figures                  # writes docs/results/figures/

Needs matplotlib (the extra `plots`). The same evidence and the same matplotlib give the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gatekit.dossier.evidence_figures import evidence_figures
from gatekit.dossier.figures import png, svg
from gatekit.evidence import find_summaries, read_summaries

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "results" / "figures"
EVIDENCE = ("evidence/minilm", "evidence/frontier", "evidence/scaling", "evidence/stability")


def main(folder: Path = FOLDER) -> int:
    """Write every picture that the evidence has observations for."""
    summaries, errors = read_summaries(find_summaries([str(ROOT / name) for name in EVIDENCE]))
    for error in errors:
        sys.stderr.write(f"{error}\n")
    folder.mkdir(parents=True, exist_ok=True)
    for figure in evidence_figures(summaries):
        (folder / f"{figure.name}.svg").write_bytes(svg(figure.draw))
        (folder / f"{figure.name}.png").write_bytes(png(figure.draw))
        sys.stdout.write(f"{figure.name}: {figure.title}\n")
    return 4 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
