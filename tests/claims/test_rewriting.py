"""`sync`: only bound numbers change, all of a document or none, and what is synced is what `check` accepts."""

from __future__ import annotations

import builders
import pytest
from claims.registered import (
    FILE,
    MORE,
    NOW,
    README,
    REGISTRY,
    evidence,
    more,
    policy,
    readme,
    registry,
    summaries,
    summary,
    value,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gatekit.claims import ClaimsDocument, check, parse_document, rewrite
from gatekit.exit_codes import ExitCode

GIVEN = summaries()


def test_only_the_printed_numbers_change() -> None:
    stale = README.replace("+0.2100", "+0.1").replace("0.83", "77777")
    result = rewrite(readme(stale), GIVEN)
    assert result.data == README.encode()
    assert [(change.before, change.after) for change in result.changes] == [
        ("+0.1", "+0.2100"),
        ("77777", "0.83"),
    ]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends_and_every_other_byte_stay(end: str) -> None:
    wanted = f"\u00e4\u2028 \t {README}  \n\n\x0c\U0001f600".replace("\n", end)
    stale = wanted.replace("+0.2100", "+9").replace("0.83", "")
    assert rewrite(parse_document(stale.encode(), "README.md"), GIVEN).data == wanted.encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0", "-0.2100"),
        ("-0.1", "-0.2100"),
        ("\u22120.1", "\u22120.2100"),
        (" 0 \n", " -0.2100 \n"),
        ("", "-0.2100"),
        ("  ", "  -0.2100"),
    ],
)
def test_the_space_around_a_number_and_its_kind_of_minus_stay(old: str, new: str) -> None:
    worse = summaries(pw_mcc_above_control=(builders.around(0.41, 0.02, 10), builders.around(0.62, 0.01, 10)))
    arguments = f"{FILE} pw_mcc_above_control estimate .4f"
    assert rewrite(readme(value(arguments, old)), worse).data == value(arguments, new).encode()


@pytest.mark.parametrize(
    "bad", [value("evidence/none.json r2 estimate .2f"), value("nonsense"), "<!-- gatekit:claim a -->"]
)
def test_a_document_with_anything_that_does_not_resolve_stays_as_it_is(bad: str) -> None:
    stale = README.replace("0.83", "0.9") + "\n" + bad
    result = rewrite(readme(stale), GIVEN)
    assert (result.data, result.changes) == (stale.encode(), ())
    assert len(result.errors) == 1


FORMATS = st.sampled_from([".2f", "+.4f", ".1%", "+.0%", ".3e", ",.2f", ".0f"])
STATISTICS = st.sampled_from(
    [
        "estimate",
        "candidate",
        "baseline",
        "n",
        "lower",
        "upper@0.99",
        "obs[seed_a=0,seed_b=1]",
        "baseline[seed_a=1,seed_b=3]",
    ]
)
PROSE = st.text(st.sampled_from("ab \n\r\t.|*#-0123%$\u2212\u00e4"), max_size=12)
PRINTED = st.text(st.sampled_from("0123456789.+-,% e\u2212ab*"), max_size=10)
# Steps of 1e-6: differences too small to be squared are refused by the bounds themselves.
VALUES = st.lists(st.integers(0, 10**6).map(lambda n: n / 10**6), min_size=10, max_size=10)


@st.composite
def markdown_documents(draw: st.DrawFn) -> str:
    pieces = [draw(PROSE)]
    for _ in range(draw(st.integers(1, 4))):
        arguments = f"{FILE} pw_mcc_above_control {draw(STATISTICS)} {draw(FORMATS)}"
        pieces += ["x ", value(arguments, draw(PRINTED)), " ", draw(PROSE)]
    return "".join(pieces)


def outside(document: ClaimsDocument) -> list[str]:
    """Everything between the printed numbers."""
    ends = [0, *(end for value in document.values for end in value.span), len(document.text)]
    return [document.text[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True)]


