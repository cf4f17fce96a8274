"""N3 at CALM's pages, in its mails and its spreadsheets: what a customer's file says is shown, and not obeyed."""

import csv
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from carnet.calm.control_rooms.models import RefusedFile
from carnet.calm.people import staff
from carnet.calm.people.models import Person
from carnet.calm.queries.log_queries import show_log
from carnet.errors import UsageError
from carnet.web_kit.door import Printable
from carnet.web_kit.mail import clean
from tests.unit.test_hostile_text import HOSTILE, with_field
from tests.unit.test_printable import is_safe
from tests.web.conftest import Portal

pytestmark = pytest.mark.security


def uploaded(portal: Portal, raw: bytes, name: str) -> Any:
    url = reverse("requests-upload", kwargs={"account": portal.northwind.id})
    return portal.as_("administrator").post(url, {"files": SimpleUploadedFile(name, raw)})


@pytest.mark.rule("N3", "N2", "V1", "malformed")
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_customers_file_is_quoted_in_plain_text_wherever_the_vendor_reads_of_it(portal: Portal, kind: str) -> None:
    name = f"x{HOSTILE[kind][:60].replace('/', '-')}.lfr"
    answer = uploaded(portal, with_field(HOSTILE[kind]), name)
    assert is_safe(answer.content.decode())
    row = RefusedFile.objects.latest("pk")
    for kept in (row.message, row.next, row.evidence, row.name, *(str(one.detail) for one in show_log())):
        assert is_safe(kept)
        assert "\n" not in kept
    auditor = portal.as_("auditor")
    for address in (
        reverse("refused", kwargs={"number": row.pk}),
        reverse("audit-log"),
        reverse("issuing-log"),
        reverse("home"),
    ):
        assert is_safe(auditor.get(address).content.decode()), address
    told = auditor.get(reverse("audit-log") + "?format=csv")
    text = b"".join(told.streaming_content if told.streaming else [told.content]).decode()
    assert is_safe(text.replace("\r\n", "\n"))


@pytest.mark.rule("N3")
def test_a_record_of_another_time_is_shown_in_plain_text_too(portal: Portal) -> None:
    """Written past the doors, as by somebody with the database in hand."""
    uploaded(portal, b"rubbish", "a.lfr")
    row = RefusedFile.objects.latest("pk")
    row.message = row.name = "Plant \u202elive\u2066 7\x1b[2J\u200b"
    row.save()
    shown = portal.as_("auditor").get(reverse("refused", kwargs={"number": row.pk})).content.decode()
    assert is_safe(shown)
    assert "Plant \\u202elive\\u2066 7\\u001b[2J\\u200b" in shown


@pytest.mark.rule("N3", "A3")
@pytest.mark.parametrize(
    "sign", ["\u202e", "\u200b", "\u2028", "\u2066", "\u3164", "\u115f", "\ufe0f\ufe0e"], ids=ascii
)
def test_two_people_have_no_addresses_that_look_the_same(portal: Portal, sign: str) -> None:
    """An address is the name that acts are recorded under; Django's own check takes these."""
    before = Person.objects.count()
    for role in ("auditor", "operator"):
        with pytest.raises(UsageError, match="not seen"):
            staff.add_person(
                portal.calm, email=f"olga@exa{sign}mple.com", name="Olga", role=role, account=None, **portal.act
            )
    assert Person.objects.count() == before


@pytest.mark.rule("N3")
def test_a_pages_length_is_that_of_what_is_shown(portal: Portal) -> None:
    answer = portal.as_("nobody").get(reverse("account_login"))
    assert int(answer.headers["content-length"]) == len(answer.content)


@given(st.text())
@pytest.mark.rule("N3")
def test_whatever_a_page_holds(text: str) -> None:
    page = Printable(lambda _: HttpResponse(f"<p>{text}</p>"))(HttpRequest())
    assert isinstance(page, HttpResponse)
    assert is_safe(page.content.decode())
    raw = text.encode()
    file = Printable(lambda _: HttpResponse(raw, content_type="application/octet-stream"))(HttpRequest())
    assert isinstance(file, HttpResponse)
    assert file.content == raw, "a file leaves as it is"


@given(st.text(), st.text())
@pytest.mark.rule("N3")
def test_no_name_makes_a_header_or_a_line_of_a_mail(name: str, other: str) -> None:
    body = f"The license of {name} ends."
    message = EmailMessage(name, body, "room@site.example", ["a@b.example"], headers={"X": other})
    clean(message)
    for header in (message.subject, *message.extra_headers.values()):
        assert is_safe(header)
        assert "\n" not in header
    assert is_safe(message.body)
    assert message.message().as_bytes().partition(b"\n\n")[0].count(b"\nX: ") == 1


@pytest.mark.rule("N3")
def test_every_mail_leaves_by_what_cleans_it(settings: Any) -> None:
    from carnet.calm.portal import settings as portal_settings
    from carnet.web_kit.mail import NoServer, Smtp

    assert portal_settings.EMAIL_BACKEND in {f"{each.__module__}.{each.__name__}" for each in (NoServer, Smtp)}


@given(st.lists(st.text(), min_size=1))
@pytest.mark.rule("N3")
def test_a_row_of_a_spreadsheet_stays_one_row(cells: list[str]) -> None:
    from carnet.csv_cells import csv_line

    line = csv_line(cells)
    assert line.count("\n") == 1
    assert len(next(csv.reader(StringIO(line)))) == len(cells)
