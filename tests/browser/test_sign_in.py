"""Second factors, and the lock after too many wrong passwords."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clerk import PASSWORD
from tests.browser.conftest import Visit, sign_in
from tests.browser.office import Customer, Office, now
from tests.browser.walking import choose, one_time_password, this_step
from tests.support.kept_logs import secret as noted


@pytest.fixture
def customer(office: Office) -> Customer:
    return office.customer()


@pytest.mark.rule("A1")
def test_one_time_passwords(office: Office, visit: Visit, customer: Customer) -> None:
    page = visit(customer.clara, "/my/one-time-password/")
    password_again(page)
    secret = noted(page.get_by_label("The same as text").input_value(), "a secret of one-time passwords")
    page.get_by_label("Authenticator code").fill("000000")
    page.get_by_role("button", name="Use this app").click()
    expect(page.get_by_text("Incorrect code.")).to_be_visible()
    page.get_by_label("Authenticator code").fill(one_time_password(secret, this_step()))
    page.get_by_role("button", name="Use this app").click()
    expect(page.get_by_text("Authenticator app activated.")).to_be_visible()
    other = visit(None, "/sign-in/")
    sign_in(other, customer.clara)
    expect(other).to_have_url(f"{office.address}/sign-in/second-factor/")
    other.goto(customer.page)
    expect(other).to_have_url(f"{office.address}/sign-in/second-factor/")  # half signed in is not signed in
    code(other, "000000")
    expect(other.get_by_text("Incorrect code.")).to_be_visible()
    code(other, one_time_password(secret, this_step() + 1))  # the step of before was taken
    expect(other.get_by_role("heading", name=customer.name, level=1)).to_be_visible()


def code(page: Page, digits: str) -> None:
    page.locator("[name=code]").fill(digits)
    page.get_by_role("button", name="Sign in", exact=True).click()


def password_again(page: Page) -> None:
    """A second factor is added only where the password was given a moment ago; signing in was."""
    if "/sign-in/again/" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()


@pytest.mark.rule("A1")
def test_a_passkey(office: Office, visit: Visit, customer: Customer) -> None:
    """Chromium's virtual authenticator; the page is asked for by name, since a passkey belongs to one."""
    named = office.address.replace("127.0.0.1", "localhost")
    page = visit(None, f"{named}/sign-in/", base_url=named)
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options = kind | {"isUserVerified": True, "automaticPresenceSimulation": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(page, customer.clara)
    page.wait_for_url(f"**{customer.page}")
    passkey_added(page)
    page.goto("/sign-in/out/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.goto("/sign-in/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name=customer.name, level=1)).to_be_visible()


def passkey_added(page: Page) -> None:
    page.goto("/my/passkeys/add/")
    password_again(page)
    page.get_by_label("Name").fill("This laptop")
    page.get_by_label("Sign in with it alone").check()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("Security key added.")).to_be_visible()
    page.goto("/my/passkeys/")
    expect(page.get_by_text("This laptop")).to_be_visible()


@pytest.mark.rule("A1")
def test_five_wrong_passwords_lock_the_name(visit: Visit, customer: Customer) -> None:
    """Even the right one is refused then; somebody else signs in all the same."""
    page = visit(None, "/sign-in/")
    for _ in range(5):
        sign_in(page, customer.clara, "not this one, surely")
        expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page, customer.clara)
    expect(page.get_by_role("alert", name="Too many wrong passwords or codes")).to_be_visible()
    sign_in(page, customer.vera)
    expect(page.get_by_role("heading", name=customer.name, level=1)).to_be_visible()


@pytest.mark.rule("A5")
def test_a_session_that_ends_while_somebody_types_loses_nothing(office: Office, visit: Visit) -> None:
    """The part of the page that checks while they type asks to sign in again in place; then it goes on."""
    customer = office.customer(bot_creator=10)
    page = visit(customer.clara, customer.room)
    choose(page, "lfr-box", customer.site().request(now()), "plant-north-0001.lfr")
    session = [each for each in page.context.cookies() if each["name"].endswith("calm_session")]
    assert len(session) == 1
    page.context.clear_cookies(name=session[0]["name"])
    creators = page.get_by_label("Bot Creator")
    creators.fill("12")
    dialog = page.get_by_role("dialog", name="You were signed out")
    expect(dialog).to_be_visible()
    expect(creators).to_have_value("12")
    with page.context.expect_page() as opened:
        dialog.get_by_role("link", name="Sign in again").click()
    other = opened.value
    sign_in(other, customer.clara)
    expect(other.get_by_role("heading", name=customer.name, level=1)).to_be_visible()
    other.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")  # a browser without a screen is never looked at
    expect(dialog).to_have_count(0)
    creators.fill("9")
    expect(page.get_by_role("button", name="Issue the license file")).to_be_visible()
    page.get_by_role("button", name="Issue the license file").click()
    expect(page.get_by_text("License file #1 is issued.")).to_be_visible()
