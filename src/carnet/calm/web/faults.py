"""Faults, translated once for the pages. What is asked for and is not there is spoken of where it was asked; whatever
broke says that nothing was changed. Bugs are left to Django's own page of status 500."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from carnet.errors import CarnetError, StorageError, UsageError

log = logging.getLogger("calm")


class Faults:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        if isinstance(exception, CarnetError):
            status = 400 if isinstance(exception, UsageError) else 503 if isinstance(exception, StorageError) else 500
            return _page(request, str(exception), exception.next_step, status)
        if isinstance(exception, DatabaseError):
            log.error("the database failed: %s", type(exception).__name__)
            return _page(request, "The database did not answer. Nothing was changed.", "Try again.", 503)
        return None


def _page(request: HttpRequest, message: str, next_step: str, status: int) -> HttpResponseBase:
    return render(request, "calm/fault.html", {"message": message, "next": next_step}, status=status)
