"""Move thresholds in an open page, and read what it then says."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy_page.browser import Tab
from policy_page.policies import Said

from gatekit.gates.judging_inputs import JudgingInputs
from gatekit.report.policy_page.content import PageContent, page_content
from gatekit.report.policy_page.html import render

# Changes a number as typing does, and reads one policy: its word, its gates' outcomes, and the lines that would change.
_SCRIPT = """
window.moveTo = (t, side, text) => {
  const field = document.getElementById(`number-${t}-${side}`);
  field.value = text;
  field.dispatchEvent(new Event("input"));
};
window.readPolicy = (p, gates, thresholds) => {
  const word = (id) => document.getElementById(id).textContent.split(" (was ")[0].toLowerCase();
  const lines = {};
  for (const t of thresholds) {
    const box = document.getElementById(`change-${t}`);
    if (!box || box.hidden) continue;
    const names = [...box.querySelectorAll("code")], texts = [...box.querySelectorAll("pre")];
    names.forEach((name, i) => { lines[name.textContent] = texts[i].textContent; });
  }
  return { word: word(`policy-${p}-0`), gates: gates.map((_, g) => word(`gate-${p}-${g}`)), lines };
};
"""


@dataclass
class OpenPage:
    """A page in the browser with what it was made of."""

    tab: Tab
    content: PageContent
    given: JudgingInputs

    def first(self, policy: int) -> int:
        """The number of a policy's first threshold on the page."""
        return sum(len(page.thresholds) for page in self.content.policies[:policy])

    def move(self, threshold: int, side: int, text: str) -> None:
        self.tab.run(f"moveTo({threshold}, {side}, {json.dumps(text)})")

    def put_back(self, policy: int) -> None:
        """Write every number of a policy as its file has it."""
        for position, threshold in enumerate(self.content.policies[policy].thresholds):
            for side, place in enumerate(threshold.places or ()):
                self.move(self.first(policy) + position, side, place.raw)

    def said(self, policy: int) -> tuple[Said, Mapping[str, str]]:
        """What the page says of a policy, and the lines that it would have changed, by `path:line`."""
        page = self.content.policies[policy]
        names = [gate.name for gate in page.policy.gates]
        own = list(range(self.first(policy), self.first(policy) + len(page.thresholds)))
        found: dict[str, Any] = self.tab.run(f"readPolicy({policy}, {json.dumps(names)}, {own})")
        gates = {} if found["word"] == "refused" else dict(zip(names, found["gates"], strict=True))
        return Said(found["word"], gates), found["lines"]

    def edited(self, policy: int, lines: Mapping[str, str]) -> str:
        """The policy's text with the lines that the page wants changed."""
        path = self.content.policies[policy].policy.path
        text = Path(path).read_text(encoding="utf-8").split("\n")
        for where, line in lines.items():
            name, _, number = where.rpartition(":")
            assert name == path
            text[int(number) - 1] = line
        return "\n".join(text)


def open_page(tab: Tab, given: JudgingInputs, folder: Path) -> OpenPage:
    """Write the page of these inputs and open it."""
    content = page_content(given, given.verdict(), "it was not asked for")
    file = folder / f"page-{os.getpid()}.html"
    file.write_text(render(content), encoding="utf-8")
    tab.open(file.as_uri())
    tab.run(_SCRIPT)
    return OpenPage(tab, content, given)
