"""serve"""

import ipaddress
from pathlib import Path
from typing import Annotated

import typer

from carnet.control_room.cli.session import Session, command
from carnet.errors import UsageError

CARRIERS = ("hot", "asgi")


def add_to(app: typer.Typer) -> None:
    command(app, "serve")(serve)


def serve(
    session: Session,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8650,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="The server's certificate, with its chain (PEM).")
    ] = None,
    private_key: Annotated[Path | None, typer.Option("--private-key", help="The certificate's key (PEM).")] = None,
    plain_http_behind_a_proxy: Annotated[
        bool, typer.Option("--plain-http-behind-a-proxy", help="Allow other machines without TLS.")
    ] = False,
    http: Annotated[
        str, typer.Option("--http", envvar="CARNET_HTTP", help="What carries requests: hot, or asgi.")
    ] = "hot",
) -> None:
    """Grant to bots and products over HTTP, /api/v1, until a signal ends it."""
    if http not in CARRIERS:
        raise UsageError(f"“{http}” carries no requests: {', '.join(CARRIERS)}.")
    if (certificate is None) != (private_key is None):
        raise UsageError("A certificate and its key go together.", "Name both: --certificate, --private-key.")
    for file in (certificate, private_key):
        if file is not None and not file.is_file():
            raise UsageError(f"There is no file {file}.")
    if certificate is None and not plain_http_behind_a_proxy and not _is_loopback(host):
        raise UsageError(
            f"At {host} other machines could read API keys on the wire.",
            "Name --certificate and --private-key; or, where a proxy does TLS, --plain-http-behind-a-proxy.",
        )
    session.site.serve(host, port, certificate, private_key, hot=http == "hot")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
