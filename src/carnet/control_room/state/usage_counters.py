"""What the pages show of use: for each product, by day and by hour, counted as it happens and never by a scan.

Only products that a license here named have one, so that callers cannot make it grow; each is bounded by so many days
and hours in which anything happened. Counting by entries, and not by age, is on purpose: a clock that is set years
ahead by mistake must not wipe out what was (T3).
"""

from datetime import UTC, datetime, timedelta

import msgspec

from carnet.times import later

DAYS_KEPT = 400
HOURS_KEPT = 7 * 24 + 1  # the last seven days, and the hour that runs
EPOCH = datetime(1, 1, 1, tzinfo=UTC)


class UsageCounter(msgspec.Struct):
    peak: int = 0  # the most users or seats in use at once
    granted: int = 0  # how often something was taken: a seat, a user, units
    refused: int = 0
    consumed: int = 0  # units
    in_use: int = 0  # at its end, which is where the next one begins

    def add(self, later: "UsageCounter") -> None:
        self.peak = max(self.peak, later.peak)
        self.granted += later.granted
        self.refused += later.refused
        self.consumed += later.consumed
        self.in_use = later.in_use


class UsageCounters(msgspec.Struct):
    """Of one product. Days are numbered from the first day of the calendar (1), hours likewise from its midnight."""

    since: datetime  # from when on it could be used here
    in_use: int = 0
    days: dict[int, UsageCounter] = {}
    hours: dict[int, UsageCounter] = {}

    def note(self, at: datetime, granted: int = 0, refused: int = 0, consumed: int = 0) -> None:
        for tally in self._at(at):
            tally.granted += granted
            tally.refused += refused
            tally.consumed += consumed

    def using(self, at: datetime, in_use: int, before: int, granted: int = 0) -> None:
        """So many are in use from now on, and were just before: what had ended unseen is in no day that begins now."""
        self.in_use = min(self.in_use, before)
        for tally in self._at(at):
            tally.granted += granted
            tally.in_use = in_use
            if in_use > tally.peak:
                tally.peak = in_use
        self.in_use = in_use

    def go_back(self, to: datetime) -> None:
        """T3: what was counted under times that are given up happened in the day and hour that they become."""
        self.since = min(self.since, to)
        for tallies, now in ((self.days, day_of(to)), (self.hours, hour_of(to))):
            for ahead in sorted(key for key in tallies if key > now):
                tallies.setdefault(now, UsageCounter()).add(tallies.pop(ahead))

    def _at(self, at: datetime) -> tuple[UsageCounter, UsageCounter]:
        number = at.toordinal()
        day, hour = self.days.get(number), self.hours.get(number * 24 + at.hour)
        if day is None:
            day = self._begin(self.days, number, DAYS_KEPT)
        if hour is None:
            hour = self._begin(self.hours, number * 24 + at.hour, HOURS_KEPT)
        return day, hour

    def _begin(self, tallies: dict[int, UsageCounter], number: int, most: int) -> UsageCounter:
        while len(tallies) >= most:
            del tallies[min(tallies)]
        tallies[number] = tally = UsageCounter(peak=self.in_use, in_use=self.in_use)
        return tally


def day_of(at: datetime) -> int:
    return at.toordinal()


def hour_of(at: datetime) -> int:
    return at.toordinal() * 24 + at.hour


def start_of_day(number: int) -> datetime:
    return later(EPOCH, timedelta(days=number - 1))


def start_of_hour(number: int) -> datetime:
    return later(EPOCH, timedelta(hours=number - 24))
