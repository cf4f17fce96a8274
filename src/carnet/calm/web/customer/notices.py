"""Which mails an account was sent, who gets them, and what comes next."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.calm.notices.due import DEADLINE_HOURS, EXPIRY_DAYS
from carnet.calm.notices.reading import coming_notices, sent_notices
from carnet.calm.people.access import May
from carnet.calm.people.staff import addresses_of
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.scope import account_of


@opens(May.SEE)
@require_GET
def notices(request: Desk, account: str) -> HttpResponse:
    customer = account_of(request, account)
    context = {
        "sent": sent_notices(account=customer.id).items,
        "coming": coming_notices(customer.id, request.now),
        "to": addresses_of(customer.id),
        "days": EXPIRY_DAYS,
        "hours": DEADLINE_HOURS,
        "account": customer,
        "account_id": customer.id,
    }
    return render(request, "calm/customer/notices.html", context)
