"""The kinds of product (Q1: `metric`). Each kind is one object here: how it is taken, who holds it, how it is counted,
and its words.

Nothing else names a kind: the rules, the pages and the command line ask the kind of a line for what they need to know.
So a new kind is a new member of `Metric`, and nothing more, as long as it is taken in one of the ways of `Taking`.
The names of the members' values stand in files, ledgers and CALM's database; they are never changed or used again.
The members are in the order in which every page shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Self


class Taking(StrEnum):
    """The ways in which a site grants (G2). The value is the command of the Control Room that does it."""

    ASSIGN = "user assign"
    ACQUIRE = "seat acquire"
    CONSUME = "units consume"
    CHECK = "feature check"

    @property
    def words(self) -> str:
        """The kinds of product that are taken in this way, e.g. `named user`."""
        return " or ".join(metric.words for metric in Metric if metric.kind.taking is self)


class HypotheticalUse(StrEnum):
    """What can be asked of a product on a supposed day (*what if*). The value is the stable name of the question."""

    ASSIGN = "assign"
    HOLD = "hold"
    ACQUIRE = "acquire"
    RENEW = "renew"
    GIVE_BACK = "give_back"
    CONSUME = "consume"
    CHECK = "check"


@dataclass(frozen=True, kw_only=True)
class Holders:
    """Those who hold one until they give it back. When there are too many, the earliest are covered (Q4).

    Each sentence has a form for one and a form for more. It may name `count` and `name`, the name of the product.
    """

    are_leased: bool  # each one ends unless it is renewed
    hold: tuple[str, str]
    lose: tuple[str, str]  # what a release of the site means for them

    def holding(self, count: int) -> str:
        """`1 person holds one`, `86 people hold one`."""
        return self.hold[count != 1].format(count=f"{count:,}")

    def losing(self, count: int, name: str) -> str:
        """`2 running seats of Attended Bot Runner are not renewed`."""
        return self.lose[count != 1].format(count=f"{count:,}", name=name)


@dataclass(frozen=True, kw_only=True)
class UseWords:
    """How pages speak of the use of a product. `{most}`, `{peak}` and `{granted}` are numbers in words."""

    used: str  # stands after the product's name
    all_used: str
    by_day: str  # title of the chart of days
    of_days: str  # what the columns of that chart are
    most_on_a_day: str
    lasts: str  # the forecast where nothing will run out


@dataclass(frozen=True, kw_only=True)
class MetricKind:
    """One kind of product: what the rules and the doors need to know of it."""

    taking: Taking
    holders: Holders | None  # None: it is not held
    has_quantity: bool  # False: a line of it is on (any quantity) or off (0)
    counts_units: bool  # what is taken is used up: counted by line and period (Q2), reported as consumed
    is_periodic: bool  # its units can be counted by month or year (Q2)
    owes_overage: bool  # Q5: what is taken above the quantity is owed; False: it is granted
    usual_outlook: Literal["lasts", "peak", "on"]  # on License Management, where nothing will run out
    slug: str  # in the address of License Management
    icon: str
    tab: str
    title: str  # of its group in tables of products
    counted_as: str
    one: str = ""  # what is counted; empty: the product's unit
    many: str = ""
    column: str = ""  # what a column of its numbers counts; empty: `many`, or the product's units
    when_missed: str  # what a missed deadline (E8) means for it
    use: UseWords
    questions: Mapping[HypotheticalUse, str]

    @property
    def are_leased(self) -> bool:
        """True where a holder's seat ends by itself, unless it is renewed."""
        return self.holders is not None and self.holders.are_leased

    def used(self, consumed: int, in_use: int) -> int:
        """The number that is the use of a product: `consumed` for units, `in_use` for all others."""
        return consumed if self.counts_units else in_use

    def limit(self, granted: int) -> int | None:
        """The most that one day can use; None for units, which have no limit by day."""
        return None if self.counts_units else granted

    def amount(self, quantity: int) -> str:
        """A quantity in words: `1,200`; `on` or `off` for a kind without quantities."""
        if self.has_quantity:
            return f"{quantity:,}"
        return "on" if quantity else "off"

    def counted(self, count: int, unit: str) -> str:
        """A count with its noun: `1 person`, `1,200 pages`. The catalogue has units in the singular."""
        return f"{count:,} {self.one or unit}" if count == 1 else f"{count:,} {self.many or f'{unit}s'}"

    def units(self, unit: str) -> str:
        """What a column of numbers counts: `people`, `seats`, `pages`."""
        return self.column or self.many or f"{unit}s"


