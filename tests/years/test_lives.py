"""S, Q1: nothing that either side stores makes a page, a command, a mail or a notice fail, or say what is no sentence.

Every fate of a site, in lives that are generated around it: some in each run, 200 in `make test-deep`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.support import depth
from tests.support.site_pages import SitePages
from tests.years.doors import Company, SiteDoors, VendorDoors
from tests.years.lives import ACTS, DAY, FATES, NAMES, Life

pytestmark = [pytest.mark.server, pytest.mark.slow]

LIVES = depth.times(2, 10)  # of each fate; the first, in which nothing else happens, is not lived
MOMENTS = depth.times(1, 2)  # at each of which, five days apart, all is asked


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SitePages]:
    served = SitePages(tmp_path_factory.mktemp("lives") / "site")
    yield served
    served.close()


def _nothing_is_wrong(life: Life, pages: SitePages, file: Path) -> None:
    site, found = SiteDoors(life.room, pages), {}
    if site.lives_here:
        on = [site.room.now + days * DAY for days in (0, 7, 400)]
        found = {f"site: {where}": wrong for where, wrong in site.say_all(on, life.last, file).wrong().items()}
    found |= VendorDoors(life.world).say_all(life.guid).wrong()
    assert not found, "\n".join(f"{where}: {wrong}" for where, wrong in found.items())


@pytest.mark.rule("S", "Q1", "Q4", "L6", "L7")
@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate.__name__[3:])
def test_every_page_command_and_mail_of_every_life_says_something(
    db: None, settings: Any, tmp_path: Path, pages: SitePages, fate: Any
) -> None:
    settings.SECOND_FACTOR, settings.ALLOWED_HOSTS = "optional", ["testserver"]
    _live(fate, pages, tmp_path / "answer.olf")


def _live(fate: Any, pages: SitePages, file: Path) -> None:
    @seed(depth.seed_number())
    @settings(
        max_examples=LIVES,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # add Phase.shrink to look into a failure
        suppress_health_check=list(HealthCheck),
    )
    @given(acts=ACTS, name=st.sampled_from(NAMES), later=ACTS)
    def live(acts: Any, name: str, later: Any) -> None:
        if not acts and not later:
            return
        with transaction.atomic():
            try:
                life = Life(Company(), name)
                life.take(acts)
                fate(life)
                life.last = life.last if life.room.state.installed else b""
                for _ in range(MOMENTS):
                    _nothing_is_wrong(life, pages, file)
                    life.wait(5 * 24)
                life.take(later)
                _nothing_is_wrong(life, pages, file)
            finally:
                transaction.set_rollback(True)

    live()
