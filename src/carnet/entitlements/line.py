"""Q1: a line, the grant out of one purchase; and Q5: what its policy adds. Pure arithmetic over one line."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from carnet.entitlements.metrics import Metric
from carnet.entitlements.period import Period
from carnet.entitlements.values import (
    Fields,
    Quantity,
    Sku,
    Text,
    Time,
    Uuid,
)
from carnet.times import is_perpetual, later


class PurchaseKind(StrEnum):
    """Whether a purchase was paid for or is a trial (Q1)."""

    PURCHASED = "purchased"
    TRIAL = "trial"


class Policy(Fields, frozen=True):
    """What a line allows beyond its quantity and its end (Q5). An `overage_percent` of 0 means *deny*."""

    overage_percent: Annotated[int, Meta(ge=0, le=100)] = 0
    grace_days: Annotated[int, Meta(ge=0, le=90)] = 0


class Line(Fields, frozen=True):
    """What an OLF grants out of one purchase, with its own dates (Q1). `valid_until` is the first moment that is too
    late.

    Raises:
        ValueError: It ends before it starts, or it has a period although its metric has none.
    """

    line_id: Uuid
    sku: Sku
    name: Text
    metric: Metric
    unit: Text
    quantity: Quantity
    kind: PurchaseKind
    valid_from: Time
    valid_until: Time
    period: Period | None
    policy: Policy

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.valid_from >= self.valid_until:
            raise ValueError("a line ends before it starts")
        if self.period is not None and not self.metric.kind.is_periodic:
            raise ValueError("a line of this metric is not counted by period")

    @property
    def ends(self) -> datetime:
        """The first moment after the line, its days of grace included; at most the last second that there is."""
        return later(self.valid_until, timedelta(days=self.policy.grace_days))

    @property
    def perpetual(self) -> bool:
        """True where its end is the latest one, or beyond it in an older file (Q1)."""
        return is_perpetual(self.valid_until)

    @property
    def with_overage(self) -> int:
        """The quantity, and what the policy allows above it, rounded down."""
        return self.quantity + self.quantity * self.policy.overage_percent // 100

    def in_force(self, now: datetime) -> bool:
        """True from `valid_from` on, until `valid_until`."""
        return self.valid_from <= now < self.valid_until

    def in_grace(self, now: datetime) -> bool:
        """True from `valid_until` on, until the days of grace are over."""
        return self.valid_until <= now < self.ends

    def period_start(self, now: datetime) -> datetime | None:
        """The start of the period that `now` lies in; None for a line without periods (Q2)."""
        return self.period.containing(now) if self.period else None
