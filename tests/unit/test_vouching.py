"""A4: who is set apart from whom, and until when. Pure: names and times in, an answer out."""

from datetime import UTC, datetime, timedelta

import pytest

from carnet.vouching import APART, Deed, Voucher, apart, is_same

pytestmark = pytest.mark.security
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
ANN_ADDS_CY = [Voucher("ann", "cy", NOW), Voucher("bo", "cy", NOW)]


@pytest.mark.rule("A4")
def test_two_who_know_nothing_of_each_other_are_two() -> None:
    assert apart("ann", "bo", ANN_ADDS_CY, [], NOW) is None


@pytest.mark.rule("A4")
@pytest.mark.parametrize("pair", [("ann", "cy"), ("cy", "ann"), ("bo", "cy"), (" CY ", "Bo")])
def test_who_vouched_and_whom_for_are_apart_whichever_of_them_asks(pair: tuple[str, str]) -> None:
    for later in (0 * DAY, 29 * DAY, APART - SECOND, APART, 400 * DAY):
        assert apart(*pair, ANN_ADDS_CY, [], NOW + later)


@pytest.mark.rule("A4")
def test_neither_thirty_days_alone_nor_acts_with_others_alone_bring_them_together() -> None:
    deeds = [Deed("cy", "dee", NOW + DAY), Deed("ann", "bo", NOW + DAY)]
    assert apart("ann", "cy", ANN_ADDS_CY, deeds, NOW + APART - SECOND)
    assert apart("ann", "cy", ANN_ADDS_CY, deeds, NOW + APART) is None
    for one in deeds:
        assert apart("ann", "cy", ANN_ADDS_CY, [one], NOW + APART)


@pytest.mark.rule("A4")
def test_what_was_done_before_or_by_the_two_themselves_does_not_count() -> None:
    before = [Deed("cy", "dee", NOW), Deed("ann", "bo", NOW - DAY)]
    own = [Deed("ann", "cy", NOW + DAY), Deed("cy", "ann", NOW + DAY)]
    assert apart("ann", "cy", ANN_ADDS_CY, [*before, *own], NOW + APART)


@pytest.mark.rule("A4")
def test_two_whom_the_same_person_let_in_are_apart_for_thirty_days() -> None:
    found = [*ANN_ADDS_CY, Voucher("ann", "dee", NOW + DAY)]
    assert apart("cy", "dee", found, [], NOW + DAY)
    assert apart("dee", "cy", found, [], NOW + APART - SECOND)
    assert apart("cy", "dee", found, [], NOW + APART) is None


@pytest.mark.rule("A4")
def test_the_machine_ends_what_stood_until_then_and_nothing_later() -> None:
    vouched = [*ANN_ADDS_CY, Voucher("", "cy", NOW + DAY)]
    assert apart("ann", "cy", vouched, [], NOW + DAY) is None
    assert apart("ann", "cy", [*vouched, Voucher("ann", "cy", NOW + 2 * DAY)], [], NOW + 2 * DAY)
    assert apart("ann", "cy", [*ANN_ADDS_CY, Voucher("", "ann", NOW + DAY)], [], NOW + DAY)


@pytest.mark.rule("A4")
def test_case_and_blanks_make_nobody_two() -> None:
    assert is_same(" Ann@Example.com", "ann@example.com ")
    assert not is_same("ann", "anna")
