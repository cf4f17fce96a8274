"""serve"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from carnet.control_room.cli.session import Session, command
from carnet.edge.prefix import checked_prefix
from carnet.edge.proxies import believed, is_loopback
from carnet.errors import UsageError

PAGES_AT = "127.0.0.1:8651"
PAGES_HERE = f"http://{PAGES_AT}"


@dataclass(frozen=True)
class Serving:
    """Where a server answers, and how it is protected on the way."""

    host: str
    port: int
    certificate: Path | None
    private_key: Path | None
    behind_proxy: bool
    pages: str | None  # HOST:PORT; None: bots only
    names: tuple[str, ...]  # by which browsers ask for the pages
    proxies: frozenset[str] = frozenset()  # whom alone it lets in, where it is behind some
    connections: int | None = None  # at most, at each of both doors; None: as the release has it
    per_address: int | None = None
    prefix: str = ""  # of the path, as `carnet.edge.prefix` has it


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
    pages: Annotated[str, typer.Option("--pages", metavar="HOST:PORT", help="Where people's pages answer.")] = PAGES_AT,
    names: Annotated[
        list[str], typer.Option("--pages-name", metavar="NAME", help="A name by which browsers ask for the pages.")
    ] = [],  # noqa: B006 - typer's way of an option that may be repeated
    no_pages: Annotated[bool, typer.Option("--no-pages", help="Serve bots and products only.")] = False,
    proxy: Annotated[
        list[str],
        typer.Option("--proxy", metavar="ADDRESS", help="The proxy, where it is another machine; no other gets in."),
    ] = [],  # noqa: B006
    connections: Annotated[
        int | None, typer.Option("--connections", min=16, help="At most, at each of both doors.")
    ] = None,
    per_address: Annotated[
        int | None, typer.Option("--connections-per-address", min=1, help="Of these, for one address.")
    ] = None,
    path_prefix: Annotated[
        str, typer.Option("--path-prefix", metavar="PATH", help="Below which a proxy has both doors: /licensing.")
    ] = "",
) -> None:
    """Grant to bots and products over HTTP (/api/v1), and serve people's pages, until a signal ends it."""
    _check_pair(certificate, private_key)
    if certificate is None and not plain_http_behind_a_proxy and not is_loopback(host):
        raise UsageError(
            f"At {host} other machines could read API keys on the wire.",
            "Name --certificate and --private-key; or, where a proxy does TLS, --plain-http-behind-a-proxy.",
        )
    where = None if no_pages else _pages_at(pages)
    if where and certificate is None and not plain_http_behind_a_proxy and not is_loopback(where):
        raise UsageError(
            f"At {where} other machines could read passwords on the wire.",
            "Name --certificate and --private-key; or, where a proxy does TLS, --plain-http-behind-a-proxy.",
        )
    hosts = [host, where] if where else [host]
    session.site.serve(
        Serving(
            host,
            port,
            certificate,
            private_key,
            plain_http_behind_a_proxy,
            pages if where else None,
            tuple(names),
            believed(proxy, behind_proxy=plain_http_behind_a_proxy, hosts=hosts),
            connections,
            per_address,
            checked_prefix(path_prefix),
        )
    )


def _check_pair(certificate: Path | None, private_key: Path | None) -> None:
    """Raises UsageError where one of the two is missing."""
    if (certificate is None) != (private_key is None):
        raise UsageError("A certificate and its key go together.", "Name both: --certificate, --private-key.")
    for file in (certificate, private_key):
        if file is not None and not file.is_file():
            raise UsageError(f"There is no file {file}.")


def _pages_at(bind: str) -> str:
    """The host in HOST:PORT. Raises UsageError."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", bind)
    if not found or int(found[3]) > 65535:
        raise UsageError(f"“{bind}” is not an address to listen on.", "Write HOST:PORT, such as 127.0.0.1:8651.")
    return found[1] or found[2]
