"""Q1: the pages of a site whose license is perpetual say so, count nothing down to it, and none of them fails."""

from collections.abc import Callable

import pytest

from carnet.times import PERPETUAL
from tests.room.rooms import Past
from tests.room.site import Pages
from tests.room.test_license_management import text

SKU = "bot-creator"


@pytest.mark.rule("Q1", "S")
def test_each_page_says_perpetual_and_none_counts_down(serve_past: Callable[..., Pages]) -> None:
    def licensed(past: Past) -> None:
        past.enable()
        past.license({SKU: 5, "document-pages": 50}, PERPETUAL)

    site = serve_past(licensed)
    viewer = site.client("viewer")
    for path in ("/", f"/products/{SKU}/", "/what-if/", "/exchange/", "/products/document-pages/"):
        answer = viewer.get(path)
        shown = text(answer.text)
        assert answer.status_code == 200, path
        assert "2999-12-3" not in shown, path
        assert "erpetual" in shown, path
    first = text(viewer.get("/").text)
    assert "Days left perpetual" in first
    assert "Expiring" not in first
    assert text(viewer.get("/what-if/").text).count("more than ten years") == 0
