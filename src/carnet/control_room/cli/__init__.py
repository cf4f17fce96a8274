"""The `control-room` command. A thin door: it reads options and files, asks the engine, prints. It holds no rule."""

from carnet.cli_support import new_app
from carnet.control_room.cli import (
    api_keys,
    clock,
    exchange,
    granting,
    keys,
    ledger,
    people,
    serve,
    setup,
)

app = new_app("The Control Room: offline licensing on the closed site.")
for group in (setup, exchange, granting, api_keys, people, ledger, keys, clock, serve):
    group.add_to(app)

__all__ = ["app"]
