"""N5: what a form says of the page that it was sent from: how many records there were when the page was made.

`cotton/form_marks.html` writes it into each form. Each side compares it in its own rules."""

from django.http import HttpRequest

_LONGEST = 15  # digits


def seen_by(request: HttpRequest) -> int | None:
    """None where the form does not say so in a number: then nothing is compared, as at REST."""
    sent = request.POST.get("seen", "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= _LONGEST else None
