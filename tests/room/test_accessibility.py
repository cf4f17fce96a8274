"""Every page of the Control Room, in light and dark, wide and narrow: axe-core finds nothing (WCAG 2.2 AA and its best
practices), and at 320 pixels nothing scrolls sideways."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import Looking, faults_of
from tests.browser.conftest import chromium  # noqa: F401  a fixture
from tests.room.addresses import addresses
from tests.room.looking import TONE, Places, context_of
from tests.room.shots import NO_PAGE, SHOTS, Shot, come_to
from tests.room.site import Pages


@pytest.fixture(scope="module")
def places(in_state: Callable[[str], Pages]) -> Places:
    return Places(in_state)


@pytest.fixture(scope="module")
def looking(chromium: Browser) -> Iterator[Looking]:  # noqa: F811
    with closing(Looking()) as looking:
        yield looking


def test_every_address_is_looked_at_or_shows_no_page() -> None:
    assert {name for name, _ in addresses()} == {shot.url for shot in SHOTS} | NO_PAGE


def costs(shot: Shot) -> tuple[pytest.MarkDecorator, ...]:
    """What people see of their own sign-in is made by the kit: CALM's suite looks at the same templates each time. Here
    one of them tells that they fit into this side's frame."""
    of_the_kit = shot.url.startswith(("account_", "mfa_", "usersessions_"))
    return (pytest.mark.deep,) if shot.who == TONE and of_the_kit and shot.url != "mfa_index" else ()


@pytest.mark.parametrize("shot", [pytest.param(shot, id=shot.name, marks=costs(shot)) for shot in SHOTS])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    places: Places,
    chromium: Browser,  # noqa: F811
    looking: Looking,
    shot: Shot,
) -> None:
    pages = places.at(shot.state)
    new = partial(context_of, pages, chromium, shot.who)
    with looking.page((shot.state, shot.who) if shot.who else None, new) as page:
        come_to(page, pages, shot)
        told = faults_of(page)
    assert not told, told
