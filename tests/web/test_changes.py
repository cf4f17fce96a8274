"""S: what becomes less of a product stands in *Expiring soon* and for the customer, in the words of the mail."""

import re
from html import unescape

import pytest
from django.urls import reverse

from carnet.calm.notices.due import due_notices
from carnet.calm.notices.mails import mail_of
from carnet.calm.notices.reading import read_sites
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases import receipts
from carnet.times import until
from tests.calm.conftest import DAY, ok
from tests.web.conftest import Portal


def text(page: bytes) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.decode())).split())


@pytest.mark.rule("S")
def test_the_list_the_customer_and_the_mail_say_the_same(portal: Portal) -> None:
    soon = portal.now.replace(hour=0, minute=0) + 12 * DAY
    bought = {
        portal.buy("bot-creator", 20, valid_until=soon): 20,
        portal.buy("bot-creator", 5, valid_from=soon): 5,
        portal.buy("document-pages", 100): 100,
    }
    site = portal.site("branch")
    ok(receipts.accept_receipt(portal.calm, raw=portal.license(site, "branch", lines=bought), **portal.act))
    words = f"Bot Creator: 20 {until(soon)}, then 5."
    (notice,) = [each for each in due_notices(read_sites(portal.now), set(), portal.now) if each.kind == "change"]
    assert words in mail_of(notice, portal.now, "Automation Vendor").body
    listed = text(portal.as_("operator").get(reverse("expiring")).content)
    assert words in listed
    assert "Plant Branch branch Northwind Active 11 d 16 h left" in listed
    of, administrator = {"account": notice.site.account}, portal.as_("administrator")
    assert words in text(administrator.get(reverse("customer", kwargs=of)).content)
    guid = Guid.objects.get(label="branch").id
    of_the_room = text(administrator.get(reverse("room", kwargs={"guid": guid})).content)
    assert f"Less is granted soon {words}" in of_the_room
    coming = text(administrator.get(reverse("customer-notices", kwargs=of)).content)
    assert "Plant Branch: 7 days before some of its license ends" in coming
