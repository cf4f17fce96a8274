"""The pages of single sign-on, which are there only where an issuer is named: who reaches them, and what axe finds."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import faults_of
from tests.browser.conftest import chromium  # noqa: F401  a fixture
from tests.room.looking import context_of
from tests.room.site import PEOPLE
from tests.room.test_single_sign_on import Site, _unaltered, site  # noqa: F401  fixtures

Open = Callable[[str | None], Page]


@pytest.fixture
def open_as(site: Site, chromium: Browser) -> Iterator[Open]:  # noqa: F811
    contexts = []

    def opened(who: str | None) -> Page:
        context = context_of(site.pages, chromium, who)
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        with closing(context):
            pass


def by_the_issuer(site: Site, page: Page, user: str) -> None:  # noqa: F811
    """From the sign-in page to the issuer, where they have a session, and back."""
    site.op.signs_in(user)
    page.goto("/account/")
    assert not faults_of(page)
    page.get_by_role("button", name="Single sign-on").click()


@pytest.mark.rule("A5")
def test_somebody_binds_an_identity_and_signs_in_by_it_in_a_browser(site: Site, open_as: Open) -> None:  # noqa: F811
    own, other = open_as("viewer"), open_as(None)
    by_the_issuer(site, other, "vic-here")
    expect(other.get_by_text("not bound to a person who may sign in here")).to_be_visible()
    assert not faults_of(other)
    own.goto("/account/my/issuer/")
    own.get_by_role("main").get_by_role("button").first.click()
    expect(own.get_by_text("Bound.")).to_be_visible()
    assert not faults_of(own)
    by_the_issuer(site, other, "vic-here")
    expect(other.get_by_role("heading", name="License Management")).to_be_visible()


@pytest.mark.rule("A1", "A5")
@pytest.mark.security
def test_everybody_sees_their_own_identity_and_a_stranger_none(site: Site, open_as: Open) -> None:  # noqa: F811
    page = open_as("viewer")
    page.goto("/account/my/issuer/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert not faults_of(page)
    for role in PEOPLE:
        assert site.pages.client(role).get("/account/my/issuer/").status_code == 200, role
    with site.pages.browser() as stranger:
        answer = stranger.get("/account/my/issuer/")
        assert (answer.status_code, answer.headers["location"].startswith("/account/")) == (302, True)
        assert stranger.send_form("/account/my/issuer/", {}).status_code in (302, 403)
