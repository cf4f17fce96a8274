"""Every page, in light and dark, wide and narrow: axe-core finds nothing (WCAG 2.2 AA and its best practices), and at
320 pixels nothing scrolls sideways."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import Looking, faults_of
from tests.browser.conftest import new_context
from tests.browser.northwind import Bank
from tests.browser.pages import NO_PAGE, SHOTS, Shot, come_to
from tests.web.test_access import pages


@pytest.fixture(scope="module")
def looking(chromium: Browser) -> Iterator[Looking]:
    with closing(Looking()) as looking:
        yield looking


def test_every_address_is_looked_at_or_shows_no_page() -> None:
    assert {name for name, _ in pages()} == {shot.url for shot in SHOTS} | NO_PAGE


@pytest.mark.parametrize("shot", SHOTS, ids=[shot.name for shot in SHOTS])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    bank: Bank, chromium: Browser, looking: Looking, shot: Shot
) -> None:
    new = partial(new_context, bank.office, chromium, shot.who)
    with looking.page((shot.who,) if shot.who else None, new) as page:
        come_to(page, bank, shot)
        told = faults_of(page)
    assert not told, told
