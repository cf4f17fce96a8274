"""Figures for Prometheus. Counted are plain numbers that one thread changes; they are put into form when asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from carnet.control_room.api.health import Health, HealthAnswer
from carnet.control_room.api.operations import Counts
from carnet.control_room.api.scope import visible
from carnet.control_room.authority import questions
from carnet.control_room.authority.decision import Question
from carnet.control_room.authority.state import ApiKey
from carnet.control_room.authority.views import Status
from carnet.control_room.engine.engine import Engine
from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True, eq=False)
class _Figures(Collector):
    counts: Mapping[str, Counts]
    connections: int
    records: int
    health: HealthAnswer
    status: Status

    def collect(self) -> Iterator[Metric]:
        yield self._requests()
        for name, says, value in (
            ("carnet_connections", "Open connections.", self.connections),
            ("carnet_ledger_records", "Records in the ledger.", self.records),
            ("carnet_grants", "1 where this Control Room can grant.", int(self.health.grants)),
            ("carnet_storage_failing", "1 where nothing can be written now.", int(bool(self.health.storage))),
        ):
            yield GaugeMetricFamily(name, says, value)
        yield from self._products()

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "carnet_requests", "Requests by operation and by what they came to.", labels=("operation", "code")
        )
        for operation, counts in self.counts.items():
            if counts.granted:
                family.add_metric((operation, "granted"), counts.granted)
            for code, count in counts.refused.items():
                family.add_metric((operation, code), count)
        return family

    def _products(self) -> Iterator[Metric]:
        for field, says in (
            ("granted", "What is granted of a product now."),
            ("in_use", "Users assigned and seats leased of a product."),
            ("consumed", "Units consumed of a product."),
            ("remaining", "What is left of a product."),
        ):
            family = GaugeMetricFamily(f"carnet_product_{field}", says, labels=("sku",))
            for product in self.status.products:
                family.add_metric((product.sku,), getattr(product, field))
            yield family


def figures(
    engine: Engine,
    counts: Mapping[str, Counts],
    connections: int,
    ask: Callable[[Question], object],
    key: ApiKey,
) -> bytes:
    """All figures that this key may see, as Prometheus reads them."""
    health, status = ask(Health()), visible(ask(questions.Status()), key)
    assert isinstance(health, HealthAnswer)
    assert isinstance(status, Status)
    registry = CollectorRegistry()
    registry.register(_Figures(counts, connections, engine.checkpoint.size, health, status))
    return generate_latest(registry)


def not_permitted(key: ApiKey) -> Refusal:
    message = f"The API key “{key.name}” may not do this."
    return Refusal(Code.NOT_PERMITTED, message, "Use a key that may; an administrator makes one.")
