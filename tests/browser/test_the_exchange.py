"""The exchange, walked in the browser by the people who do it: a request to license offline, a first license, a
reduction, a release. What each page says is what is asserted."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clerk import OLGA, OTTO
from tests.browser.conftest import Visit
from tests.browser.office import Customer, Office, now
from tests.browser.walking import choose, downloaded, row
from tests.support.site_simulator import Site


@pytest.mark.rule("E1", "E2", "E3", "E6", "E8", "E11", "H1", "over_entitlement", "below_use")
def test_from_the_request_to_license_offline_to_the_release(office: Office, visit: Visit) -> None:
    customer = office.customer(approved=False, bot_creator=10, document_pages=1000)
    page = visit(customer.clara)
    approval(customer, page, visit)
    site = token_installed(customer, page)
    first_license(customer, page, site)
    reduction(customer, page, site)
    release(customer, page, site)


def approval(customer: Customer, page: Page, visit: Visit) -> None:
    """The customer asks; an operator may not decide, an approver does, with a reason."""
    page.goto(customer.page)
    expect(page.get_by_text("Not approved for offline licensing")).to_be_visible()
    page.get_by_role("link", name="Offline approval").click()
    page.get_by_label("Industry").fill("Finance")
    page.get_by_label("Control Room version").fill("40.0.0")
    page.get_by_label("Why no connection is possible").fill("The vault is closed by regulation.")
    page.get_by_role("button", name="Request offline licensing").click()
    expect(page.get_by_text("A request waits for its decision.")).to_be_visible()
    inbox = visit(OLGA, "/inbox/")
    inbox.get_by_role("link", name=customer.name, exact=True).click()
    expect(inbox.get_by_text("The vault is closed by regulation.")).to_be_visible()
    expect(inbox.get_by_role("button", name="Approve")).to_have_count(0)
    approver = visit(OTTO, "/inbox/")
    approver.get_by_role("link", name=customer.name, exact=True).click()
    approver.get_by_label("Reason").fill("Site visit, report 7.")
    approver.get_by_role("button", name="Approve").click()
    expect(approver.get_by_text(f"{customer.name}: granted.")).to_be_visible()


def token_installed(customer: Customer, page: Page) -> Site:
    page.goto(customer.page)
    expect(page.get_by_text("Offline licensing approved")).to_be_visible()
    page.goto(f"{customer.page}token/")
    site = customer.new_site()
    site.install_token(downloaded(page, page.get_by_role("button", name="Download a new token")))
    return site


def first_license(customer: Customer, page: Page, site: Site) -> None:
    page.goto(customer.room)
    choose(page, "lfr-box", site.request(now()), "plant-north-0001.lfr")
    expect(page.get_by_text(f"Request #1 of {site.name} is accepted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Accepted: request #1, kind change")).to_be_visible()
    creators = page.get_by_label("Bot Creator")
    creators.fill("12")
    fits = page.get_by_role("button", name="Set to 10")
    expect(fits).to_be_visible()
    expect(page.get_by_role("button", name="Issue the license file")).to_have_count(0)
    fits.click()
    expect(page.get_by_role("button", name="Issue the license file")).to_be_visible()
    expect(page.get_by_label("Bot Creator")).to_have_value("10")
    page.get_by_label("Document Automation", exact=True).fill("400")
    expect(row(page, "Document Automation").get_by_role("cell").last).to_have_text("600")
    install(page, site)


def install(page: Page, site: Site) -> None:
    """Issue, download, install on the site, bring the receipt."""
    page.get_by_role("button", name="Issue the license file").click()
    expect(page.get_by_text("is issued.")).to_be_visible()
    raw = downloaded(page, page.get_by_role("link", name="Download OLF"))
    assert downloaded(page, page.get_by_role("link", name="Download OLF")) == raw  # E6
    receipt = site.install(raw, now())
    choose(page, "receipt-box", receipt, "plant-north.receipt")
    expect(page.get_by_text("is installed, confirmed by its receipt.")).to_be_visible()
    expect(page.get_by_text("Installed: the site confirmed it.")).to_be_visible()


def reduction(customer: Customer, page: Page, site: Site) -> None:
    """Below what is in use there: said as one types. What is freed returns with the receipt."""
    site.use("bot-creator", in_use=6)
    page.goto(customer.room)
    choose(page, "lfr-box", site.request(now()), "plant-north-0002.lfr")
    page.get_by_label("Bot Creator").fill("4")
    fits = page.get_by_role("button", name="Set to 6")
    expect(fits).to_be_visible()
    fits.click()
    expect(page.get_by_label("Bot Creator")).to_have_value("6")
    expect(page.get_by_role("table", name="What changes").get_by_text("−4")).to_be_visible()
    install(page, site)
    page.goto(customer.page)
    bar = page.get_by_role("row", name=re.compile("^Bot Creator"))
    expect(bar).to_contain_text("4")


def release(customer: Customer, page: Page, site: Site) -> None:
    page.goto(customer.room)
    choose(page, "lfr-box", site.request(now(), "release"), "plant-north-0003.lfr")
    expect(page.get_by_text(f"{site.name} is released.")).to_be_visible()
    page.goto(f"{customer.page}control-rooms/")
    expect(page.get_by_role("table", name="License GUIDs").get_by_text("Free")).to_be_visible()
