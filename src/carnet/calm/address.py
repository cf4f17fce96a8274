"""Where the portal answers, and how it is protected on the way: a value, put into the environment that its settings
are read from. Imports nothing of Django: `--help` answers at once."""

from dataclasses import dataclass
from pathlib import Path

from carnet.edge.prefix import checked_prefix
from carnet.edge.proxies import believed, is_loopback
from carnet.errors import UsageError

FIRST = "operator@localhost"  # who sets CALM up: the first to sign in


@dataclass(frozen=True)
class Serving:
    bind: str = "127.0.0.1:8000"
    workers: int = 2
    hosts: tuple[str, ...] = ()  # names by which browsers ask for it
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False  # that ends TLS, and says so in X-Forwarded-Proto
    plain_http: bool = False  # for trying it out on one machine
    debug: bool = False
    optional_second_factor: bool = False
    proxies: tuple[str, ...] = ()  # addresses of the proxy, where it is on another machine
    connections: int | None = None  # at most; None: as the release has it
    per_address: int | None = None
    path_prefix: str = ""  # below which a proxy has it

    def __post_init__(self) -> None:
        """Raises UsageError: passwords and license files go nowhere in the clear by mistake."""
        ways = [bool(self.certificate and self.key), self.behind_proxy, self.plain_http]
        if sum(ways) != 1:
            raise UsageError(
                "The portal answers over TLS: say how.",
                "Give --certificate and --key; or --behind-proxy, where a proxy here ends TLS; or, to try it out"
                " on this machine alone, --plain-http.",
            )
        if (self.plain_http or self.debug) and not self._is_loopback:
            raise UsageError(
                f"--plain-http and --debug are for this machine alone, and {self.bind} is not.",
                "Leave --bind out, or give --certificate and --key.",
            )
        _ = self.let_in, checked_prefix(self.path_prefix)

    @property
    def let_in(self) -> frozenset[str]:
        """Addresses of proxies; where there are some, nobody else is let in. Raises UsageError."""
        return believed(self.proxies, behind_proxy=self.behind_proxy, hosts=[self._host])

    @property
    def _host(self) -> str:
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def _is_loopback(self) -> bool:
        return is_loopback(self._host)

    @property
    def address(self) -> str:
        name = self.hosts[0] if self.hosts else self._host
        if self.behind_proxy:
            return f"https://{name}{self.path_prefix}"
        port = self.bind.rpartition(":")[2]
        return f"{'http' if self.plain_http else 'https'}://{name}:{port}{self.path_prefix}"

    def environment(self) -> dict[str, str]:
        """Beside the data folder, which `wiring` names."""
        https = "off" if self.plain_http else "proxy" if self.behind_proxy else "direct"
        found = {"CARNET_CALM_HTTPS": https, "CARNET_CALM_DEBUG": "yes" if self.debug else "no"}
        if self.hosts:
            found["CARNET_CALM_HOSTS"] = ",".join(self.hosts)
        if self.optional_second_factor:
            found["CARNET_CALM_SECOND_FACTOR"] = "optional"
        if self.path_prefix:
            found["CARNET_CALM_PREFIX"] = self.path_prefix
        return found
