"""The page as one self-contained file: complete without its script, which only moves thresholds and looks for changes.

All text that others wrote is inert, and stands in a page whose content security policy allows its own style sheet, its
own script and pictures that are part of it, by digest, and nothing else. The script makes no markup from text.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.resources import files

from gatekit.errors import GatekitError
from gatekit.gates.sensitivity import ThresholdAnswer
from gatekit.gates.verdict import WORDS, GateResult, Outcome
from gatekit.policy.model import Combined, Gate, Rule
from gatekit.report.forest_plot import with_signs
from gatekit.report.html_page import STYLE, cell, code, error_item, heading, items, row, sentence, table, text
from gatekit.report.policy_page import controls, history
from gatekit.report.policy_page.content import PageContent, PagePolicy, short_name
from gatekit.report.policy_page.plot import LEGEND, svg
from gatekit.report.policy_page.script_values import empty_values, script_values
from gatekit.report.verdict.wording import (
    OUTCOMES,
    cells,
    gate_marks,
    headline,
    number,
    outcome_words,
    rule_marks,
)

MOST_FILES = 500
"""Summaries that are listed."""
SEEDS = 12
"""Values that are listed one by one."""


def render(content: PageContent, version: str | None = None) -> str:
    """Return the page, ending in a line feed.

    Args:
        content: what it shows.
        version: for a page that is served: what the server calls this reading of the files.
    """
    title, live = f"gatekit: {content.verdict.word}", version is not None
    return _document(title, _body(content, live), script_values(content, version), live)


def render_error(error: GatekitError, version: str) -> str:
    """Return the page of a server that cannot make one now; it looks for changes as every other."""
    said = ['<main id="main"><h1>gatekit: no page now</h1>', items([error_item(error)]), "</main>"]
    body = ["<header>", *_follow(), "</header>", *said]
    return _document("gatekit: no page now", body, empty_values(version), live=True)


def _document(title: str, body: Iterable[str], values: str, live: bool) -> str:
    folder = files("gatekit.report.policy_page")
    style = STYLE + (folder / "page.css").read_text("utf-8")
    script = f"//<![CDATA[\n{(folder / 'page.js').read_text('utf-8')}\n//]]>"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8"/>',
            f'<meta http-equiv="Content-Security-Policy" content="{content_security_policy(style, script, live)}"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            f"<title>{text(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *body,
            f'<script type="application/json" id="values">{values}</script>',
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def content_security_policy(style: str, script: str, live: bool) -> str:
    """Return what the page may do: nothing but its own style and script, and ask its own server for changes if live."""

    def digest(content: str) -> str:
        return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"

    asks = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:; {asks}"
        "base-uri 'none'; form-action 'none'"
    )


def _body(content: PageContent, live: bool) -> Iterator[str]:
    verdict = content.verdict
    outcome = {"pass": "pass", "inconclusive": "inconclusive"}.get(verdict.word, "fail")
    yield '<a class="skip" href="#main">Skip to the content</a>'
    yield f'<header>\n<div class="verdict {outcome}"><h1>gatekit: {text(verdict.word)}</h1>'
    yield f"<p>{text(headline(verdict))}</p></div>"
    yield f'<p class="quiet">Judged at {verdict.now:%Y-%m-%d %H:%M} UTC by gatekit {code(verdict.version)}.</p>'
    if live:
        yield from _follow()
    yield "<noscript><p>Without scripts no threshold can be moved here; all else is complete.</p></noscript>\n</header>"
    sections = [("policies", "Policies"), ("evidence", "Evidence"), ("history", "History")]
    if verdict.errors:
        sections.insert(0, ("errors", "Errors"))
    links = "".join(f'<li><a href="#{identifier}">{title}</a></li>' for identifier, title in sections)
    yield f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main id="main" tabindex="-1">'
    contents: dict[str, Callable[[], Iterable[str]]] = {
        "errors": lambda: [items([error_item(error) for error in verdict.errors])],
        "policies": lambda: _policies(content),
        "evidence": lambda: _evidence(content),
        "history": lambda: history.blocks(content.history),
    }
    for identifier, title in sections:
        yield f'<section id="{identifier}" aria-labelledby="{identifier}-title">'
        yield f'<h2 id="{identifier}-title">{title}</h2>'
        yield from contents[identifier]()
        yield "</section>"
    yield "</main>"


def _follow() -> Iterator[str]:
    yield '<p><input type="checkbox" id="follow" checked="checked"/> <label for="follow">Read again when a policy '
    yield 'or evidence changes</label> <span role="status" id="news"></span></p>'


def _policies(content: PageContent) -> Iterator[str]:
    yield (
        '<p class="quiet">Move a threshold to see which outcomes flip. An outcome flips where the threshold crosses '
        f"the bound; what a move would change in the policy's file is shown, and never written. {LEGEND}</p>"
    )
    first = 0
    for index, page in enumerate(content.policies):
        yield from _policy(index, page, first, is_open=len(content.policies) <= 2)
        first += len(page.thresholds)


def _policy(index: int, page: PagePolicy, first: int, is_open: bool) -> Iterator[str]:
    result = page.answers[0].result
    opened = ' open="open"' if is_open else ""
    word = WORDS[result.code]
    yield f'<details class="policy" id="policy-{text(page.policy.id)}" aria-labelledby="title-{index}"{opened}>'
    yield (
        f'<summary><h3 id="title-{index}">{code(page.policy.id)}: '
        f'<span class="{_kind(word)}" id="policy-{index}-0">{word}</span></h3></summary>'
    )
    subject = "none" if result.subject is None else code(result.subject)
    read = f"<br/>Evidence: {', '.join(map(code, result.evidence))}" if result.evidence else ""
    yield f'<p class="quiet">{code(result.path)}<br/>Subject: {subject}{read}</p>'
    if page.policy.description:
        yield f"<p>{text(page.policy.description)}</p>"
    yield items([sentence(note) for note in result.notes])
    yield _overview(index, page)
    numbers = iter(range(len(page.thresholds)))
    for position, (gate, judged) in enumerate(zip(page.policy.gates, result.gates, strict=True)):
        yield f'<section class="gate-part"><h4>{code(gate.name)}: {_gate_word(index, position, judged)}</h4>'
        if gate.description is not None:
            yield f'<p><span class="quiet">It asks:</span> {text(gate.description)}</p>'
        yield items([sentence(mark) for mark in gate_marks(judged)])
        yield from _rules(gate.rule, gate, page, first, numbers, ())
        yield "</section>"
    yield "</details>"


def _gate_word(index: int, position: int, judged: GateResult) -> str:
    word = f'<span class="{judged.outcome.value}" id="gate-{index}-{position}">{OUTCOMES[judged.outcome]}</span>'
    why = outcome_words(judged).removeprefix(OUTCOMES[judged.outcome])
    return word + text(why)


def _overview(index: int, page: PagePolicy) -> str:
    """Return the table of all evidence and all gates: what flips where."""
    rows = []
    for column, answer in enumerate(page.answers):
        word = WORDS[answer.result.code]
        named = f'<span id="name-{index}-{column}">{code(short_name(answer))}</span>'
        named += " (judged)" if answer.subject is None else f'<span class="why">{text(answer.subject)}</span>'
        found = [cell("policy", f'<span class="{_kind(word)}" id="cell-{index}-{column}">{word}</span>')]
        for position, gate in enumerate(answer.result.gates):
            outcome = gate.outcome
            said = f'<span class="{outcome.value}" id="cell-{index}-{column}-{position}">{OUTCOMES[outcome]}</span>'
            found.append(cell(text(gate.name), said))
        rows.append(row(heading(named), found))
    heads = ["evidence", "policy", *(text(gate.name) for gate in page.policy.gates)]
    caption = f"Policy {page.policy.id} on each subject's evidence"
    more = f'<p class="quiet">{page.left_out} more subjects are not shown.</p>' if page.left_out else ""
    whole = table(heads, rows, caption)
    return f'<div class="wide-table" role="region" tabindex="0" aria-label="{text(caption)}">{whole}</div>{more}'


def _rules(
    rule: Rule, gate: Gate, page: PagePolicy, first: int, numbers: Iterator[int], inside: tuple[str, ...]
) -> Iterator[str]:
    """Yield every threshold of a rule, each with the combinations that it stands in."""
    if isinstance(rule, Combined):
        for part in rule.rules:
            yield from _rules(part, gate, page, first, numbers, (*inside, rule.operator))
        return
    position = next(numbers)
    shown, answers = page.thresholds[position], [answer.thresholds[position] for answer in page.answers]
    own, identifier = answers[0], first + position
    names = [short_name(answer) for answer in page.answers]
    effect = own.result.effect
    among = f' <span class="quiet">part of {" in ".join(map(code, reversed(inside)))}</span>' if inside else ""
    yield f'<div class="threshold" role="group" aria-labelledby="threshold-{identifier}">'
    outcome = own.result.outcome
    word = f'<span class="{outcome.value}" id="outcome-{identifier}">{OUTCOMES[outcome]}</span>'
    yield f'<h5 id="threshold-{identifier}">{code(effect.name)} {text(with_signs(effect.asks))}: {word}{among}</h5>'
    why = [*([] if outcome is Outcome.PASS else [own.result.reason]), *rule_marks(own.result)]
    yield items([sentence(one) for one in why])
    yield from controls.blocks(identifier, shown, answers)
    if any(answer.compared is not None for answer in answers):
        title = f"{effect.name} {with_signs(effect.asks)}"
        yield "<figure>"
        yield from svg(identifier, title, shown.rule.limits, names, answers)
        yield "</figure>"
        yield _numbers(identifier, title, names, answers)
    yield "</div>"


def _numbers(identifier: int, title: str, names: Sequence[str], answers: Sequence[ThresholdAnswer]) -> str:
    rows = []
    for column, (name, answer) in enumerate(zip(names, answers, strict=True)):
        shown, outcome = cells(answer.result), answer.result.outcome
        why = "" if answer.compared is not None else f'<span class="why">{sentence(answer.result.reason)}</span>'
        word = f'<span class="{outcome.value}" id="answer-{identifier}-{column}">{OUTCOMES[outcome]}</span>'
        rows.append(
            row(
                heading(code(name)),
                [
                    cell("seeds", text(_seeds(answer)), "seeds"),
                    cell("estimate", text(shown.estimate), "number"),
                    cell("bound", text(_compared(answer)), "number"),
                    cell("outcome", word + why),
                ],
            )
        )
    return table(["evidence", "seeds", "estimate", "bound", "outcome"], rows, title)


def _compared(answer: ThresholdAnswer) -> str:
    """Return what the threshold is compared with: where it crosses this, the outcome flips."""
    result = answer.result
    if answer.compared is None or result.bound == "confidence" or result.bound == "optimistic":
        return cells(result).bound
    return " to ".join(number(bound) for bound in answer.compared[: 1 if result.bound == "point" else 2])


def _seeds(answer: ThresholdAnswer) -> str:
    """Return each seed's value, or how many there are and between what they lie."""
    values = answer.seeds
    if not values:
        return cells(answer.result).n
    if len(values) > SEEDS:
        return f"{len(values)}: {number(min(values))} to {number(max(values))}"
    return " ".join(number(value) for value in values)


def _evidence(content: PageContent) -> Iterator[str]:
    read = content.verdict.evidence
    rows = [
        row(
            heading(code(one.path)),
            [
                cell("kind", code(one.kind)),
                cell("status", text(one.status)),
                cell("subject", code(one.subject[:12])),
                cell("standing", text(one.standing.replace("_", " "))),
            ],
        )
        for one in read[:MOST_FILES]
    ]
    yield f"<p>{len(read)} summaries were read.</p>"
    if rows:
        yield table(["file", "kind", "status", "subject", "standing"], rows, "Evidence that was read")
    if len(read) > MOST_FILES:
        yield f'<p class="quiet">{len(read) - MOST_FILES} more are not listed.</p>'


def _kind(word: str) -> str:
    return word if word in ("pass", "inconclusive") else "fail"
