"""Files that come in: one, read no further than it takes to see that it is too large."""

from django.http import HttpRequest

from carnet.exchange.envelope import MAX_FILE


def read_upload(request: HttpRequest, field: str = "file") -> bytes | None:
    """Its bytes, or one more than any exchange file may have (which then refuses it). None where none was sent."""
    sent = request.FILES.get(field)
    return sent.read(MAX_FILE + 1) if sent is not None else None
