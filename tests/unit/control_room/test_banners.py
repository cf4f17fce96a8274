"""S: every kind of banner has its sign, and the pages take it from one place. A kind without one would take down each
page that shows it."""

import re
from pathlib import Path
from typing import get_args

import carnet
from carnet.control_room.queries.banner import Kind
from carnet.web_kit.states import BANNER_ICONS

PAGES = Path(carnet.__file__).parent / "control_room" / "pages"


def test_every_kind_of_banner_has_a_sign() -> None:
    assert set(BANNER_ICONS) == set(get_args(Kind))


def test_no_page_chooses_a_sign_by_the_kind_of_banner() -> None:
    chosen = re.compile(r"icon=\"[^\"]*\.kind\b")
    found = [path.name for path in PAGES.rglob("*.html") if chosen.search(path.read_text())]
    assert found == []
