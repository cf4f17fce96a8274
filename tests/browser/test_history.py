"""A site that was restored from a backup: the evidence, and two people who accept its history (L2, A3)."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clerk import OLGA, OTTO
from tests.browser.conftest import Visit
from tests.browser.office import Customer, Office, now
from tests.browser.walking import choose, downloaded, row
from tests.support.site_simulator import Site

PAGES = "document-pages"


@pytest.mark.rule("L2", "A3", "Q3", "history_mismatch", "needs_second_person")
def test_the_history_of_a_restored_site_is_accepted_by_two_people(office: Office, visit: Visit) -> None:
    customer = office.customer(document_pages=1000)
    backup = restored(customer)
    page = visit(customer.clara, customer.room)
    evidence = refused(page, backup)
    proposed(visit(OLGA, evidence))
    confirmed(visit, customer)
    licensed_again(page, customer, backup)


def restored(customer: Customer) -> Site:
    """It consumed 170 pages, which CALM knows; its backup knows of 100, and consumed 30 more."""
    site = customer.site({PAGES: 600})
    site.use(PAGES, consume=100, now=now())
    customer.take(site)
    backup = site.fork()
    site.use(PAGES, consume=70, now=now())
    site.note(10)
    customer.take(site)
    backup.use(PAGES, consume=30, now=now())
    return backup


def refused(page: Page, backup: Site) -> str:
    """First CALM asks to be shown the history; then it sees that it is another. The path of the evidence."""
    choose(page, "lfr-box", backup.request(now()), "plant-north-0004.lfr")
    verdict = page.get_by_role("alert")
    expect(verdict).to_contain_text("history_not_shown")
    since = re.search(r"since record ([0-9]+)", verdict.inner_text())
    assert since
    choose(page, "lfr-box", backup.request(now(), since=int(since[1])), "plant-north-0005.lfr")
    expect(verdict).to_contain_text("history_mismatch")
    expect(verdict).to_contain_text("Nothing is changed")
    page.get_by_role("link", name="Read the evidence").click()
    expect(page.get_by_role("heading", name="Where the two histories part")).to_be_visible()
    used = page.get_by_role("table", name="Units used").get_by_role("row").last
    expect(used).to_contain_text("170")
    expect(used).to_contain_text("130")
    expect(page.get_by_role("button", name="Ask a second person to confirm")).to_have_count(0)  # A1: a customer's
    assert downloaded(page, page.get_by_role("link", name="Download evidence")).startswith(b"{")
    return page.url


def proposed(page: Page) -> None:
    """An operator asks; it needs a reason and the site's word, and the operator's own confirmation is refused."""
    ask = page.get_by_role("button", name="Ask a second person to confirm")
    page.get_by_label("Reason").fill("The server died, its backup was restored.")
    ask.click()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    page.get_by_label("The site confirmed that no second copy is running").check()
    ask.click()
    expect(page.get_by_role("status").get_by_text("A second person must confirm it.")).to_be_visible()
    waiting = page.get_by_role("listitem").filter(has_text="The server died")
    expect(waiting.get_by_text("yours", exact=True)).to_be_visible()
    expect(waiting.get_by_role("button", name="Confirm")).to_have_count(0)
    answer = forced(page, waiting.locator("form").first.get_attribute("action") or "")
    assert "needs_second_person" in answer


def forced(page: Page, action: str) -> str:
    """What the server says where somebody sends the form all the same."""
    fields = {
        "decision": "confirm",
        "csrfmiddlewaretoken": page.locator("[name=csrfmiddlewaretoken]").first.input_value(),
    }
    answer = page.context.request.post(action, form=fields, headers={"Referer": page.url})
    assert answer.status == 422
    return answer.text()


def confirmed(visit: Visit, customer: Customer) -> None:
    page = visit(OTTO, "/confirmations/")
    waiting = page.get_by_role("listitem").filter(has_text="The server died")
    waiting.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Confirmed and done")).to_be_visible()
    del customer


def licensed_again(page: Page, customer: Customer, backup: Site) -> None:
    """The next file carries what the site forgot: 100 + 70 + 30 pages are consumed."""
    page.goto(customer.room)
    page.get_by_role("button", name="Issue the license file").click()
    backup.install(downloaded(page, page.get_by_role("link", name="Download OLF")), now())
    assert sum(backup.consumed.values()) == 200
    choose(page, "lfr-box", backup.request(now()), "plant-north-0006.lfr")
    expect(page.get_by_text(re.compile(r"Request #\d+ of Plant North is accepted"))).to_be_visible()
    expect(row(page, "Document Automation").get_by_role("cell").nth(4)).to_have_text("200")
