"""The license file under preview: one row, there for the next person, and checked again each time it is shown."""

from dataclasses import dataclass

from carnet.control_room.pages.door import AuthorizedRequest
from carnet.control_room.pages.models import Preview
from carnet.control_room.queries.license_preview import PreviewAnswer, PreviewLicense
from carnet.exchange.verdicts import Refusal

_ONLY = 1  # its key: a second one replaces it


@dataclass(frozen=True)
class Previewed:
    row: Preview
    answer: PreviewAnswer | None
    refusal: Refusal | None  # why it is not for this site, or cannot be opened (any more)

    @property
    def may_install(self) -> bool:
        return self.answer is not None and self.answer.refused is None


def store_preview(request: AuthorizedRequest, raw: bytes, name: str) -> Refusal | None:
    """Keep a file that opens here, even if other rules refuse it. A file that does not open is not kept."""
    answer = request.client.ask(PreviewLicense(raw))
    if isinstance(answer, Refusal):
        return answer
    said = {"raw": raw, "file_name": name[:200], "by": request.person.name, "at": request.now}
    Preview.objects.update_or_create(id=_ONLY, defaults=said)
    return None


def stored_preview() -> Preview | None:
    return Preview.objects.filter(id=_ONLY).first()


def discard_preview() -> bool:
    """Whether there was one."""
    return Preview.objects.all().delete()[0] > 0


def previewed(request: AuthorizedRequest) -> Previewed | None:
    row = stored_preview()
    if row is None:
        return None
    answer = request.client.ask(PreviewLicense(bytes(row.raw)))
    if isinstance(answer, Refusal):
        return Previewed(row, None, answer)
    return Previewed(row, answer, None)
