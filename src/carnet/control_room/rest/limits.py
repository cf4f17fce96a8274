"""What one caller may take of the server. Tests lower them."""

from dataclasses import dataclass

from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class Limits:
    body: int = 64 * 1024  # bytes
    headers: int = 50
    header_bytes: int = 16 * 1024  # all of them, and the address
    seconds: float = 10  # for a request to arrive, once it has begun; for an answer to be fetched
    idle_seconds: float = 75  # at least, that a connection is kept for the next request
    linger_seconds: float = 1  # that what still arrives is thrown away, so that a refusal can be read
    connections: int = 1000
    pipelined: int = 64  # requests of one connection that wait for answers, before no more is read
    fed: int = 4096  # bytes that are looked at before it is looked at how many wait


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


def too_many(limits: Limits) -> Refusal:
    return Refusal(Code.BUSY, f"{limits.connections:,} connections are open already.", "Try again in a second.")


def unreadable() -> Refusal:
    return Refusal(Code.MALFORMED, "This is not an HTTP/1.1 request.", "Correct the request. Nothing was changed.")
