"""A product of each metric, and how one is taken of it: for tests that run every kind through every door.

The tests that use it name no metric, so that a new one is tested as it is added: `test_a_fifth_metric` runs them with
a release that has one more.
"""

from __future__ import annotations

import re
from typing import Any

from carnet.entitlements import Metric, Taking

HOLDER = "ops-17"


def sku_of(metric: Metric) -> str:
    return f"any-{metric.kind.slug}"


def name_of(metric: Metric) -> str:
    return sku_of(metric).replace("-", " ").title()


def catalogue() -> bytes:
    """One product of each metric, as TOML."""
    entry = '[[product]]\nsku = "{sku}"\nname = "{name}"\nmetric = "{metric}"\nunit = "unit"\n'
    return "\n".join(entry.format(sku=sku_of(each), name=name_of(each), metric=each.value) for each in Metric).encode()


def commands(metric: Metric) -> list[str]:
    """The words of `control-room` that take one."""
    more = {Taking.ASSIGN: [HOLDER], Taking.ACQUIRE: ["--holder", HOLDER], Taking.CONSUME: ["7"], Taking.CHECK: []}
    taking = metric.kind.taking
    return [*taking.value.split(), sku_of(metric), *more[taking]]


def rest(metric: Metric, holder: str = HOLDER) -> tuple[str, dict[str, Any]]:
    """The operation of the Control Room that takes one, and its body."""
    operations: dict[Taking, tuple[str, dict[str, Any]]] = {
        Taking.ASSIGN: ("users/assign", {"user": holder}),
        Taking.ACQUIRE: ("seats/acquire", {"holder": holder, "ttl_seconds": 86_400}),
        Taking.CONSUME: ("units/consume", {"units": 7}),
        Taking.CHECK: ("features/check", {}),
    }
    name, body = operations[metric.kind.taking]
    return name, {"sku": sku_of(metric)} | body


def read(page: str) -> str:
    """What is read of a page: without tags, blanks as one. Nothing of it is a value that was not there."""
    shown = " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)).split())
    for blank in ("{count}", "{name}", "{most}", "{peak}", "MetricKind(", "Metric.", "{{", "{%"):
        assert blank not in shown, (blank, shown)
    return shown
