"""Faults, translated once for the pages. What is asked for and is not there is spoken of where it was asked; whatever
broke says that nothing was changed. Bugs are left to Django's own page of status 500."""

import logging
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from carnet.calm import database
from carnet.errors import CarnetError, StorageError, UsageError
from carnet.web_kit.errors import fault_page

log = logging.getLogger("calm")


class Faults:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        fault = exception if isinstance(exception, CarnetError) else database_fault(exception)
        if fault is None:
            return None
        status = 400 if isinstance(fault, UsageError) else 503 if isinstance(fault, StorageError) else 500
        return fault_page(request, status, str(fault), fault.next_step, code=False)


def database_fault(error: BaseException | None) -> CarnetError | None:
    """In words, where it is the database's; and a line in the log."""
    fault = database.fault(error) if isinstance(error, Exception) else None
    if fault:
        log.error("the database failed", exc_info=error)
    return fault
