"""The pictures of docs/statistics-in-pictures.md, drawn from the functions that the gate uses.

    python docs/statistics_pictures.py            # writes docs/pictures/statistics-*.svg
    python docs/statistics_pictures.py --check    # exits 1 where one differs

One picture serves light and dark pages: lines and words have a middle grey, and the two colours are clear on both.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from gatekit.gates.every_seed import excluded_failure_rate
from gatekit.stats import crossed, per_seed
from gatekit.stats.spending import look_alphas

FOLDER = Path(__file__).parent / "pictures"
WIDTH, LEFT, RIGHT = 640, 150, 20
GREY, GOOD, BAD = "#808890", "#2f9e64", "#d9634c"
FONT = 'font-family="system-ui, sans-serif" font-size="13"'


def text(x: float, y: float, words: str, anchor: str = "start", color: str = GREY) -> str:
    """Return one line of words."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, color: str = GREY, width: float = 1.0, dash: str = "") -> str:
    """Return one line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def dot(x: float, y: float, color: str, radius: float = 4.0) -> str:
    """Return one dot."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{color}"/>'


def picture(title: str, height: int, parts: Iterator[str]) -> str:
    """Return a whole SVG; the title is what is read aloud."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {FONT}>'
    return "\n".join([head, f"<title>{title}</title>", *parts, "</svg>"]) + "\n"


def across(value: float, low: float, high: float) -> float:
    """Return the x of a value."""
    return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def bounds() -> str:
    """Five, ten and twenty seeds of one spread: the lower bound comes nearer to the mean."""

    def parts() -> Iterator[str]:
        draw = random.Random(4)
        yield line(across(0.5, 0.4, 0.75), 20, across(0.5, 0.4, 0.75), 190, GREY, 1.5, "4 4")
        yield text(across(0.5, 0.4, 0.75), 208, "threshold 0.5", "middle")
        for row, count in enumerate((3, 5, 10, 20)):
            y = 40 + 42 * row
            values = [draw.gauss(0.0, 1.0) for _ in range(count)]
            mean, sd = sum(values) / count, math.sqrt(sum(v * v for v in values) / count - (sum(values) / count) ** 2)
            values = [0.58 + 0.05 * (v - mean) / sd for v in values]
            found = per_seed(range(count), values, 0.95)
            assert found.lower is not None
            color = GOOD if found.lower >= 0.5 else BAD
            yield text(LEFT - 14, y + 4, f"{count} seeds", "end")
            yield from (dot(across(v, 0.4, 0.75), y - 10, GREY, 3) for v in values)
            yield line(across(found.lower, 0.4, 0.75), y + 4, across(0.75, 0.4, 0.75), y + 4, color, 5)
            word = "pass" if found.lower >= 0.5 else "no pass"
            yield text(across(found.lower, 0.4, 0.75) - 6, y + 9, word, "end", color)

    return picture("The bar starts at the lower bound; more seeds bring it nearer to their mean", 215, parts())


def families() -> str:
    """Twelve datasets that are independent, and the same twelve as near copies in four families."""
    effects = (0.09, 0.10, 0.08, 0.02, 0.01, 0.03, 0.06, 0.07, 0.05, -0.02, -0.01, 0.00)
    values = [effect + 0.004 * ((3 * seed + index) % 5) for seed in range(5) for index, effect in enumerate(effects)]
    seeds, levels = [seed for seed in range(5) for _ in effects], list(range(12)) * 5
    labels = [level // 3 for level in levels]

    def parts() -> Iterator[str]:
        low, high = -0.06, 0.13
        for row, (words, stated) in enumerate((("12 datasets", None), ("in 4 families", labels))):
            y = 46 + 76 * row
            found = crossed(seeds, levels, values, 0.95, ("seed", "level"), families=stated)
            assert found.lower is not None
            color = GOOD if found.lower >= 0.0 else BAD
            yield text(LEFT - 14, y + 4, words, "end")
            shades = (GREY,) * 4 if stated is None else (GOOD, BAD, "#4c7fd0", "#c79a1e")
            yield from (dot(across(e, low, high), y - 14, shades[i // 3], 4) for i, e in enumerate(effects))
            yield line(across(found.lower, low, high), y + 4, across(high, low, high), y + 4, color, 5)
            yield text(across(found.lower, low, high) - 6, y + 9, f"{found.lower:+.3f}", "end", color)
        yield line(across(0.0, low, high), 16, across(0.0, low, high), 140, GREY, 1.5, "4 4")
        yield text(across(0.0, low, high), 156, "0: no better than the baseline", "middle")

    return picture("Near copies count once: the bound over families is wider", 165, parts())


def looks() -> str:
    """What each of three looks may spend."""

    def parts() -> Iterator[str]:
        alphas = look_alphas(0.95, (5, 10, 15), "obrien_fleming")
        for row, (count, alpha) in enumerate(zip((5, 10, 15), alphas, strict=True)):
            y = 34 + 40 * row
            yield text(LEFT - 14, y + 5, f"after {count} seeds", "end")
            yield line(LEFT, y, across(alpha, 0.0, 0.05), y, GOOD, 14)
            yield text(across(alpha, 0.0, 0.05) + 8, y + 5, f"{100 * alpha:.2f} %")
        yield text(LEFT, 150, f"together {100 * sum(alphas):.0f} %: the chance of a false pass that the gate allows")

    return picture("Three looks share five per cent; the first may spend almost nothing", 160, parts())


def collapse() -> str:
    """How often training may fail, unseen, behind so many good seeds."""

    def parts() -> Iterator[str]:
        for row, count in enumerate((3, 5, 10, 20, 59)):
            y = 30 + 32 * row
            rate = excluded_failure_rate(count, 0.95)
            yield text(LEFT - 14, y + 5, f"{count} good seeds", "end")
            yield line(LEFT, y, across(rate, 0.0, 1.0), y, BAD, 14)
            yield text(across(rate, 0.0, 1.0) + 8, y + 5, f"training may fail in {100 * rate:.0f} %")

    return picture("Good seeds leave a failure rate open: 45 per cent behind five of them", 185, parts())


PICTURES = {"bounds": bounds, "families": families, "looks": looks, "collapse": collapse}


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures, or say which differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a picture differs")
    checks = parser.parse_args(arguments).check
    differs = False
    for name, draw in PICTURES.items():
        path, drawn = FOLDER / f"statistics-{name}.svg", draw()
        if not checks:
            path.write_text(drawn, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != drawn:
            differs = True
            sys.stderr.write(f"{path.name} is not what docs/statistics_pictures.py draws\n")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
