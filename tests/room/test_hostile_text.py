"""N3 at the pages of the Control Room: a file from outside, and its name, are shown and not obeyed."""

import pytest

from carnet.control_room.queries.questions import Records
from tests.room.site import Pages
from tests.room.test_exchange_pages import send
from tests.unit.test_hostile_text import HOSTILE, with_field
from tests.unit.test_printable import is_safe

pytestmark = [pytest.mark.security, pytest.mark.rule("N3", "malformed")]

CSV = "user,product,action\n{0},bot-creator,\nanna,{0},\nanna,{0},\nanna,bot-creator,{0}\n"


def test_a_hostile_file_at_each_page_that_takes_one(site: Pages) -> None:
    installer, seats = site.client("administrator"), site.client("seat_manager")
    for kind, text in HOSTILE.items():
        name = f"x{text[:60]}.olf".replace("/", "-")
        for path in ("/exchange/preview/", "/exchange/token/"):
            answer = send(installer, path, with_field(text), name)
            assert answer.status_code in (200, 302, 400, 404, 422), (kind, path, answer.status_code)
            assert is_safe(answer.text), (kind, path)
        cell = text.replace("\n", " ").replace("\r", " ")[:3000]
        checked = send(seats, "/users/file/", CSV.format(cell).encode(), name)
        assert is_safe(checked.text), kind
        assert checked.status_code in (200, 422), kind
    assert is_safe(installer.get("/exchange/").text)
    assert is_safe(site.client("auditor").get("/ledger/").text)
    for record in site.ask(Records(100, "refused", None)).records:
        assert is_safe(str(record.body))