@settings(deadline=None, max_examples=120)
@given(text=markdown_documents(), candidate=VALUES, baseline=VALUES)
def test_what_is_synced_is_accepted_and_syncing_again_changes_nothing(
    text: str, candidate: list[float], baseline: list[float]
) -> None:
    given_evidence = summaries(pw_mcc_above_control=(candidate, baseline))
    name = "README.md"
    document = parse_document(text.encode(), name)
    assume(not document.errors)
    assert document.values
    first = rewrite(document, given_evidence)
    assert first.errors == ()
    synced = parse_document(first.data, name)
    assert outside(synced) == outside(document)
    numbers = check(registry(), [synced], [policy()], given_evidence, NOW).findings
    assert [f for f in numbers if f.error_id in ("claims.number", "claims.empty")] == []
    again = rewrite(synced, given_evidence)
    assert (again.data, again.changes) == (first.data, ())


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_any_edit_of_a_bound_number_is_found(data: st.DataObject) -> None:
    document = readme(README) if data.draw(st.booleans()) else more(MORE)
    binding = data.draw(st.sampled_from(document.values))
    start, end = binding.span
    at = data.draw(st.integers(start, end))
    kept = data.draw(st.integers(at, end))
    edited = (
        document.text[:at] + data.draw(st.text(st.sampled_from("0123456789.+-,%eE"), max_size=3)) + document.text[kept:]
    )
    changed = parse_document(edited.encode(), document.path)
    assume([value.printed for value in changed.values] != [value.printed for value in document.values])
    result = check(registry(), [changed], [policy()], GIVEN, NOW)
    assert result.code in (ExitCode.BLOCKED, ExitCode.REFUSED)
    assert any(f.location is not None and f.location.line == binding.location.line for f in result.findings)


@settings(deadline=None, max_examples=60)
@given(shift=st.floats(-0.3, 0.3).filter(lambda x: abs(x) >= 0.0001))
def test_evidence_that_moves_by_more_than_the_printed_precision_is_found(shift: float) -> None:
    moved = [0.62 + shift] * 10
    document = evidence(pw_mcc_above_control=(moved, [0.41] * 10))
    result = check(registry(), [readme()], [policy()], {FILE: summary(document)}, NOW)
    assert "claims.number" in [f.error_id for f in result.findings]


@pytest.mark.parametrize(
    ("block", "wanted"),
    [
        ("<!-- gatekit:claim a -->\nIt holds.\n<!-- /gatekit:claim -->\n", "\n**{}** It holds.\n"),
        ("<!-- gatekit:claim a -->It holds.<!-- /gatekit:claim -->\n", " -->{} It holds.<"),
        ("<!-- gatekit:claim a -->\n**It** holds.\n<!-- /gatekit:claim -->\n", "\n**{}** **It** holds.\n"),
        ("<!-- gatekit:claim a -->\n\n- It holds.\n\n<!-- /gatekit:claim -->\n", "\n- **{}** It holds.\n"),
        ("<!-- gatekit:claim a -->\n> It holds.\n<!-- /gatekit:claim -->\n", "\n> **{}** It holds.\n"),
    ],
    ids=["own lines", "one line of HTML", "emphasis", "list", "quote"],
)
def test_sync_puts_the_status_before_a_sentence_that_is_not_supported(block: str, wanted: str) -> None:
    claims = registry(REGISTRY.replace("agree", "a", 1).replace("status: supported", "status: not_supported"))
    document = readme(block)
    assert document.errors == ()
    first = rewrite(document, {}, claims)
    assert first.errors == ()
    marked = "<!-- gatekit:status -->Not supported by the evidence:<!-- /gatekit:status -->"
    assert wanted.format(marked) in first.data.decode()
    after = readme(first.data.decode())
    assert after.blocks[0].sentence == document.blocks[0].sentence == "It holds."
    assert rewrite(after, {}, claims).changes == ()


def test_sync_changes_a_status_that_is_there() -> None:
    marked = "**<!-- gatekit:status -->Not supported by the evidence:<!-- /gatekit:status -->** It holds."
    document = readme(f"<!-- gatekit:claim agree -->\n{marked}\n<!-- /gatekit:claim -->\n")
    done = rewrite(document, {}, registry())
    assert "**<!-- gatekit:status -->Supported by the evidence:<!--" in done.data.decode()
