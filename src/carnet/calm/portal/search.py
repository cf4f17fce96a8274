"""One search over all accounts, for vendor staff: whatever somebody has of a customer leads to its page. A name on the
phone, a number in a mail, the name of a file on a stick."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, LicenseFile, RefusedFile
from carnet.calm.customers.models import Account
from carnet.calm.people.access import Permission
from carnet.calm.people.models import Person
from carnet.calm.portal.door import AuthorizedRequest, requires
from carnet.calm.purchases.models import Guid
from carnet.calm.queries.room import file_name

MOST = 20  # of each kind; more needs more letters
LONGEST = 200
_FILE = re.compile(r"(.+)-(\d{1,12})\.(lfr|olf)", re.IGNORECASE)


@dataclass(frozen=True)
class Hit:
    """`url`: of the page that it leads to."""

    title: str
    note: str
    account: str
    url: str


@dataclass(frozen=True)
class Found:
    """What fits, by kind; of each at most `MOST`."""

    accounts: tuple[Hit, ...] = ()
    guids: tuple[Hit, ...] = ()
    rooms: tuple[Hit, ...] = ()
    files: tuple[Hit, ...] = ()
    people: tuple[Hit, ...] = ()

    @property
    def groups(self) -> tuple[tuple[str, tuple[Hit, ...]], ...]:
        """Those in which there is something, with their titles."""
        kinds = (
            ("Accounts", self.accounts),
            ("License GUIDs", self.guids),
            ("Control Rooms", self.rooms),
            ("Files", self.files),
            ("People", self.people),
        )
        return tuple((title, hits) for title, hits in kinds if hits)


@requires(Permission.SEE_VENDOR)
@require_GET
def search_page(request: AuthorizedRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()[:LONGEST]
    return render(request, "calm/vendor/search.html", {"found": search(text).groups, "searched": text, "most": MOST})


def _to(page: str, **of: object) -> str:
    return reverse(page, kwargs=of)


def search(text: str) -> Found:
    """Whatever has these letters in its name, begins with them as its id, or is the file of that name or digest."""
    text = " ".join(text.split())[:LONGEST]
    if not text:
        return Found()
    rows = Account.objects.filter(Q(name__icontains=text) | Q(id__istartswith=text))
    guids = Guid.objects.filter(Q(label__icontains=text) | Q(id__istartswith=text))
    rooms = ControlRoom.objects.filter(Q(name__icontains=text) | Q(id__istartswith=text))
    people = Person.objects.filter(Q(name__icontains=text) | Q(email__icontains=text))
    return Found(
        tuple(
            Hit(row.name, "archived" if row.archived_at else "", "", _to("customer", account=row.id))
            for row in rows.order_by("name")[:MOST]
        ),
        tuple(_guid(row) for row in guids.select_related("account").order_by("label", "id")[:MOST]),
        tuple(_room(row) for row in rooms.select_related("account", "guid").order_by("name", "id")[:MOST]),
        tuple(islice(_files(text), MOST)),
        tuple(_person(row) for row in people.select_related("account").order_by("email")[:MOST]),
    )


def _guid(row: Guid) -> Hit:
    return Hit(row.label, row.id, row.account.name, _to("room", guid=row.id))


def _room(row: ControlRoom) -> Hit:
    url = _to("room", guid=row.guid_id) if row.guid_id else _to("customer", account=row.account_id)
    return Hit(row.name, row.id, row.account.name, url)


def _person(row: Person) -> Hit:
    note = row.email if row.is_active else f"{row.email} · deactivated"
    if row.account is None:
        return Hit(str(row), note, "", _to("staff-person", colleague=row.pk))
    return Hit(str(row), note, row.account.name, _to("customer-people", account=row.account.id))


def _files(text: str) -> Iterator[Hit]:
    """By the name that a file has when it is carried, by its id, or by its digest (SHA-256)."""
    named, digest = _FILE.fullmatch(text), text.lower()
    which = Q(sequence=int(named[2])) if named else Q(id__istartswith=text) | Q(digest__startswith=digest)
    issued = LicenseFile.objects.filter(which).select_related("room__account", "enrolment")
    for row in issued.order_by("-issued_at").iterator():
        name = file_name(row.room.name, row.sequence, "olf")
        if not named or name == digest:
            yield _file(name, "license file", row)
    lfrs = AcceptedLfr.objects.filter(which).select_related("room__account", "enrolment")
    for lfr in lfrs.defer("raw", "totals", "refusals").order_by("-accepted_at").iterator():
        name = file_name(lfr.room.name, lfr.sequence, "lfr")
        if not named or name == digest:
            yield _file(name, "request", lfr)
    if not named and len(digest) >= 8:  # fewer letters fit by chance
        for refused in RefusedFile.objects.filter(digest__startswith=digest).order_by("-at").defer("raw")[:MOST]:
            yield Hit(f"{refused.digest[:16]}…", "refused", "", _to("refused", number=refused.pk))


def _file(name: str, kind: str, row: LicenseFile | AcceptedLfr) -> Hit:
    return Hit(name, f"{kind} #{row.sequence}", row.room.account.name, _to("room", guid=row.enrolment.guid_id))
