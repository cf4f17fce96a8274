"""Accounts: approvals, purchases, License GUIDs, the enablement token."""

from typing import Any

from django.http import HttpResponse
from ninja import Router, Status

from carnet.calm.people import account_merging
from carnet.calm.people.access import Permission
from carnet.calm.rest import schemas
from carnet.calm.rest.auth import Call, requires
from carnet.calm.rest.problems import refused_now
from carnet.calm.rest.schemas import Id
from carnet.calm.rest.scope import own_account, own_guid
from carnet.calm.use_cases import (
    account_acts,
    accounts,
    guids,
    proposals,
    purchases,
    tokens,
    windows,
)
from carnet.entitlements import PeriodUnit, Policy, PurchaseKind
from carnet.exchange.verdicts import Refusal

router = Router()


@router.get("/me", auth=requires(Permission.SIGNED_IN), response=schemas.Me)
def me(request: Call) -> Any:
    """Whose token this is."""
    person = request.person
    return {"email": person.email, "name": person.name, "role": person.role, "account": person.account_id}


@router.get("/accounts", auth=requires(Permission.SEE_VENDOR), response=schemas.Accounts)
def list_accounts(request: Call, page: schemas.Number = 1, *, archived: bool = False) -> Any:
    rows = accounts.list_accounts(archived=archived, **schemas.cut(page))
    return {"accounts": rows[: schemas.PAGE], "next": schemas.after(page, rows)}


@router.post("/accounts", auth=requires(Permission.OPERATE), response={201: schemas.Account})
def add_account(request: Call, given: schemas.NewAccount) -> Any:
    return Status(201, accounts.add_account(request.calm, name=given.name, **request.who))


@router.get("/accounts/{account}", auth=requires(Permission.SEE), response=schemas.Account)
def show_account(request: Call, account: Id) -> Any:
    return accounts.show_account(own_account(request, account))


@router.post("/accounts/{account}/rename", auth=requires(Permission.OPERATE), response=schemas.Account)
def rename_account(request: Call, account: Id, given: schemas.NewAccount) -> Any:
    """Names differ by more than case, width and white space."""
    account = own_account(request, account)
    return account_acts.rename_account(request.calm, account=account, name=given.name, **request.who)


@router.post("/accounts/{account}/archive", auth=requires(Permission.OPERATE), response=schemas.Account)
def archive_account(request: Call, account: Id) -> Any:
    """Only where nothing is held."""
    return account_acts.archive_account(request.calm, account=own_account(request, account), **request.who)


@router.post("/accounts/{account}/bring-back", auth=requires(Permission.OPERATE), response=schemas.Account)
def bring_account_back(request: Call, account: Id) -> Any:
    return account_acts.bring_account_back(request.calm, account=own_account(request, account), **request.who)


@router.post("/accounts/{account}/merge", auth=requires(Permission.OPERATE), response={201: schemas.Proposed})
def propose_merge(request: Call, account: Id, given: schemas.NewMerge) -> Any:
    """A3: proposes that all it has goes to another account; a second person confirms."""
    account, into = own_account(request, account), own_account(request, given.into)
    answer = account_merging.propose_merge(request.calm, account=account, into=into, reason=given.reason, **request.who)
    return Status(201, answer)


@router.get("/accounts/{account}/approvals", auth=requires(Permission.SEE), response=schemas.Approvals)
def list_approvals(request: Call, account: Id, page: schemas.Number = 1) -> Any:
    rows = accounts.list_approvals(own_account(request, account), **schemas.cut(page))
    return {"approvals": rows[: schemas.PAGE], "next": schemas.after(page, rows)}


@router.post("/accounts/{account}/approvals", auth=requires(Permission.ASK), response={201: schemas.Approval})
def request_approval(request: Call, account: Id, given: schemas.NewApproval) -> Any:
    """E1: asks to license offline."""
    account = own_account(request, account)
    answer = accounts.request_approval(request.calm, account=account, **given.dict(), **request.who)
    return refused_now(answer, request.now) if isinstance(answer, Refusal) else Status(201, answer)


_DECISIONS = {
    "grant": accounts.grant_approval,
    "refuse": accounts.refuse_approval,
    "withdraw": accounts.withdraw_approval,
}


def _decide(request: Call, decision: str, approval: str, reason: str) -> Any:
    return _DECISIONS[decision](request.calm, approval=approval, reason=reason, **request.who)


