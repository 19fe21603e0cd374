"""The colours of pages and pictures: one set for light and one for dark screens.

Every text colour has a contrast of at least 4.5 to 1 on `page` and on `panel` (WCAG 2.2, level AA); no colour says
anything that the words beside it do not.
"""

from __future__ import annotations

LIGHT = {
    "page": "#ffffff",
    "panel": "#f6f8fa",
    "text": "#1f2328",
    "quiet": "#59636e",
    "line": "#d1d9e0",
    "zone": "#d9efdf",
    "pass": "#1a7f37",
    "fail": "#cf222e",
    "inconclusive": "#8a5d00",
}

DARK = {
    "page": "#0d1117",
    "panel": "#161b22",
    "text": "#e6edf3",
    "quiet": "#9198a1",
    "line": "#3d444d",
    "zone": "#173b22",
    "pass": "#3fb950",
    "fail": "#ff7b72",
    "inconclusive": "#d29922",
}
