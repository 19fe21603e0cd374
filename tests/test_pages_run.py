"""Every `gatekit` command line of the documentation is run, in the order of its page, and ends in a stated code.

A page is one story: its commands run one after the other in one folder, which `page_scenes` prepares. Some pages are
followed by tests of their own, output included; what needs torch, GitHub or hours is listed with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

import page_scenes
import pytest
from reading_pages import ROOT, code_blocks, tokens
from test_page_commands import READ, typed, words

from gatekit.cli import inputs
from gatekit.cli.process import run


class ThatDay(datetime):
    """A clock that stands still, at a time when no committed evidence is too old for a policy."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> ThatDay:
        """Return the time, which is in UTC."""
        return cls(2026, 11, 28, 12, tzinfo=tz)


FOLLOWED = {
    "CONTRIBUTING.md": ("tests/test_contributing.py", "tests/runners/test_contributing.py"),
    "docs/evidence.md": ("tests/evidence/test_documentation.py",),
    "docs/kinds.md": ("tests/kinds/test_documentation.py",),
    "docs/your-saes.md": ("docs/your_saes.py",),
}
"""Page -> what follows its sections by their headings, output included."""

NOT_RUN = {
    ("README.md", "check examples/agreement.yaml"): "tests/test_readme.py runs it and compares what it prints",
    ("README.md", "check examples/probing.yaml"): "tests/test_readme.py runs it and compares what it prints",
    ("README.md", "init --saes saes/* --model models/my-model"): "needs torch; tests/runners/test_examples.py",
    ("README.md", "run random_model --config measure/random_model.yaml --out evidence"): (
        "needs torch; tests/runners/test_examples.py"
    ),
    ("docs/cycles.md", "cycle register alignment"): "starts a runner, on files of a lab; tests/cycles/test_plans.py",
    ("docs/policy-page.md", "report --serve"): "serves until Ctrl-C; tests/policy_page/test_serving.py",
    ("docs/results/consistency.md", "select runs/consistency runs/consistency-saebench"): "hours of measuring before",
    ("docs/results/consistency.md", "check --policy policies/consistency-v3.yaml --evidence runs/consistency"): (
        "hours of measuring before"
    ),
    ("docs/runners.md", "run random_model --config runners/configs/random_model/demo.yaml"): (
        "needs torch and minutes; make demo"
    ),
}
"""Page and the beginning of a command line -> why it is not run here, and where it is."""


@dataclass(frozen=True)
class Story:
    """The commands of a page, or of some of its sections."""

    page: str
    scene: Callable[[Path], None]
    codes: Sequence[int]
    """Of each command, in order."""
    section: str = ""
    """The heading that the commands stand under; "" for all that no other story has."""
    after: Mapping[int, Callable[[Path, str], None]] = field(default_factory=dict)
    """What the reader does after a command, by its place, with what it printed."""

    @property
    def name(self) -> str:
        """What the story is called in test ids."""
        return f"{self.page}{self.section.replace('## ', '#')}"


STORIES = (
    Story("README.md", page_scenes.checkout, (2, 0, 0, 0)),
    Story("docs/compatibility.md", page_scenes.checkout, (0,)),
    Story("docs/selection.md", page_scenes.minilm, (0, 2)),
    Story("docs/dossier.md", page_scenes.selected, (0, 0)),
    Story("docs/history.md", page_scenes.checkout, (2, 0)),
    Story("docs/policy-page.md", page_scenes.minilm, (2,)),
    Story("docs/registration.md", page_scenes.checkout, (0,)),
    Story("docs/runners.md", page_scenes.checkout, (0,)),
    Story("docs/github.md", page_scenes.exported_settings, (0,)),
    Story("docs/pull-requests.md", page_scenes.two_branches, (0,)),
    Story("docs/signing.md", page_scenes.evidence_to_sign, (0, 0, 0, 0), after={0: page_scenes.trust}),
    Story("docs/import.md", page_scenes.saebench, (0, 0), section="## SAEBench"),
    Story("docs/import.md", page_scenes.cebench, (0,), section="## CE-Bench"),
    Story("docs/import.md", page_scenes.downstream, (0, 0), section="## lm-evaluation-harness and Inspect"),
    Story("docs/import.md", page_scenes.husai, (0, 0), section="## HUSAI"),
)


@dataclass(frozen=True)
class Line:
    """A command line of a page, and the heading that it stands under."""

    page: str
    heading: str
    text: str

    @property
    def reason(self) -> str | None:
        """Why it is not run here; None where it is."""
        return next((why for entry, why in NOT_RUN.items() if self.is_listed(*entry)), None)

    def is_listed(self, page: str, begins: str) -> bool:
        """Whether an entry of `NOT_RUN` means this line."""
        return page == self.page and f"{self.text.removeprefix('gatekit ')} ".startswith(f"{begins} ")


def lines_of(path: Path) -> list[Line]:
    """Every `gatekit` command line of a page, in order."""
    page = path.relative_to(ROOT).as_posix()
    headings = [
        (opening.map[0], f"{opening.markup} {inline.content}")
        for opening, inline in zip(tokens(path), tokens(path)[1:], strict=False)
        if opening.type == "heading_open" and opening.map
    ]
    return [
        Line(page, [text for start, text in headings if start < block.line][-1], line)
        for block in code_blocks(path)
        for line in typed(block)
    ]


LINES = [line for page in READ for line in lines_of(page)]


def told(story: Story) -> list[Line]:
    """The command lines that a story runs."""
    others = {other.section for other in STORIES if other.page == story.page} - {story.section}
    own = [line for line in LINES if line.page == story.page and line.reason is None]
    return [line for line in own if (line.heading == story.section if story.section else line.heading not in others)]


def test_every_command_line_is_run_or_listed_with_the_reason() -> None:
    run_here = {line for story in STORIES for line in told(story)}
    left = [line for line in LINES if line not in run_here and line.reason is None and line.page not in FOLLOWED]
    assert left == []


def test_what_is_listed_as_not_run_is_still_there_once() -> None:
    assert [entry for entry in NOT_RUN if sum(line.is_listed(*entry) for line in LINES) != 1] == []


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_that_a_test_of_its_own_follows_is_followed_where_it_has_commands(page: str) -> None:
    followers = "".join((ROOT / path).read_text(encoding="utf-8") for path in FOLLOWED[page])
    headings = {line.heading for line in LINES if line.page == page}
    assert headings
    assert [
        heading for heading in headings if f"{heading}\n" not in followers and f'"{heading}"' not in followers
    ] == []


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[Callable[[Path], None], Path]:
    """Folders that were prepared already: pages about one scene share it, and each page is there only once."""
    made: dict[Callable[[Path], None], Path] = {}
    for number, scene in enumerate(dict.fromkeys(story.scene for story in STORIES)):
        made[scene] = tmp_path_factory.mktemp(f"scene{number}") / "repository"
    return made


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_commands_of_a_page_end_as_they_should(
    story: Story,
    scenes: dict[Callable[[Path], None], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = scenes[story.scene]
    if not folder.exists():
        story.scene(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(inputs, "datetime", ThatDay)
    commands = told(story)
    ended, said = [], []
    for place, line in enumerate(commands):
        capsys.readouterr()
        ended.append((line.text, run([re.sub("^~", str(folder.parent), word) for word in words(line.text)])))
        printed = capsys.readouterr()
        said.append(printed.err or printed.out[-300:])
        story.after.get(place, lambda *_: None)(folder, printed.out)
    assert ended == list(zip([line.text for line in commands], story.codes, strict=True)), said
