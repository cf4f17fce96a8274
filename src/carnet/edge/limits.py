"""What callers may take of a server, before anybody knows who they are; and the words of a refusal. Tests lower them.

Each server begins with its own numbers: the REST interface with the defaults, the pages with those of
`carnet.web_kit.serving`.
"""

from dataclasses import dataclass, replace

from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class Limits:
    body: int = 64 * 1024  # bytes
    headers: int = 50
    header_bytes: int = 16 * 1024  # all of them, and the address
    seconds: float = 10  # for a handshake; for a request to arrive, once it has begun; for an answer to be fetched
    rate: int = 16 * 1024  # bytes for which a request has one second more: a body over a slow line is no attack
    idle_seconds: float = 75  # at least, that a connection is kept for the next request
    linger_seconds: float = 1  # that what still arrives is thrown away, so that a refusal can be read
    connections: int = 1000
    per_address: int = 250  # of these, for one address (of IPv6: for one network of 64 bits)
    settled: float = 1  # seconds that a connection waits before another of its full address takes its place
    turned_away: int = 32  # connections beyond these that are told so; more are closed without a word
    held: int = 128 * 1024 * 1024  # bytes of bodies that are here and not yet answered; half of it for one address
    pipelined: int = 64  # requests of one connection that wait for answers, before no more is read
    fed: int = 4096  # bytes that are looked at before it is looked at how many wait

    def with_connections(self, connections: int | None, per_address: int | None) -> "Limits":
        """As an operator wants it; None: as it is. One address never has more than all."""
        most = connections or self.connections
        return replace(self, connections=most, per_address=min(most, per_address or self.per_address))


def body_too_large(limits: Limits) -> Refusal:
    return Refusal(
        Code.TOO_LARGE, f"The body is larger than {limits.body:,} bytes.", "Send less; nothing of it was read."
    )


def headers_too_large(limits: Limits) -> Refusal:
    message = f"There are more than {limits.headers} headers, or {limits.header_bytes:,} bytes of them."
    return Refusal(Code.TOO_LARGE, message, "Send fewer.")


def too_slow(limits: Limits) -> Refusal:
    message = f"The request did not arrive within {limits.seconds:g} seconds."
    return Refusal(Code.MALFORMED, message, "Send it again, at once.")


def too_many() -> Refusal:
    return Refusal(Code.BUSY, "As many connections are open as may be.", "Try again in a second.")


def too_much_held() -> Refusal:
    return Refusal(Code.BUSY, "Others are sending large files just now.", "Try again in a second.")


def unreadable() -> Refusal:
    return Refusal(Code.MALFORMED, "This is not an HTTP/1.1 request.", "Correct the request. Nothing was changed.")


def not_one_host() -> Refusal:
    return Refusal(Code.MALFORMED, "A request has one header Host.", "Correct the request. Nothing was changed.")
