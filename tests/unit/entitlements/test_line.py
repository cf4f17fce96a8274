"""Q1 and Q5: what one line grants, and when."""

from datetime import timedelta

import msgspec
import pytest

from carnet.entitlements import (
    MAX_QUANTITY,
    Line,
    Metric,
    Policy,
)
from tests.vectors.samples import NOW, YEAR_END, make_line

SECOND = timedelta(seconds=1)
PAGES = 5  # a consumable


def edited(line: Line, **changes: object) -> Line:
    """The line as a file would bring it, with other values."""
    fields = msgspec.to_builtins(line) | changes
    return msgspec.convert(fields, Line)


@pytest.mark.rule("Q1")
def test_a_line_holds_from_its_start_until_just_before_its_end() -> None:
    line = make_line(0, valid_from=NOW, valid_until=YEAR_END)
    assert not line.in_force(NOW - SECOND)
    assert line.in_force(NOW)
    assert line.in_force(YEAR_END - SECOND)
    assert not line.in_force(YEAR_END)


@pytest.mark.rule("Q5")
def test_grace_starts_at_the_end_and_has_an_end() -> None:
    line = make_line(0, valid_until=YEAR_END, policy=Policy(grace_days=14))
    assert not line.in_grace(YEAR_END - SECOND)
    assert line.in_grace(YEAR_END)
    assert line.in_grace(YEAR_END + timedelta(days=14) - SECOND)
    assert not line.in_grace(YEAR_END + timedelta(days=14))
    assert line.ends == YEAR_END + timedelta(days=14)


@pytest.mark.rule("Q5")
def test_without_grace_the_end_is_the_end() -> None:
    assert not make_line(0).in_grace(YEAR_END)
    assert make_line(0).ends == YEAR_END


@pytest.mark.rule("Q5")
@pytest.mark.parametrize(("quantity", "percent", "most"), [(100, 0, 100), (100, 10, 110), (9, 10, 9), (10, 10, 11)])
def test_overage_is_rounded_down(quantity: int, percent: int, most: int) -> None:
    line = make_line(PAGES, quantity=quantity, policy=Policy(overage_percent=percent))
    assert line.with_overage == most


@pytest.mark.rule("Q1")
@pytest.mark.parametrize(
    "changes",
    [
        {"valid_until": "2026-11-24T00:00:00Z"},
        {"valid_until": "2026-11-23T00:00:00Z"},
        {"quantity": -1},
        {"quantity": MAX_QUANTITY + 1},
        {"quantity": 1.5},
        {"quantity": True},
        {"valid_from": "2026-11-24T00:00:00.5Z"},
        {"valid_from": "2026-11-24T00:00:00+02:00"},
        {"valid_from": "2026-11-24T00:00:00"},
        {"period": {"unit": "month", "from": "2026-11-24T00:00:00Z"}},  # of a line of users
        {"sku": "Bot Creator"},
        {"name": "Bot\u0000Creator"},
        {"name": "Bot\u202ecreator"},
        {"name": "Cre\u0301ateur"},
        {"line_id": "019A0000-0000-7000-8000-000000000000"},
        {"policy": {"overage_percent": 101, "grace_days": 0}},
        {"policy": {"overage_percent": 0, "grace_days": 91}},
        {"metric": "seats"},
        {"kind": "gift"},
        {"colour": "blue"},
    ],
)
def test_what_is_no_line_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        edited(make_line(0), **changes)


@pytest.mark.rule("Q2")
def test_only_a_line_with_a_period_has_one() -> None:
    assert make_line(0).period_start(NOW) is None
    assert make_line(PAGES).period_start(NOW) == NOW.replace(hour=0)
    assert make_line(PAGES).metric is Metric.CONSUMABLE
