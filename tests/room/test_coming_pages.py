"""S: what becomes less of a product is on every page where its number stands, in the same words."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from carnet.control_room.queries.notices import DueNotices
from carnet.control_room.queries.questions import Status
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.granting.users import AssignUser
from tests.room.rooms import Past
from tests.room.site import Pages
from tests.room.test_license_management import text
from tests.support.vendor_simulator import line

DAY = timedelta(days=1)
USER, OTHER = "bot-creator", "automator-ai"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Four people hold what shrinks from 10 to 2 in twelve days, while the license goes on for a year."""
    past = Past(tmp_path_factory.mktemp("coming") / "site", timedelta(hours=1))
    soon = past.start.replace(hour=0, minute=0, second=0, microsecond=0) + 12 * DAY
    lines = [
        line(USER, 10, past.start, soon),
        line(USER, 2, soon, past.start + 365 * DAY),
        line(OTHER, 1, past.start, past.start + 365 * DAY),
    ]
    past.enable()
    past.do(InstallLicense(past.vendor.olf(past.request(), lines, past.at)))
    for name in ("anna", "bert", "cleo", "dora"):
        past.do(AssignUser(USER, name))
    pages = past.served()
    yield pages
    pages.end()


def words_of(site: Pages) -> str:
    view = next(each for each in site.ask(Status()).products if each.sku == USER)
    assert view.changes[0].uncovered == 2
    return view.changes[0].words


@pytest.mark.rule("S", "Q4")
def test_each_page_with_its_number_says_what_becomes_of_it(site: Pages) -> None:
    words = words_of(site)
    viewer = site.client("viewer")
    for path in ("/", f"/products/{USER}/"):
        shown = text(viewer.get(path).text)
        assert shown.count(words) == 2, path  # in the banner, and beside the number
    shown = text(viewer.get("/").text)
    assert re.search(r"Shrinks from \d{4}-\d\d-\d\d", shown)
    assert "Expiring" in text(viewer.get(f"/products/{USER}/").text)
    assert "Active" in text(viewer.get(f"/products/{OTHER}/").text)


@pytest.mark.rule("S", "Q4")
def test_what_if_never_says_that_nothing_is_to_be_done_beside_people_who_lose_cover(site: Pages) -> None:
    words = words_of(site)
    for days in (13, 60, 200):
        on = f"{datetime.now(UTC) + days * DAY:%Y-%m-%d}"
        shown = text(site.client("viewer").get("/what-if/", params={"on": on}).text)
        assert "Who would not be covered" in shown
        assert "Nothing has to be done" not in shown
        assert "What is granted today is granted that day" not in shown
        assert words in shown
    on = f"{datetime.now(UTC) + 3 * DAY:%Y-%m-%d}"
    shown = text(site.client("viewer").get("/what-if/", params={"on": on}).text)
    assert "What is granted today is granted that day" in shown
    assert "Banner that day Bot Creator shrinks in" in shown


@pytest.mark.rule("S")
def test_its_banner_is_put_away_by_itself(site: Pages) -> None:
    with site.browser() as vic:
        vic.sign_in("vic")
        assert "Bot Creator shrinks in" in vic.get("/users/").text
        assert vic.send_form("/dismiss/?kind=change").status_code == 302
        assert "Bot Creator shrinks in" not in vic.get("/users/").text
    assert "Bot Creator shrinks in" in site.client("seat_manager").get("/users/").text


@pytest.mark.rule("S", "Q4")
def test_the_command_line_and_the_mail_say_it_in_the_same_words(site: Pages) -> None:
    words = words_of(site)
    as_json = json.loads(site.command("status", "--json").stdout)
    view = next(each for each in as_json["products"] if each["sku"] == USER)
    assert (view["changes"][0]["words"], view["state"]) == (words, "expiring")
    assert words in " ".join(site.command("status").stdout.split())
    (notice,) = site.ask(DueNotices()).notices
    assert words in notice.text
    assert notice.subject.startswith("Bot Creator shrinks in")


@pytest.fixture(scope="module")
def shrunk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The day came: three people hold what is granted once since yesterday, and the license goes on."""
    past = Past(tmp_path_factory.mktemp("shrunk") / "site", 5 * DAY)
    then = past.start + 4 * DAY
    lines = [line(USER, 4, past.start, then), line(USER, 1, then, past.start + 365 * DAY)]
    past.enable()
    past.do(InstallLicense(past.vendor.olf(past.request(), lines, past.at)))
    for name in ("anna", "bert", "cleo"):
        past.do(AssignUser(USER, name))
    pages = past.served()
    yield pages
    pages.end()


@pytest.mark.rule("Q4")
def test_after_the_day_it_is_said_everywhere_how_many_are_not_covered(shrunk: Pages) -> None:
    words = "Bot Creator: 2 of the 3 in use are not covered: only the earliest one is."
    viewer = shrunk.client("viewer")
    for path in ("/", f"/products/{USER}/"):
        assert text(viewer.get(path).text).count(words) == 1, path
    assert words in " ".join(shrunk.command("status").stdout.split())
    refused = shrunk.command("user", "check", USER, "cleo")
    assert "cleo is not covered: Bot Creator is licensed for 1 now" in " ".join(refused.stderr.split())
