"""G2: features. Present or absent; a locked site still answers (E8)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from carnet.control_room.rules.decision import Question, View
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.granting.preconditions import may_serve, no_longer_granted, product_of
from carnet.control_room.state.state import State
from carnet.entitlements import Line, Taking
from carnet.exchange.verdicts import Refusal
from carnet.times import is_perpetual


@dataclass(frozen=True)
class FeatureAnswer:
    sku: str
    name: str
    granted: bool
    valid_until: datetime
    perpetual: bool = False  # Q1


def check_feature(state: State, sku: str, now: datetime) -> FeatureAnswer | Refusal:
    refusal = may_serve(state)
    if refusal:
        return refusal
    grant = product_of(state, sku, Taking.CHECK, now)
    if isinstance(grant, Refusal):
        return grant
    if grant.quantity == 0:
        return no_longer_granted(state, sku, now)
    until = _until([line for line in lines_of(state) if line.sku == sku], now)
    return FeatureAnswer(sku, grant.line.name, True, until, is_perpetual(until))


def _until(lines: list[Line], now: datetime) -> datetime:
    """The end of what is granted without a gap, grace included."""
    until = now
    while ends := [line.ends for line in lines if line.valid_from <= until < line.ends]:
        until = max(ends)
    return until


@dataclass(frozen=True)
class CheckFeature(Question[FeatureAnswer | Refusal]):
    sku: str
    what: ClassVar[str] = "feature check"
    needs: ClassVar[str] = "take"

    def answer(self, view: View) -> FeatureAnswer | Refusal:
        return check_feature(view.state, self.sku, view.now)
