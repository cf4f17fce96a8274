"""What stands over every page of one customer where vendor staff look at it: whose page it is, and the ways to its
others. Staff of many customers must never wonder whose page this is."""

from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse

from carnet.calm.customers.models import Account
from carnet.calm.people.access import Permission

register = template.Library()
# Each tab with the pages that belong to it; the first one is where it leads.
TABS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Overview", ("customer", "refused", "accept-history")),
    (
        "Control Rooms",
        (
            *("customer-rooms", "room", "requests-upload", "requests-issue", "request-upload", "configure", "issue"),
            *("renew", "receipt-upload", "certificate", "report-lost", "report-withdraw", "room-timeline"),
            *("room-usage", "guid-add", "guid-rename", "guid-archive", "olf-download", "write-off"),
        ),
    ),
    (
        "Purchases",
        (
            *("customer-purchases", "purchase-add", "purchases-upload", "purchases-store", "purchases-refused"),
            "purchase-lower",
        ),
    ),
    ("Files", ("customer-files",)),
    ("Timeline", ("customer-timeline",)),
    ("Offline approval", ("customer-approval", "token", "approval")),
    ("People", ("customer-people", "person")),
    ("Notices", ("customer-notices",)),
)
OPERATORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Windows", ("windows",)),
    ("Rename", ("account-rename",)),
    ("Merge", ("account-merge",)),
    ("Archive", ("account-archive",)),
)


@register.inclusion_tag("calm/parts/account_tabs.html", takes_context=True)
def account_tabs(context: Context, account: str) -> dict[str, Any]:
    """`account`: its id, of a page that the person may see."""
    request = context["request"]
    row = Account.objects.get(id=account)
    here = request.resolver_match.view_name if request.resolver_match else ""
    shown = [*TABS, *(OPERATORS if context["allowed"][Permission.OPERATE.value] else ())]
    tabs = [
        {"label": label, "url": reverse(names[0], kwargs={"account": account}), "current": here in names}
        for label, names in shown
    ]
    return {"row": row, "tabs": tabs, "home": here == "customer", "accounts_url": reverse("accounts")}
