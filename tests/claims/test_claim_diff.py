"""What a change does to claims: asserting more, or something else, makes gates blocking; withdrawing never does."""

from __future__ import annotations

import pytest
from claims.registered import FILE, MORE, README, REGISTRY, more, readme, registry, value

from gatekit.claims import ClaimChange, claim_changes
from gatekit.claims.claim_change import SideBySide

SECOND = """\
  - id: second
    sentence: Another.
    status: pending
    policy: small
    gates: [good]
"""


def changes(
    base: str | None = REGISTRY, head: str | None = REGISTRY, base_readme: str = README, head_readme: str = README
) -> list[ClaimChange]:
    return claim_changes(
        None if base is None else registry(base),
        None if head is None else registry(head),
        [readme(base_readme), more()],
        [readme(head_readme), more()],
    )


def told(found: list[ClaimChange]) -> list[tuple[str, str | None, bool]]:
    return [(change.kind, change.claim, change.blocking) for change in found]


def test_no_change_is_no_change_wherever_things_stand() -> None:
    moved = README.partition("| measure")
    assert changes(head_readme="\n\n# More\n\n" + moved[1] + moved[2] + "\n" + moved[0]) == []
    assert changes(head=REGISTRY.replace("status: supported\n", "status:   supported # x\n")) == []


@pytest.mark.parametrize(("status", "blocking"), [("supported", True), ("pending", False), ("not_supported", False)])
def test_an_added_claim_blocks_only_where_it_is_called_supported(status: str, blocking: bool) -> None:
    (change,) = changes(head=REGISTRY + SECOND.replace("pending", status))
    assert told([change]) == [("added", "second", blocking)]
    assert str(change.location) == "claims.yaml:13:9"
    assert change.makes_blocking == (("second",) if blocking else ())


def test_every_claim_of_a_new_registry_is_added() -> None:
    found = changes(base=None, base_readme="# Seeds\n")
    assert ("added", "agree", True) in told(found)
    assert "rules_changed" not in {change.kind for change in found}


def test_a_removed_claim_never_blocks() -> None:
    assert told(changes(base=REGISTRY + SECOND)) == [("removed", "second", False)]
    found = changes(head=None, head_readme="# Seeds\n")
    assert ("removed", "agree", False) in told(found)
    assert found[-1].kind == "rules_changed"
    assert not any(change.blocking for change in found)


@pytest.mark.parametrize(
    ("before", "after", "kind", "blocking"),
    [
        ("pending", "supported", "strengthened", True),
        ("not_supported", "supported", "strengthened", True),
        ("not_supported", "pending", "strengthened", False),
        ("supported", "pending", "weakened", False),
        ("supported", "not_supported", "weakened", False),
        ("pending", "not_supported", "weakened", False),
    ],
)
def test_a_status_is_strengthened_towards_supported(before: str, after: str, kind: str, blocking: bool) -> None:
    found = changes(REGISTRY.replace("supported", before, 1), REGISTRY.replace("supported", after, 1))
    assert told(found) == [(kind, "agree", blocking)]
    assert str(found[0].location) == "claims.yaml:10:13"


@pytest.mark.parametrize(
    ("old", "new", "kind", "said"),
    [
        ("gates: [above, good]", "gates: [good]", "strengthened", "no longer needs gate 'above'"),
        ("policy: small", "policy: other", "strengthened", "policy 'small' becomes 'other'"),
        ("good]\n", "good]\n    evidence: [a]\n", "strengthened", "stands on a instead of all evidence"),
        ("agree more", "agree much more", "sentence_changed", "Five SAEs agree much more"),
        ("by {} on", "by 0.2 on", "sentence_changed", "by 0.2 on"),
    ],
)
def test_needing_less_or_saying_something_else_blocks_a_supported_claim(
    old: str, new: str, kind: str, said: str
) -> None:
    (change,) = changes(head=REGISTRY.replace(old, new))
    assert told([change]) == [(kind, "agree", True)]
    assert change.sides is not None and change.sides.base != change.sides.head
    assert said in (change.sides.head if kind == "sentence_changed" else change.message)
    pending = REGISTRY.replace("supported", "pending", 1)
    assert told(changes(pending, pending.replace(old, new))) == [(kind, "agree", False)]


def test_swapping_a_gate_for_another_is_needing_less() -> None:
    found = changes(head=REGISTRY.replace("[above, good]", "[good, perfect]"))
    assert [change.sides for change in found] == [SideBySide("gates", "above, good", "good, perfect"), None]
    assert told(found) == [("strengthened", "agree", True), ("tightened", "agree", False)]


def test_needing_more_does_not_block() -> None:
    assert told(changes(head=REGISTRY.replace("good]", "good, perfect]"))) == [("tightened", "agree", False)]


