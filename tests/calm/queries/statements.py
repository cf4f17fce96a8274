"""How many statements a read sends to the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements sent while it is open."""
    sent: list[str] = []
    connection.ensure_connection()
    inner = connection.connection
    inner.set_trace_callback(sent.append)
    try:
        yield sent
    finally:
        inner.set_trace_callback(None)
