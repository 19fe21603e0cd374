"""Runner `absorption`: how often is a latent silent on a word that it stands for?

It needs no torch: what it measures are rows that stand in a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from gatekit.evidence import SummaryBuilder


def main(arguments: Sequence[str]) -> int:
    """Measure the words of a file, `{seed: [absorbed or not, ...]}`, and write the evidence."""
    parser = argparse.ArgumentParser(prog="absorption")
    parser.add_argument("--words", required=True)
    parser.add_argument("--subject", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(arguments)
    builder = SummaryBuilder("absorption", subject=options.subject, sources=[options.words, options.subject])
    with open(options.words, encoding="utf-8") as file:
        words = json.load(file)
    for seed, absorbed in words.items():
        builder.observe("absorption_rate", seed=int(seed), value=sum(absorbed) / len(absorbed))
    sys.stdout.write(f"{builder.write(options.out)}\n")
    return 0