_HELD = UseWords(
    used="in use",
    all_used="All in use",
    by_day="Most in use at the same time, by day",
    of_days="most at the same time, UTC days",
    most_on_a_day="Most in use on a day: {most}",
    lasts="In the last 30 days at most {peak} of {granted} were in use.",
)
_CONSUMED = UseWords(
    used="consumed in the period",
    all_used="All used",
    by_day="Units used, by day",
    of_days="UTC days",
    most_on_a_day="Most used on a day: {most}",
    lasts="At the pace of the last 30 days they last to the end.",
)
_NOTHING_NEW = "lock: nothing new is granted"


class Metric(StrEnum):
    """How a product is counted (Q1). The value stands in files, ledgers and databases; `kind` says what it means."""

    kind: MetricKind

    NAMED_USER = (
        "named_user",
        MetricKind(
            taking=Taking.ASSIGN,
            holders=Holders(
                are_leased=False,
                hold=("{count} person holds one", "{count} people hold one"),
                lose=("{count} person may not use {name} any more", "{count} people may not use {name} any more"),
            ),
            has_quantity=True,
            counts_units=False,
            is_periodic=False,
            owes_overage=False,
            usual_outlook="lasts",
            slug="users",
            icon="users",
            tab="Users",
            title="Users",
            counted_as="people, by name",
            one="person",
            many="people",
            when_missed="lock: who holds one may go on",
            use=_HELD,
            questions={HypotheticalUse.ASSIGN: "Assign a person", HypotheticalUse.HOLD: "People who hold a license"},
        ),
    )
    CONCURRENT = (
        "concurrent",
        MetricKind(
            taking=Taking.ACQUIRE,
            holders=Holders(
                are_leased=True,
                hold=("{count} seat is in use", "{count} seats are in use"),
                lose=(
                    "{count} running seat of {name} is not renewed",
                    "{count} running seats of {name} are not renewed",
                ),
            ),
            has_quantity=True,
            counts_units=False,
            is_periodic=False,
            owes_overage=False,
            usual_outlook="peak",
            slug="seats",
            icon="seats",
            tab="Seats",
            title="Seats in use at the same time",
            counted_as="seats in use at the same time",
            when_missed="lock: running seats may go on",
            use=_HELD,
            questions={
                HypotheticalUse.ACQUIRE: "Take a new seat",
                HypotheticalUse.RENEW: "Renew a running seat",
                HypotheticalUse.GIVE_BACK: "Give back a seat",
            },
        ),
    )
    CONSUMABLE = (
        "consumable",
        MetricKind(
            taking=Taking.CONSUME,
            holders=None,
            has_quantity=True,
            counts_units=True,
            is_periodic=True,
            owes_overage=True,
            usual_outlook="lasts",
            slug="volumes",
            icon="volumes",
            tab="Volumes",
            title="Volumes for the period",
            counted_as="units used",
            when_missed=_NOTHING_NEW,
            use=_CONSUMED,
            questions={HypotheticalUse.CONSUME: "Use units"},
        ),
    )
    FEATURE = (
        "feature",
        MetricKind(
            taking=Taking.CHECK,
            holders=None,
            has_quantity=False,
            counts_units=False,
            is_periodic=False,
            owes_overage=False,
            usual_outlook="on",
            slug="features",
            icon="features",
            tab="Features",
            title="Features",
            counted_as="on or off",
            one="site",
            many="sites",
            column="on or off",
            when_missed=_NOTHING_NEW,
            use=_HELD,
            questions={HypotheticalUse.CHECK: "Use a feature"},
        ),
    )

    def __new__(cls, name: str, *kind: MetricKind) -> Self:
        metric = str.__new__(cls, name)
        metric._value_ = name
        (metric.kind,) = kind
        return metric

    @property
    def words(self) -> str:
        """The value as people read it: `named user`."""
        return self.value.replace("_", " ")


def kind_of(metric: str) -> MetricKind:
    """The kind of a metric that is named in a database.

    Raises:
        ValueError: This release does not know the metric.
    """
    return Metric(metric).kind


COUNTED_IN_UNITS = tuple(metric for metric in Metric if metric.kind.counts_units)
