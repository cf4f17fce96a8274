"""Files that leave, by name, as they are, and never shown in place; and files that come in: one, read no further than
it takes to see that it is too large, and none from who sent too many.
"""

import re

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse

from carnet.exchange.envelope import MAX_FILE
from carnet.printable import FIELD, printable


def read_upload(request: HttpRequest, most: int = MAX_FILE) -> bytes | None:
    """Its bytes, or one more than such a file may have (which then refuses it). None where none was sent."""
    sent = request.FILES.get("file")
    return sent.read(most + 1) if sent is not None else None


def uploaded_name(file: "UploadedFile[bytes] | None") -> str:
    """What the sender called it, as it may be shown and kept (N3); empty where it has no name."""
    return printable((file.name if file else None) or "", FIELD)


def download(raw: bytes, name: str, kind: str = "application/octet-stream") -> HttpResponse:
    answer = HttpResponse(raw, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{file_name(name)}"'
    return answer


def to_try_later(answer: HttpResponse, seconds: int | None) -> HttpResponse:
    """The answer to who asked too often, where `seconds` says after how many it can be tried again; else as it is."""
    if seconds is not None:
        answer.status_code = 429
        answer["Retry-After"] = str(seconds)
    return answer


def file_name(name: str) -> str:
    """Lower case letters, digits, dots and dashes: what every medium and every scanner takes."""
    stem, dot, kind = name.rpartition(".")
    plain = re.sub(r"[^a-z0-9]+", "-", (stem if dot else name).lower()).strip("-")
    return f"{plain or 'file'}{dot}{kind}"
