"""Accounts: approvals, purchases, License GUIDs, the enablement token."""

from typing import Any

from django.http import HttpResponse
from ninja import Router, Status

from carnet.calm.api import shapes
from carnet.calm.api.opening import Call, opens
from carnet.calm.api.problems import refused
from carnet.calm.api.scope import own_account
from carnet.calm.api.shapes import Id
from carnet.calm.issuing import accounts, guids, purchases, tokens
from carnet.calm.people.access import May
from carnet.entitlements import PeriodUnit, Policy, PurchaseKind
from carnet.exchange.verdicts import Refusal

router = Router()


@router.get("/me", auth=opens(May.SIGNED_IN), response=shapes.Me)
def me(request: Call) -> Any:
    """Whose token this is."""
    person = request.person
    return {"email": person.email, "name": person.name, "role": person.role, "account": person.account_id}


@router.get("/accounts", auth=opens(May.SEE_VENDOR), response=shapes.Accounts)
def list_accounts(request: Call, page: shapes.Number = 1) -> Any:
    rows = accounts.list_accounts(**shapes.cut(page))
    return {"accounts": rows[: shapes.PAGE], "next": shapes.after(page, rows)}


@router.post("/accounts", auth=opens(May.OPERATE), response={201: shapes.Account})
def add_account(request: Call, given: shapes.NewAccount) -> Any:
    return Status(201, accounts.add_account(request.calm, name=given.name, **request.who))


@router.get("/accounts/{account}", auth=opens(May.SEE), response=shapes.Account)
def show_account(request: Call, account: Id) -> Any:
    return accounts.show_account(own_account(request, account))


@router.get("/accounts/{account}/approvals", auth=opens(May.SEE), response=list[shapes.Approval])
def list_approvals(request: Call, account: Id) -> Any:
    return list(accounts.show_account(own_account(request, account)).approvals)


@router.post("/accounts/{account}/approvals", auth=opens(May.ASK), response={201: shapes.Approval})
def request_approval(request: Call, account: Id, given: shapes.NewApproval) -> Any:
    """E1: asks to license offline."""
    account = own_account(request, account)
    answer = accounts.request_approval(request.calm, account=account, **given.dict(), **request.who)
    return refused(answer) if isinstance(answer, Refusal) else Status(201, answer)


_DECISIONS = {
    "grant": accounts.grant_approval,
    "refuse": accounts.refuse_approval,
    "withdraw": accounts.withdraw_approval,
}


def _decide(request: Call, decision: str, approval: str, reason: str) -> Any:
    return _DECISIONS[decision](request.calm, approval=approval, reason=reason, **request.who)


@router.post("/approvals/{approval}/grant", auth=opens(May.DECIDE), response=shapes.Approval)
def grant_approval(request: Call, approval: Id, given: shapes.Reason) -> Any:
    return _decide(request, "grant", approval, given.reason)


@router.post("/approvals/{approval}/refuse", auth=opens(May.DECIDE), response=shapes.Approval)
def refuse_approval(request: Call, approval: Id, given: shapes.Reason) -> Any:
    return _decide(request, "refuse", approval, given.reason)


@router.post("/approvals/{approval}/withdraw", auth=opens(May.DECIDE), response=shapes.Approval)
def withdraw_approval(request: Call, approval: Id, given: shapes.Reason) -> Any:
    return _decide(request, "withdraw", approval, given.reason)


@router.get("/accounts/{account}/purchases", auth=opens(May.SEE), response=list[shapes.Purchase])
def list_purchases(request: Call, account: Id) -> Any:
    return purchases.list_purchases(now=request.now, account=own_account(request, account))


@router.post("/accounts/{account}/purchases", auth=opens(May.OPERATE), response={201: shapes.Purchase})
def add_purchase(request: Call, account: Id, given: shapes.NewPurchase) -> Any:
    added = purchases.add_purchase(
        request.calm,
        account=own_account(request, account),
        sku=given.sku,
        quantity=given.quantity,
        valid_from=given.valid_from,
        valid_until=given.valid_until,
        kind=PurchaseKind(given.kind),
        period=PeriodUnit(given.period) if given.period else None,
        policy=Policy(overage_percent=given.overage_percent, grace_days=given.grace_days),
        **request.who,
    )
    return Status(201, added)


@router.get("/accounts/{account}/guids", auth=opens(May.SEE), response=list[shapes.Guid])
def list_guids(request: Call, account: Id) -> Any:
    return guids.list_guids(account=own_account(request, account))


@router.post("/accounts/{account}/guids", auth=opens(May.OPERATE), response={201: shapes.Guid})
def add_guid(request: Call, account: Id, given: shapes.NewGuid) -> Any:
    added = guids.add_guid(request.calm, account=own_account(request, account), label=given.label, **request.who)
    return Status(201, added)


@router.post("/accounts/{account}/token", auth=opens(May.EXCHANGE), response={200: bytes})
def download_token(request: Call, account: Id) -> HttpResponse:
    """E2: a new enablement token, as a file."""
    answer = tokens.download_token(request.calm, account=own_account(request, account), **request.who)
    if isinstance(answer, Refusal):
        return refused(answer)
    return HttpResponse(answer.raw, content_type="application/octet-stream")
