"""Faults, translated once for the pages. Whatever broke says that nothing was changed; bugs are left to the page of
status 500."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from carnet.errors import (
    BusyError,
    CarnetError,
    StorageError,
    UsageError,
)
from carnet.web_kit.errors import fault_page


class Faults:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        return fault_page_of(request, exception) if isinstance(exception, CarnetError) else None


def fault_page_of(request: HttpRequest, fault: CarnetError) -> HttpResponseBase:
    waits = isinstance(fault, BusyError | StorageError)
    status = 400 if isinstance(fault, UsageError) else 503 if waits else 500
    return fault_page(request, status, str(fault), fault.next_step, code=False)
