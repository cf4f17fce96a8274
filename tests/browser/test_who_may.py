"""As vendor, as customer, and as a stranger who is refused everywhere (A1)."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clerk import OLGA, OTTO, PASSWORD
from tests.browser.conftest import Visit, sign_in
from tests.browser.office import AUDITOR, Customer, Office
from tests.support.kept_logs import secret

VENDORS = ("/inbox/", "/accounts/", "/purchases/", "/issuing-log/", "/audit-log/", "/keys/", "/staff/", "/settings/")


def own_pages(customer: Customer) -> list[str]:
    parts = ("", "control-rooms/", "purchases/", "files/", "timeline/", "approval/", "token/", "people/")
    rooms = ("", "timeline/", "usage/")
    return [customer.page + part for part in parts] + [customer.room + part for part in rooms]


def status(page: Page, path: str) -> int:
    answer = page.goto(path)
    assert answer
    return answer.status


@pytest.mark.rule("A1")
def test_a_stranger_is_refused_everywhere(office: Office, visit: Visit) -> None:
    """Another customer's administrator: what is not theirs answers as what is not there, in the same words."""
    customer, other = office.customer(bot_creator=3), office.customer(bot_creator=3)
    customer.take(customer.site())
    page = visit(other.clara)
    assert status(page, customer.page.replace(customer.account, "no-such-account")) == 404
    said = page.inner_text("main")
    for path in own_pages(customer):
        assert (path, status(page, path)) == (path, 404)
        assert page.inner_text("main") == said
    for path in VENDORS:
        assert (path, status(page, path)) == (path, 403)
    for path in own_pages(other):
        assert (path, status(page, path)) == (path, 200)


@pytest.mark.rule("A1")
def test_who_is_not_signed_in_comes_to_sign_in_and_from_there_to_the_page(office: Office, visit: Visit) -> None:
    customer = office.customer()
    page = visit(None)
    for path in (*own_pages(customer), *VENDORS):
        page.goto(path)
        assert page.url == f"{office.address}/sign-in/?next={path}"
    page.goto(customer.room)
    sign_in(page, customer.clara)
    expect(page.get_by_role("heading", name="Plant North", level=1)).to_be_visible()


@pytest.mark.rule("A1")
def test_a_viewer_and_an_auditor_see_and_change_nothing(office: Office, visit: Visit) -> None:
    customer = office.customer(bot_creator=3)
    customer.take(customer.site())
    viewer, auditor = visit(customer.vera, customer.room), visit(AUDITOR, customer.room)
    for page in (viewer, auditor):
        expect(page.get_by_role("heading", name="Step 2: Configure entitlements")).to_be_visible()
        expect(page.get_by_role("button", name="Issue the license file")).to_have_count(0)
        expect(page.locator("input[type=file]")).to_have_count(0)
        expect(page.get_by_label("Bot Creator")).not_to_be_editable()
        assert status(page, customer.page + "token/") == 403
    assert status(viewer, "/inbox/") == 403
    assert status(auditor, "/accounts/add/") == 403


@pytest.mark.rule("A1", "V1")
def test_an_operator_sets_a_customer_up(office: Office, visit: Visit) -> None:
    """An account, a purchase, a License GUID, and a person who chooses a password with the link that is shown once."""
    page = visit(OLGA, "/accounts/add/")
    page.get_by_label("Name").fill("Fjord Power")
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.get_by_role("heading", name="Fjord Power", level=1)).to_be_visible()
    account = page.url.rstrip("/").rpartition("/")[2]
    page.goto(f"/accounts/{account}/purchases/add/")
    page.get_by_label("Product").select_option("bot-creator")
    page.get_by_label("Quantity").fill("25")
    page.get_by_label("From").fill("2026-01-01")
    page.get_by_label("Until").fill("2025-01-01")
    page.get_by_role("button", name="Add the purchase").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Until").fill("2099-01-01")
    page.get_by_role("button", name="Add the purchase").click()
    expect(page.get_by_text("The purchase is added, until the end of")).to_be_visible()
    page.goto(f"/accounts/{account}/guids/add/")
    page.get_by_label("Label").fill("Bergen")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Bergen", level=1)).to_be_visible()
    page.goto(f"/accounts/{account}/people/")
    link = somebody_added(page, "frida@fjord.example")
    password_chosen(visit(None), link)


def somebody_added(page: Page, email: str) -> str:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Name", exact=True).fill("Frida Dahl")
    page.get_by_label("Role").select_option("administrator")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Give them this link")).to_be_visible()
    return page.locator("code", has_text="/sign-in/choose/").inner_text()


def password_chosen(page: Page, link: str) -> None:
    chosen = "a fjord is no lake"
    page.goto(link)
    page.get_by_label("New Password", exact=True).fill(chosen)
    page.get_by_label("New Password (again)").fill(chosen)
    page.get_by_role("button", name="Save the password").click()
    expect(page.get_by_role("heading", name="The password is saved")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This link is used up, or older than a day")).to_be_visible()
    page.goto("/sign-in/")
    sign_in(page, "frida@fjord.example", chosen)
    expect(page.get_by_role("heading", name="Fjord Power", level=1)).to_be_visible()


@pytest.mark.rule("A3", "A5")
@pytest.mark.security
def test_two_people_let_in_a_third_with_half_a_code_each(visit: Visit) -> None:
    olga = visit(OLGA, "/staff/")
    olga.get_by_label("E-mail address").fill("petra@vendor.example")
    olga.get_by_label("Name", exact=True).fill("Petra Moen")
    olga.get_by_label("Role").select_option("auditor")
    olga.get_by_label("Reason").fill("She audits from May on.")
    olga.get_by_role("button", name="Ask a second person to confirm").click()
    first = half(olga, "Your half of the code")
    otto = visit(OTTO, "/confirmations/")
    waiting = otto.get_by_role("listitem").filter(has_text="She audits from May on.")
    waiting.get_by_role("button", name="Confirm").click()
    second = half(otto, "The second half of the code")
    assert first not in otto.inner_text("body")
    petra = visit(None, "/sign-in/")
    petra.get_by_role("link", name="I have an entry code").click()
    petra.get_by_label("Your name or address").fill("petra@vendor.example")
    petra.get_by_label("First half").fill(first)
    petra.get_by_label("Second half").fill(first)
    petra.get_by_role("button", name="Go on").click()
    expect(petra.get_by_role("alert")).to_be_visible()
    petra.get_by_label("Second half").fill(second)
    petra.get_by_role("button", name="Go on").click()
    petra.get_by_label("New Password", exact=True).fill(PASSWORD)
    petra.get_by_label("New Password (again)").fill(PASSWORD)
    petra.get_by_role("button", name="Save the password").click()
    expect(petra.get_by_role("heading", name="The password is saved")).to_be_visible()


def half(page: Page, words: str) -> str:
    said = page.get_by_role("status").filter(has_text=words).inner_text()
    (found,) = re.findall(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", said)
    return secret(str(found), "half an entry code")
