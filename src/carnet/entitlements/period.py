"""Q2: the months or years by which a consumable is counted. They start with the purchase: no OLF moves them."""

from calendar import monthrange
from datetime import MAXYEAR, datetime
from enum import StrEnum

import msgspec

from carnet.entitlements.values import Fields, Time
from carnet.times import LAST


class PeriodUnit(StrEnum):
    """How long a period is."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        """1 or 12."""
        return 1 if self is PeriodUnit.MONTH else 12


class Period(Fields, frozen=True):
    """One period after the other, from `start` on: the start of the purchase, `from` in a file."""

    unit: PeriodUnit
    start: Time = msgspec.field(name="from")

    def containing(self, now: datetime) -> datetime:
        """The start of the period that `now` lies in; the start of the first one for any time before it."""
        return self._beginning(self._number(now))

    def following(self, now: datetime) -> datetime:
        """The start of the period after the one that `now` lies in."""
        return self._beginning(self._number(now) + 1)

    def _number(self, now: datetime) -> int:
        elapsed = (now.year - self.start.year) * 12 + now.month - self.start.month
        number = max(0, elapsed // self.unit.months)
        if number and self._beginning(number) > now:
            number -= 1
        return number

    def _beginning(self, number: int) -> datetime:
        """A period that would begin on a day its month lacks (a leap day, a 31st) begins on the last that it has; one
        that would begin after the calendar, in the last second that there is."""
        months = self.start.month - 1 + number * self.unit.months
        year, month = self.start.year + months // 12, months % 12 + 1
        if year > MAXYEAR:
            return LAST
        return self.start.replace(year=year, month=month, day=min(self.start.day, monthrange(year, month)[1]))
