"""Whether what a door says is what the independent account holds true (`tests.years.reference`): for each kind of
answer, by whatever door it came.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.years.reference import Truth

USERS, PAGES = "bot-creator", "document-pages"


def site_is_true(told: Any, truth: Truth, site: str, now: datetime) -> None:
    """`told`: what `control-room status` says, as JSON."""
    mine = truth.sites[site]
    assert told["state"] == truth.state(site, now), (site, told)
    for each in told["products"]:
        units = each["sku"] == PAGES
        assert each["granted"] == truth.grant(site, now, units=units), (site, each)
        assert each["remaining"] == truth.left(site, now, units=units), (site, each)
        assert units or each["in_use"] == len(mine.people), (site, each, mine.people)
        changes = [(at(one["when"]), one["before"], one["after"]) for one in each["changes"]]
        assert changes == truth.changes(site, now, units=units), (site, each)


def books_are_true(purchases: Any, truth: Truth, now: datetime, detail: object = "") -> None:
    """`purchases`: what CALM says of each purchase, as JSON; of all, or of one account."""
    books, numbers = truth.books(now), ("held", "spent", "available")
    found = {each["purchase"]: tuple(each[name] for name in numbers) for each in purchases}
    assert found
    same(found, {purchase: books[purchase] for purchase in found}, (detail, truth))


def held_is_true(told: Any, truth: Truth, site: str, now: datetime) -> None:
    """`told`: what CALM says of the License GUID at which the site is bound, as JSON."""
    same({one["purchase"]: one["quantity"] for one in told["held"] if one["quantity"]}, truth.held(now, site), site)


def same(found: dict[str, Any], true: dict[str, Any], detail: object = "") -> None:
    other = {name: (found.get(name), true.get(name)) for name in {**found, **true} if found.get(name) != true.get(name)}
    assert not other, (other, detail)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
