"""serve · check · notify"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.calm.address import Serving
from carnet.calm.cli.session import Session, command
from carnet.cli_support import FAULT, say
from carnet.edge.prefix import checked_prefix
from carnet.errors import UsageError
from carnet.web_kit.words import counted

if TYPE_CHECKING:
    from rich.console import Console


def add_to(app: typer.Typer) -> None:
    command(app, "serve")(serve)
    command(app, "check")(check)
    command(app, "notify")(notify)


Bind = Annotated[str, typer.Option("--bind", metavar="HOST:PORT", help="Where it listens.")]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Processes.")]
Host = Annotated[list[str] | None, typer.Option("--host", help="A name by which browsers ask for it; several may be.")]
Certificate = Annotated[Path | None, typer.Option("--certificate", exists=True, help="The chain, in PEM.")]
Key = Annotated[Path | None, typer.Option("--key", exists=True, help="Its private key, in PEM.")]
Proxy = Annotated[bool, typer.Option("--behind-proxy", help="A proxy ends TLS: on this machine, or as --proxy says.")]
TrustedProxy = Annotated[
    list[str] | None,
    typer.Option("--proxy", metavar="ADDRESS", help="The proxy, where it is another machine; no other gets in."),
]
Connections = Annotated[int | None, typer.Option("--connections", min=16, help="At most, of all processes.")]
PerAddress = Annotated[int | None, typer.Option("--connections-per-address", min=1, help="Of these, for one address.")]
PathPrefix = Annotated[
    str, typer.Option("--path-prefix", metavar="PATH", envvar="CARNET_CALM_PREFIX", help="Below which a proxy has it.")
]
Plain = Annotated[bool, typer.Option("--plain-http", help="Without TLS, on this machine alone: to try it out.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the insides of errors. Never where customers come.")]
SecondFactor = Annotated[
    bool, typer.Option("--optional-second-factor", help="Let vendor staff sign in with a password alone.")
]


def serve(
    session: Session,
    bind: Bind = "127.0.0.1:8000",
    workers: Workers = 2,
    host: Host = None,
    certificate: Certificate = None,
    key: Key = None,
    behind_proxy: Proxy = False,
    plain_http: Plain = False,
    debug: Debug = False,
    optional_second_factor: SecondFactor = False,
    proxy: TrustedProxy = None,
    connections: Connections = None,
    per_address: PerAddress = None,
    path_prefix: PathPrefix = "",
) -> None:
    """The portal, for browsers and programs. The first start prints how to sign in."""
    hosts = tuple(host or ())
    how = Serving(
        bind,
        workers,
        hosts,
        certificate,
        key,
        behind_proxy,
        plain_http,
        debug,
        optional_second_factor,
        tuple(proxy or ()),
        connections,
        per_address,
        checked_prefix(path_prefix),
    )
    session.vendor.serve(how, say)


def check(session: Session) -> None:
    """Check the production settings, as `serve --behind-proxy` uses them."""
    from django.core.management import CommandError

    try:
        session.vendor.check_deployment(Serving(behind_proxy=True))
    except CommandError as error:
        raise UsageError(f"The settings are not fit for production: {error}") from error
    session.answer({"checked": True}, lambda console, _: console.print("The production settings are clean."))


def notify(session: Session) -> None:
    """Send the mails that are due: before a license ends, before a cycle's deadline, to whoever is waited for. Each
    once; for a timer."""
    answer = session.vendor.notify()
    session.answer(answer, _notified)
    if answer.some_failed:
        raise typer.Exit(FAULT)


def _notified(console: "Console", answer: Any) -> None:
    sent = [*answer.sent, *(one for one in answer.waiting if not one.why)]
    failed = [*answer.failed, *(one for one in answer.waiting if one.why)]
    console.print(f"{counted(len(sent), 'mail')} sent, {len(failed):,} failed.")
    for one in sent:
        console.print(f"  sent: {one.subject} → {', '.join(one.to)}", soft_wrap=True)
    for one in failed:
        console.print(f"  failed, and tried again next time: {one.subject}: {one.why}", soft_wrap=True, style="yellow")
    for one in answer.nobody:
        console.print(f"  no recipient for: {one.subject}", soft_wrap=True, style="yellow")