@router.post("/approvals/{approval}/grant", auth=requires(Permission.DECIDE), response=schemas.Approval)
def grant_approval(request: Call, approval: Id, given: schemas.Reason) -> Any:
    return _decide(request, "grant", approval, given.reason)


@router.post("/approvals/{approval}/refuse", auth=requires(Permission.DECIDE), response=schemas.Approval)
def refuse_approval(request: Call, approval: Id, given: schemas.Reason) -> Any:
    return _decide(request, "refuse", approval, given.reason)


@router.post("/approvals/{approval}/withdraw", auth=requires(Permission.DECIDE), response=schemas.Approval)
def withdraw_approval(request: Call, approval: Id, given: schemas.Reason) -> Any:
    return _decide(request, "withdraw", approval, given.reason)


@router.get("/accounts/{account}/windows", auth=requires(Permission.SEE), response=schemas.AccountWindows)
def show_windows(request: Call, account: Id) -> Any:
    """E18: that the account's next token and license file carry."""
    return windows.show_windows(own_account(request, account))


@router.post("/accounts/{account}/windows", auth=requires(Permission.OPERATE), response={201: schemas.Proposed})
def propose_windows(request: Call, account: Id, given: schemas.NewWindows) -> Any:
    """E18: proposes others; a second person confirms."""
    changes = given.dict(exclude_none=True, exclude={"reason"})
    account = own_account(request, account)
    return Status(
        201,
        proposals.propose_windows(request.calm, account=account, changes=changes, reason=given.reason, **request.who),
    )


@router.get("/accounts/{account}/purchases", auth=requires(Permission.SEE), response=schemas.Purchases)
def list_purchases(request: Call, account: Id, page: schemas.Number = 1) -> Any:
    rows = purchases.list_purchases(now=request.now, account=own_account(request, account), **schemas.cut(page))
    return {"purchases": rows[: schemas.PAGE], "next": schemas.after(page, rows)}


@router.post("/accounts/{account}/purchases", auth=requires(Permission.OPERATE), response={201: schemas.Purchase})
def add_purchase(request: Call, account: Id, given: schemas.NewPurchase) -> Any:
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


@router.get("/accounts/{account}/guids", auth=requires(Permission.SEE), response=schemas.Guids)
def list_guids(request: Call, account: Id, page: schemas.Number = 1, *, archived: bool = False) -> Any:
    rows = guids.list_guids(account=own_account(request, account), archived=archived, **schemas.cut(page))
    return {"guids": rows[: schemas.PAGE], "next": schemas.after(page, rows)}


@router.post("/accounts/{account}/guids", auth=requires(Permission.OPERATE), response={201: schemas.Guid})
def add_guid(request: Call, account: Id, given: schemas.NewGuid) -> Any:
    added = guids.add_guid(request.calm, account=own_account(request, account), label=given.label, **request.who)
    return Status(201, added)


@router.post("/guids/{guid}/rename", auth=requires(Permission.OPERATE), response=schemas.Guid)
def rename_guid(request: Call, guid: Id, given: schemas.NewGuid) -> Any:
    """Labels of one account differ by more than case, width and white space."""
    return account_acts.rename_guid(request.calm, guid=own_guid(request, guid), label=given.label, **request.who)


@router.post("/guids/{guid}/archive", auth=requires(Permission.OPERATE), response=schemas.Guid)
def archive_guid(request: Call, guid: Id) -> Any:
    """Only where nothing is held."""
    return account_acts.archive_guid(request.calm, guid=own_guid(request, guid), **request.who)


@router.post("/guids/{guid}/bring-back", auth=requires(Permission.OPERATE), response=schemas.Guid)
def bring_guid_back(request: Call, guid: Id) -> Any:
    return account_acts.bring_guid_back(request.calm, guid=own_guid(request, guid), **request.who)


@router.post("/accounts/{account}/token", auth=requires(Permission.EXCHANGE), response={200: bytes})
def download_token(request: Call, account: Id) -> HttpResponse:
    """E2: a new enablement token, as a file."""
    answer = tokens.download_token(request.calm, account=own_account(request, account), **request.who)
    if isinstance(answer, Refusal):
        return refused_now(answer, request.now)
    return HttpResponse(answer.raw, content_type="application/octet-stream")
