"""The `calm` command. Thin doors: they read options and files, call a use case, print. They hold no rule."""

from carnet.calm.cli import (
    clock,
    customers,
    exchange,
    people,
    portal,
    rooms,
    stock,
    vendor,
)
from carnet.cli_support import new_app

app = new_app(
    "CALM, the vendor's portal: who may license offline, what is held where, and the files that cross the gap."
)
for group in (vendor, customers, stock, exchange, rooms, people, clock, portal):
    group.add_to(app)

__all__ = ["app"]
