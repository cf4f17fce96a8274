"""What somebody sees where the portal broke before any view was asked."""

import sys

from django.http import HttpRequest, HttpResponse

from carnet.calm.web.faults import database_fault
from carnet.errors import StorageError
from carnet.ui import errors


def server_error(request: HttpRequest) -> HttpResponse:
    fault = database_fault(sys.exc_info()[1])  # for the session, say
    if fault:
        status = 503 if isinstance(fault, StorageError) else 500
        return errors.fault_page(request, status, str(fault), fault.next_step)
    return errors.server_error(request)
