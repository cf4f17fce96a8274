"""A script of years: renewals, reductions, moves, losses, restores on both sides and set clocks; after each step every
door says what an independent account of it says. A few years of a few sites in each run, thirty years of twenty in
`make years`.
"""

from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.support import depth
from tests.support.site_pages import SitePages
from tests.years.company import Years
from tests.years.doors import Company

pytestmark = [pytest.mark.server, pytest.mark.slow]

SITES = depth.times(4, 20)
YEARS = depth.times(3, 30)


@pytest.mark.rule("H1", "H2", "H3", "H4", "Q1", "Q2", "Q4", "S", "E11", "E12", "E15", "L2", "L6", "L7", "T2")
def test_in_all_these_years_every_door_says_what_is_true(db: None, settings: Any, tmp_path: Path) -> None:
    settings.SECOND_FACTOR, settings.ALLOWED_HOSTS = "optional", ["testserver"]
    pages = SitePages(tmp_path / "pages")
    try:
        with transaction.atomic():
            company = Company()
            company.northwind.refresh_from_db()
            Years(company, pages, SITES, depth.seed_number()).live(YEARS)
            transaction.set_rollback(True)
    finally:
        pages.close()
