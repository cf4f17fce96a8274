"""The engine, as the pages ask it: over its socket, one connection for each request. An answer that is a refusal
becomes a page that says so, with the way back.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from carnet.control_room.local_api.client import UnixClient
from carnet.control_room.pages.runtime_config import runtime_config
from carnet.control_room.rules.decision import Command, Question
from carnet.errors import BusyError
from carnet.exchange.verdicts import Refusal

T = TypeVar("T")


@contextmanager
def engine() -> Iterator[UnixClient]:
    """Raises BusyError where no server runs on the folder."""
    client = UnixClient.connect(runtime_config().data)
    if client is None:
        raise BusyError("The licensing engine does not answer.", "It may be starting. Load the page again in a moment.")
    with closing(client):
        yield client


def ask(question: Question[T]) -> T:
    """One question, where no request is at hand."""
    with engine() as client:
        return client.ask(question)


def execute(command: Command[T], actor: str) -> T | Refusal:
    with engine() as client:
        return client.execute(command, actor)


def answered(request: HttpRequest, answer: object, *, back: str) -> HttpResponse | None:
    """None if it was not a refusal. `back`: the name of the page to go back to."""
    if not isinstance(answer, Refusal):
        return None
    page = {"refusal": answer, "back_url": reverse(back)}
    return render(request, "room/refused.html", page, status=422)