@pytest.mark.parametrize("new", ["Five   SAEs", "Five **SAEs**"])
def test_emphasis_and_line_ends_are_no_change_of_a_sentence(new: str) -> None:
    assert changes(head=REGISTRY.replace("Five SAEs", new)) == []


def test_an_edited_number_of_a_supported_claim_blocks_it() -> None:
    (change,) = changes(head_readme=README.replace("+0.2100", "+0.3100"))
    assert told([change]) == [("number_changed", "agree", True)]
    assert str(change.location) == "README.md:5:85"
    assert "said +0.2100, says +0.3100" in change.message
    weakened = REGISTRY.replace("supported", "not_supported", 1)
    found = changes(head=weakened, head_readme=README.replace("+0.2100", "+0.3100"))
    assert told(found) == [("weakened", "agree", False), ("number_changed", "agree", False)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (FILE, "evidence/other.json"),
        ("pw_mcc_above_control", "pw_mcc_above_untrained"),
        ("estimate +.4f", "upper +.4f"),
        ("estimate +.4f", "estimate +.3f"),
    ],
)
def test_a_number_bound_to_something_else_is_a_changed_number_even_with_the_same_text(old: str, new: str) -> None:
    (change,) = changes(head_readme=README.replace(old, new, 1))
    assert told([change]) == [("number_changed", "agree", True)]
    assert "instead of" in change.message


def test_a_rebound_number_is_shown_as_it_was_and_as_it_is() -> None:
    (change,) = changes(head_readme=README.replace("estimate +.4f", "upper +.4f", 1))
    shows = f"+0.2100 is {FILE} pw_mcc_above_control"
    assert change.sides == SideBySide("number", f"{shows} estimate", f"{shows} upper")
    (change,) = changes(head_readme=README.replace("estimate +.4f", "estimate +.3f", 1))
    assert change.sides is None  # the same number, written otherwise


def test_numbers_that_stand_in_each_others_place_are_a_change_of_their_claim() -> None:
    first, second = (value(f"{FILE} r2 {statistic} .2f", "0.83") for statistic in ("estimate", "lower"))
    block = "<!-- gatekit:claim agree -->\nFrom {} to {}.\n<!-- /gatekit:claim -->\n"
    before, after = (block.replace("{}", "%s") % pair for pair in ((first, second), (second, first)))
    (change,) = changes(base_readme=before, head_readme=after)
    assert told([change]) == [("number_changed", "agree", True)]
    assert change.sides is not None and change.sides.head.startswith(f"0.83 is {FILE} r2 lower;")
    assert changes(base_readme=before, head_readme="Intro.\n\n" + before) == []


def test_a_number_outside_every_claim_speaks_for_the_supported_claims_on_its_evidence() -> None:
    edited = README.replace("0.83", "0.84")
    (change,) = changes(head_readme=edited)
    assert (change.claim, change.makes_blocking) == (None, ("agree",))
    elsewhere = REGISTRY + "    evidence: [evidence/other]\n"
    (change,) = changes(elsewhere, elsewhere, head_readme=edited)
    assert (change.claim, change.makes_blocking) == (None, ())


def test_a_new_number_is_a_change_and_a_withdrawn_one_does_not_block() -> None:
    more = README + value(f"{FILE} r2 lower .2f", "0.82")
    (change,) = changes(head_readme=more)
    assert told([change]) == [("number_changed", None, True)]
    (change,) = changes(base_readme=more)
    assert told([change]) == [("number_changed", None, False)]
    assert "no longer bound" in change.message


def test_a_number_that_loses_its_binding_but_stays_blocks() -> None:
    bound = value(f"{FILE} r2 estimate .2f", "0.83")
    assert bound in README
    (change,) = changes(head_readme=README.replace(bound, "0.83"))
    assert told([change]) == [("number_changed", None, True)]
    assert "no longer bound, but 0.83 still stands there" in change.message


def test_a_deleted_document_withdraws_its_numbers() -> None:
    found = claim_changes(registry(), registry(), [readme(), more()], [readme()])
    assert told(found) == [("number_changed", "agree", False), ("document_removed", None, False)]
    assert [change.location and change.location.path for change in found] == ["docs/more.md", "docs/more.md"]
    assert MORE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("claim_language: error", "claim_language: warn"),
        ("unregistered_numbers: warn", 'unregistered_numbers: "off"'),
        ("[README.md, ", "["),
    ],
)
def test_changed_rules_are_told_apart_from_changed_claims(old: str, new: str) -> None:
    found = changes(head=REGISTRY.replace(old, new))
    assert told(found) == [("rules_changed", None, False)]
    assert str(found[0].location) == "claims.yaml:4:3"
