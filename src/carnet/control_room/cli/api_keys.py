"""api-key create/list/revoke"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carnet import times
from carnet.cli_support import (
    WRITTEN,
    check_name,
    new_app,
    parse_time,
    write_out,
)
from carnet.control_room.cli.session import Session, command
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from carnet.out_files import API_KEY
from carnet.times import day_or_minute

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.rules.granting.api_keys import ApiKeyAnswer, ApiKeys, ApiKeyView


def add_to(app: typer.Typer) -> None:
    api_key = new_app("API keys, which bots and products show over REST (A1).")
    command(api_key, "create", API_KEY)(create)
    command(api_key, "list")(list_keys)
    command(api_key, "rename")(rename)
    command(api_key, "revoke")(revoke)
    app.add_typer(api_key, name="api-key")


Products = Annotated[
    list[str], typer.Option("--product", metavar="PRODUCT", help="A product it is for; may be repeated.")
]
Permissions = Annotated[
    list[str],
    typer.Option(
        "--may",
        metavar="WHAT",
        help="take (seats, units, checks), assign (users), read (status, usage); may be repeated.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--out", help="Write the key to this file (0600) instead of the terminal."),
    WRITTEN,
]


def create(
    session: Session,
    may: Permissions,
    name: Annotated[str, typer.Option("--name", help="How people call it: which bot or product shows it.")],
    products: Products = [],  # noqa: B006 - typer's way of an option that may be repeated
    all_products: Annotated[bool, typer.Option("--all-products", help="For all products.")] = False,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="It ends at the start of this day (UTC).")
    ] = None,
    out: KeyFile = None,
) -> None:
    """Make an API key. It is shown this once: kept is only its SHA-256."""
    from carnet.control_room.rules.granting.api_keys import CreateApiKey

    if bool(products) == all_products:
        raise UsageError("Give --product PRODUCT, once or more, or --all-products.")
    of = None if all_products else products
    order = CreateApiKey(check_name(name, "key's name"), of, may, parse_time(until) if until else None)
    with session.site.client(writing=True) as client:
        answer = client.execute(order, session.actor)
    if out and not isinstance(answer, Refusal):
        _write(out, answer)
        answer = answer.without_secret()
    session.answer(answer, lambda console, answer: _created(console, answer, out))


def _write(out: Path, answer: "ApiKeyAnswer") -> None:
    done = f"The key {answer.key_id} was made all the same, and its secret is lost."
    run = f"control-room api-key revoke {answer.key_id}"
    write_out(out, f"{answer.key}\n".encode(), 0o600, done=done, again="Revoke it, then make another.", run=run)


def _created(console: "Console", answer: "ApiKeyAnswer", out: Path | None) -> None:
    console.print(f"API key {answer.key_id}, “{answer.name}”: may {_may(answer)}; for {_scope(answer)}.")
    if answer.expires_at:
        console.print(f"It counts {times.until(answer.expires_at)}.")
    if out:
        console.print(f"It is written to {out}, which only you may read. It cannot be shown again.")
    else:
        console.print(answer.key, soft_wrap=True)
        console.print("This is the key. It cannot be shown again.")


def list_keys(session: Session) -> None:
    """The API keys that were made, without their secrets."""
    from carnet.control_room.rules.granting.api_keys import ListApiKeys

    uses = session.site.key_uses()
    session.ask(ListApiKeys(), lambda console, answer: _keys(console, answer, uses))


def _keys(console: "Console", answer: "ApiKeys", uses: Mapping[str, datetime]) -> None:
    from carnet.control_room.cli import show

    made = show.table("Id", "Name", "May", "Products", "Made", "Used last", "State")
    for key in answer.keys:
        used = day_or_minute(uses[key.key_id]) if key.key_id in uses else "not noted"
        made.add_row(key.key_id, key.name, _may(key), _scope(key), day_or_minute(key.created_at), used, _state(key))
    console.print(made)


def _state(key: "ApiKeyView") -> str:
    if key.revoked_at:
        return f"revoked {day_or_minute(key.revoked_at)}"
    return f"in force {times.until(key.expires_at)}" if key.expires_at else "in force"


def rename(
    session: Session,
    which: Annotated[str, typer.Argument(metavar="ID", help="Its id, as api-key list shows it.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="How people call it from now on.")],
) -> None:
    """Call an API key by another name. It is the same key."""
    from carnet.control_room.rules.granting.api_keys import RenameApiKey

    session.execute(
        RenameApiKey(which, check_name(name, "key's name")),
        lambda console, answer: console.print(f"API key {answer.key_id} is called “{answer.name}” from now on."),
    )


def revoke(
    session: Session, which: Annotated[str, typer.Argument(metavar="ID", help="Its id, as api-key list shows it.")]
) -> None:
    """Make an API key count no more, from the next request on and for good."""
    from carnet.control_room.rules.granting.api_keys import RevokeApiKey

    session.execute(
        RevokeApiKey(which),
        lambda console, answer: console.print(f"API key {answer.key_id}, “{answer.name}”, is revoked."),
    )


def _may(key: "ApiKeyAnswer | ApiKeyView") -> str:
    return ", ".join(key.permissions)


def _scope(key: "ApiKeyAnswer | ApiKeyView") -> str:
    return "all products" if key.products is None else ", ".join(key.products)
