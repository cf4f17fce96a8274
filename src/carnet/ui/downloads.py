"""Files that leave: by name, as they are, and never shown in place."""

import re

from django.http import HttpResponse


def download(raw: bytes, name: str, kind: str = "application/octet-stream") -> HttpResponse:
    answer = HttpResponse(raw, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{file_name(name)}"'
    answer["Cache-Control"] = "no-store"
    return answer


def file_name(name: str) -> str:
    """Lower case letters, digits, dots and dashes: what every medium and every scanner takes."""
    stem, dot, kind = name.rpartition(".")
    plain = re.sub(r"[^a-z0-9]+", "-", (stem if dot else name).lower()).strip("-")
    return f"{plain or 'file'}{dot}{kind}"
