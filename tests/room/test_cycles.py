"""The cycles that a site went through, page by page."""

from html import unescape

import pytest

from carnet.control_room.rules.activation.generate_request import GenerateRequest, WithdrawCycle
from tests.room.site import Pages
from tests.room.test_exchange_pages import Make


@pytest.mark.rule("E4", "E14")
def test_each_cycle_with_its_requests_and_what_became_of_it(new_site: Make) -> None:
    pages = new_site()
    for _ in range(21):
        pages.do(GenerateRequest(), "lena")
        pages.do(WithdrawCycle(), "lena")
    for _ in range(5):
        pages.do(GenerateRequest(), "lena")
    viewer = pages.client("viewer")
    first = unescape(viewer.get("/exchange/cycles/").text)
    assert "Open" in first
    assert "All 5" in first, "of very many requests in a cycle the newest three are listed"
    assert "<b>#27</b>" in first
    assert "Withdrawn" in first
    assert ", lena" in first
    assert "Token" not in first.partition("<tbody")[2]
    _, _, rest = first.partition('href="?before=')
    earlier = unescape(viewer.get(f"/exchange/cycles/?before={rest.partition(chr(34))[0]}").text)
    assert "for Northwind" in earlier
    assert "Installed" in earlier
    assert "The newest" in earlier
    assert "?before=" not in earlier
    assert "All 23 cycles" in viewer.get("/exchange/").text


def test_a_page_that_is_none_shows_the_newest(site: Pages) -> None:
    for before in ("zzz", "-1", "9" * 40):
        answer = site.client("viewer").get("/exchange/cycles/", params={"before": before})
        assert answer.status_code == 200
        assert "for Northwind" in answer.text
