"""A badge: a verdict in three words, as a small picture or for shields.io's endpoint.

Everything in it but the label is of gatekit's own words. It is green only where gates that count were
measured and pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gatekit.report import inert
from gatekit.report.json_values import text, written

Color = Literal["green", "yellow", "orange", "red", "grey"]

_HEX = {"green": "#1a7f37", "yellow": "#8a5d00", "orange": "#a04100", "red": "#cf222e", "grey": "#59636e"}
"""White text on each has a contrast of at least 4.5 to 1."""
_SHIELDS = {"green": "brightgreen", "yellow": "yellow", "orange": "orange", "red": "red", "grey": "lightgrey"}
_COLORS: dict[str, Color] = {
    "pass": "green",
    "blocked": "red",
    "refused": "red",
    "inconclusive": "yellow",
    "approval needed": "orange",
}
LABEL_LIMIT = 40
_PER_CHARACTER = 6.6
"""Width of one character; the text is fitted into its room, so it need not be exact."""


@dataclass(frozen=True)
class GateCount:
    """How many gates a verdict counts."""

    enforced: int
    """Gates that count: required, enforced, not waived, of policies that judge a release."""
    passing: int
    """Those of them that pass on a number that was measured."""


@dataclass(frozen=True)
class Badge:
    """What a badge says."""

    label: str
    """The user's own text."""
    message: str
    color: Color


def badge(label: str, word: str, gates: GateCount) -> Badge:
    """Return the badge of a verdict.

    Args:
        label: what stands on the left.
        word: the verdict, one of `WORDS`.
        gates: of the verdict.
    """
    if word == "pass" and not gates.passing:
        return Badge(label, "nothing measured", "grey")
    message = f"{word}, {gates.passing} of {gates.enforced} gates" if gates.enforced else word
    # A change can pass although a gate that no claim needs does not.
    partly = word == "pass" and gates.passing < gates.enforced
    return Badge(label, message, "yellow" if partly else _COLORS.get(word, "grey"))


def json(shown: Badge) -> str:
    """Return the JSON that https://shields.io/badges/endpoint-badge reads, ending in a line feed."""
    return written(
        {
            "schemaVersion": 1,
            "label": text(inert.terminal(shown.label, LABEL_LIMIT)),
            "message": shown.message,
            "color": _SHIELDS[shown.color],
        }
    )


def svg(shown: Badge) -> str:
    """Return the picture, ending in a line feed; it loads nothing and runs nothing."""
    label = inert.terminal(shown.label, LABEL_LIMIT)
    left, right = _room(label), _room(shown.message)
    title = inert.html(f"{label}: {shown.message}")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">',
        f"<title>{title}</title>",
        f'<rect width="{left}" height="20" fill="#3d444d"/>',
        f'<rect x="{left}" width="{right}" height="20" fill="{_HEX[shown.color]}"/>',
        '<g fill="#ffffff" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11" text-anchor="middle">',
        f'<text x="{left / 2:g}" y="14" textLength="{left - 12}">{inert.html(label)}</text>',
        f'<text x="{left + right / 2:g}" y="14" textLength="{right - 12}">{inert.html(shown.message)}</text>',
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _room(words: str) -> int:
    return 12 + round(_PER_CHARACTER * max(1, len(words)))
