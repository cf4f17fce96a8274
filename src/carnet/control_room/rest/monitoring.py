"""For monitoring a Control Room: whether it can grant (no key needed), and metrics for Prometheus.

The figures are plain numbers that one thread changes; they are put into form when asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from carnet.control_room.queries import questions
from carnet.control_room.queries.status import Status
from carnet.control_room.rest.message import Answer
from carnet.control_room.rest.operations import Counts
from carnet.control_room.rules.changes import ChangeView
from carnet.control_room.rules.decision import Question, View
from carnet.control_room.rules.granting.permissions import READ
from carnet.control_room.rules.granting.preconditions import may_grant
from carnet.control_room.rules.site_state import state_name
from carnet.errors import CarnetError


@dataclass(frozen=True)
class HealthAnswer:
    grants: bool
    state: str
    storage: str  # why nothing can be written now; empty where all is well


@dataclass(frozen=True)
class Health(Question[HealthAnswer]):
    what: ClassVar[str] = "health"

    def answer(self, view: View) -> HealthAnswer:
        grants = not view.storage and may_grant(view.state, view.now) is None
        return HealthAnswer(grants, state_name(view.state, view.now), view.storage)


def answer(ask: Callable[[Question[HealthAnswer]], HealthAnswer]) -> Answer:
    try:
        found = ask(Health())
    except CarnetError as error:  # not even the state can be read
        found = HealthAnswer(False, "unknown", str(error))
    return Answer(200 if found.grants else 503, msgspec.json.encode(found))


@dataclass(frozen=True)
class Figures:
    records: int
    health: HealthAnswer
    status: Status


@dataclass(frozen=True)
class Metrics(Question[Figures]):
    """What the ledger knows of them; what the door counted itself is added in `text`."""

    what: ClassVar[str] = "metrics"
    needs: ClassVar[str] = READ

    def answer(self, view: View) -> Figures:
        return Figures(view.checkpoint.size, Health().answer(view), questions.Status().answer(view))


@dataclass(frozen=True)
class Counted:
    """What door and server counted themselves."""

    requests: Mapping[str, Counts]
    connections: int
    limits: Mapping[str, int]  # how often each acted


# S: of the next time that less is granted of a product, be it the end
_OF_CHANGES: tuple[tuple[str, str, Callable[[ChangeView], float]], ...] = (
    ("lowers_timestamp_seconds", "When less is granted of a product next.", lambda of: of.when.timestamp()),
    (
        "lowers_line_end_timestamp_seconds",
        "When the lines end that cause it, their grace left out.",
        lambda of: of.ends.timestamp(),
    ),
    ("lowers_to", "How many are granted from then on.", lambda of: of.after),
    ("lowers_uncovered", "How many of those in use now will not be covered.", lambda of: of.uncovered),
)


@dataclass(frozen=True, eq=False)
class _Families(Collector):
    figures: Figures
    counted: Counted

    def collect(self) -> Iterator[Metric]:
        yield self._requests()
        yield self._limits()
        for name, says, value in (
            ("carnet_connections", "Open connections.", self.counted.connections),
            ("carnet_ledger_records", "Records in the ledger.", self.figures.records),
            ("carnet_grants", "1 where this Control Room can grant.", int(self.figures.health.grants)),
            ("carnet_storage_failing", "1 where nothing can be written now.", int(bool(self.figures.health.storage))),
        ):
            yield GaugeMetricFamily(name, says, value)
        yield from self._products()

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "carnet_requests", "Requests by operation and by what they came to.", labels=("operation", "code")
        )
        for operation, counts in self.counted.requests.items():
            if counts.granted:
                family.add_metric((operation, "granted"), counts.granted)
            for code, count in counts.refused.items():
                family.add_metric((operation, code), count)
        return family

    def _limits(self) -> Metric:
        family = CounterMetricFamily("carnet_limits", "How often a limit of the server acted.", labels=("limit",))
        for limit, times in self.counted.limits.items():
            family.add_metric((limit,), times)
        return family

    def _products(self) -> Iterator[Metric]:
        for field, says in (
            ("granted", "What is granted of a product now."),
            ("in_use", "Users assigned and seats leased of a product."),
            ("consumed", "Units consumed of a product."),
            ("remaining", "What is left of a product."),
        ):
            family = GaugeMetricFamily(f"carnet_product_{field}", says, labels=("sku",))
            for product in self.figures.status.products:
                family.add_metric((product.sku,), getattr(product, field))
            yield family
        states = GaugeMetricFamily("carnet_product_state", "1 for the state of a product.", labels=("sku", "state"))
        for product in self.figures.status.products:
            states.add_metric((product.sku, product.state.value), 1)
        yield states
        for name, says, value in _OF_CHANGES:
            family = GaugeMetricFamily(f"carnet_product_{name}", says, labels=("sku",))
            for product in self.figures.status.products:
                change = next((change for change in product.changes if change.after < change.before), None)
                if change:
                    family.add_metric((product.sku,), value(change))
            yield family


def text(figures: Figures, counted: Counted) -> bytes:
    """All figures as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Families(figures, counted))
    return generate_latest(registry)
