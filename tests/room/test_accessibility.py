"""Every page of the Control Room, in light and dark, wide and narrow: axe-core finds nothing (WCAG 2.2 AA and its best
practices), and at 320 pixels nothing scrolls sideways."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import faults_of
from tests.browser.conftest import chromium  # noqa: F401  a fixture
from tests.room.addresses import addresses
from tests.room.looking import Places, context_of
from tests.room.shots import NO_PAGE, SHOTS, Shot, come_to
from tests.room.site import Pages


@pytest.fixture(scope="module")
def places(in_state: Callable[[str], Pages]) -> Places:
    return Places(in_state)


def test_every_address_is_looked_at_or_shows_no_page() -> None:
    assert {name for name, _ in addresses()} == {shot.url for shot in SHOTS} | NO_PAGE


@pytest.mark.parametrize("shot", SHOTS, ids=[shot.name for shot in SHOTS])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(places: Places, chromium: Browser, shot: Shot) -> None:  # noqa: F811
    pages = places.at(shot.state)
    context = context_of(pages, chromium, shot.who, bypass_csp=True)  # for axe alone: it writes styles
    page = context.new_page()
    come_to(page, pages, shot)
    told = faults_of(page)
    context.close()
    assert not told, told
