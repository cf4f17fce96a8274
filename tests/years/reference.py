"""What is true of thirty years, in plain dicts and simple arithmetic: purchases, what each site was granted out of
them, who holds it, and what was consumed. It knows the rules from `docs/rules.md` (Q1, Q2, Q4, H1 to H4, E11, E12, S)
and imports nothing of the product.

A line is named by its enrolment and its purchase. Of a product of units there is no period here, no overage, no grace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

MARGIN = timedelta(days=30)  # H2: after its end a line that nothing was said of is held for so long
EXPIRING = timedelta(days=30)  # S
Line = tuple[int, str]  # enrolment, purchase


@dataclass(frozen=True)
class Bought:
    sku: str
    units: bool  # they are consumed; else they are held by people
    quantity: int
    start: datetime
    end: datetime


@dataclass
class SiteTruth:
    enrolment: int = 0
    installed: dict[str, int] = field(default_factory=dict)  # by purchase
    people: list[str] = field(default_factory=list)  # who hold the product of people, the earliest first
    consumed: dict[Line, int] = field(default_factory=dict)
    charged: dict[Line, int] = field(default_factory=dict)  # H2: what CALM treats as out
    unknown: set[Line] = field(default_factory=set)  # L6: CALM forgot the last word on them, and the site did too
    released: bool = False


class Truth:
    def __repr__(self) -> str:
        return f"{self.sites} {self.spent}"

    def __init__(self) -> None:
        self.bought: dict[str, Bought] = {}
        self.sites: dict[str, SiteTruth] = {}
        self.spent: dict[str, int] = {}  # by purchase, for good (H4)

    # --- what happens -------------------------------------------------------------------------------------------

    def enrol(self, site: str) -> None:
        truth = self.sites.setdefault(site, SiteTruth())
        truth.enrolment, truth.installed, truth.released = truth.enrolment + 1, {}, False

    def asked(self, site: str, now: datetime) -> None:
        """An LFR of this moment was taken: it is the last word on each line that ended, or was left out. What was
        consumed of it stays with the site as long as its enrolment."""
        truth = self.sites[site]
        for line in list(truth.charged):
            is_in = line[0] == truth.enrolment and line[1] in truth.installed
            if line not in truth.unknown and (self.bought[line[1]].end <= now or not is_in):
                truth.charged[line] = truth.consumed.get(line, 0)

    def _spend(self, purchase: str, units: int) -> None:
        self.spent[purchase] = self.spent.get(purchase, 0) + units

    def granted(self, site: str, lines: dict[str, int]) -> None:
        """Issued, installed, and the receipt taken: units that were left out stay charged until the next LFR."""
        truth = self.sites[site]
        for purchase in truth.installed:
            line = (truth.enrolment, purchase)
            if not self.bought[purchase].units and purchase not in lines:
                truth.charged.pop(line, None)
        for purchase, quantity in lines.items():
            truth.charged[truth.enrolment, purchase] = quantity
        truth.installed = dict(lines)

    def consume(self, site: str, units: int, now: datetime) -> None:
        """Q2: out of the line that ends soonest."""
        truth = self.sites[site]
        for purchase in sorted(self._counted(site, now, units=True), key=lambda each: self.bought[each].end):
            line = (truth.enrolment, purchase)
            part = min(units, truth.installed[purchase] - truth.consumed.get(line, 0))
            truth.consumed[line] = truth.consumed.get(line, 0) + part
            units -= part
        assert units == 0, "the script consumes no more than is left"

    def release(self, site: str) -> None:
        """E11: what was not consumed comes back."""
        truth = self.sites[site]
        for line, quantity in truth.charged.items():
            self._spend(line[1], quantity if line in truth.unknown else truth.consumed.get(line, 0))
        truth.charged, truth.installed, truth.released = {}, {}, True

    def forgotten(self, site: str, before: dict[Line, int], now: datetime) -> None:
        """L6: CALM was put back to when `before` was charged. Of a line that was settled since nobody states a total
        any more (Q3): it is held in full, out of a purchase that is over."""
        truth = self.sites[site]
        for line, quantity in before.items():
            bought = self.bought[line[1]]
            if bought.units and bought.end <= now and truth.charged.get(line) != quantity:
                truth.charged[line] = quantity
                truth.unknown.add(line)

    def write_off(self, site: str) -> None:
        """E12: nothing of its units comes back, and it is a site no more."""
        truth = self.sites.pop(site)
        for (_, purchase), quantity in truth.charged.items():
            if self.bought[purchase].units:
                self._spend(purchase, quantity)

    # --- what is true at the site -------------------------------------------------------------------------------

    def _counted(self, site: str, now: datetime, *, units: bool) -> list[str]:
        found = self.sites[site].installed
        kinds = {purchase: self.bought[purchase] for purchase in found}
        return [one for one, each in kinds.items() if each.units == units and each.start <= now < each.end]

    def grant(self, site: str, now: datetime, *, units: bool) -> int:
        return sum(self.sites[site].installed[one] for one in self._counted(site, now, units=units))

    def left(self, site: str, now: datetime, *, units: bool) -> int:
        truth, grant = self.sites[site], self.grant(site, now, units=units)
        if not units:
            return max(0, grant - len(truth.people))
        return grant - sum(
            truth.consumed.get((truth.enrolment, one), 0) for one in self._counted(site, now, units=True)
        )

    def covered(self, site: str, now: datetime) -> list[str]:
        """Q4: the earliest acquired."""
        return self.sites[site].people[: self.grant(site, now, units=False)]

    def changes(self, site: str, now: datetime, *, units: bool) -> list[tuple[datetime, int, int]]:
        """All that is still to come: when, from how many, to how many."""
        mine = [self.bought[one] for one in self.sites[site].installed if self.bought[one].units == units]
        found, before = [], self.grant(site, now, units=units)
        for moment in sorted({at for each in mine for at in (each.start, each.end) if at > now}):
            after = self.grant(site, moment, units=units)
            if after != before:
                found.append((moment, before, after))
            before = after
        return found

    def ends(self, site: str) -> datetime:
        return max(self.bought[one].end for one in self.sites[site].installed)

    def state(self, site: str, now: datetime) -> str:
        truth = self.sites[site]
        if truth.released:
            return "released"
        if not truth.installed:
            return "enabled"
        left = self.ends(site) - now
        return "expired" if left <= timedelta() else "expiring" if left <= EXPIRING else "active"

    # --- what is true at CALM -----------------------------------------------------------------------------------

    def held(self, now: datetime, site: str = "") -> dict[str, int]:
        """By purchase; of one site, or of all."""
        found: dict[str, int] = {}
        for name, truth in self.sites.items():
            for (_, purchase), quantity in truth.charged.items():
                each = self.bought[purchase]
                if quantity and site in ("", name) and (each.units or now < each.end + MARGIN):
                    found[purchase] = found.get(purchase, 0) + quantity
        return found

    def books(self, now: datetime) -> dict[str, tuple[int, int, int]]:
        """By purchase: held, spent, and left to give. H1 is asked of the truth itself."""
        held, found = self.held(now), {}
        for purchase, each in self.bought.items():
            out, spent = held.get(purchase, 0), self.spent.get(purchase, 0)
            assert out + spent <= each.quantity, (purchase, out, spent)
            found[purchase] = (out, spent, each.quantity - out - spent)
        return found
