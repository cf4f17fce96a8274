"""account add/list/show · approval request/grant/refuse/withdraw"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.calm.cli.session import (
    Account,
    Reason,
    Session,
    command,
    table,
)
from carnet.cli_support import new_app

if TYPE_CHECKING:
    from rich.console import Console


def add_to(app: typer.Typer) -> None:
    account = new_app("Customers' accounts.")
    command(account, "add")(add_account)
    command(account, "list")(list_accounts)
    command(account, "show")(show_account)
    approval = new_app("Who may license offline: an exception, decided with a reason (E1).")
    command(approval, "request")(request_approval)
    command(approval, "grant")(grant)
    command(approval, "refuse")(refuse)
    command(approval, "withdraw")(withdraw)
    app.add_typer(account, name="account")
    app.add_typer(approval, name="approval")


Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def add_account(session: Session, name: Annotated[str, typer.Argument(show_default=False)]) -> None:
    """Add an account."""
    calm = session.calm()
    from carnet.calm.use_cases.accounts import add_account as use_case

    session.answer(use_case(calm, name=name, **session.who()), _added)


def _added(console: "Console", answer: Any) -> None:
    console.print(f"Account {answer.name}: {answer.account}")
    console.print("Next: calm approval request, calm purchase add, calm guid add.")


def list_accounts(session: Session) -> None:
    """All accounts."""
    session.calm()
    from carnet.calm.use_cases.accounts import list_accounts as use_case

    session.answer(use_case(), _accounts)


def _accounts(console: "Console", answer: Any) -> None:
    rows = [(a.name, a.account, "yes" if a.approved else "no", a.purchases, a.guids) for a in answer]
    table(console, "Accounts", ("name", "id", "may license offline", "purchases", "GUIDs"), rows)


def show_account(session: Session, account: Annotated[str, typer.Argument(show_default=False)]) -> None:
    """One account, with its approvals."""
    session.calm()
    from carnet.calm.use_cases.accounts import show_account as use_case

    session.answer(use_case(account), _account)


def _account(console: "Console", answer: Any) -> None:
    console.print(f"{answer.name} ({answer.account}), {answer.purchases} purchases, {answer.guids} GUIDs")
    console.print("May license offline." if answer.approved else "No approval for offline licensing is in force.")
    rows = [(a.state, a.requested_at, a.industry, a.reason, a.decided_by, a.decided_reason) for a in answer.approvals]
    table(console, "Approvals", ("state", "requested", "industry", "why", "decided by", "decided why"), rows)


Industry = Annotated[str, typer.Option("--industry", help="The customer's industry.")]
Why = Annotated[str, typer.Option("--reason", help="Why no connection is possible.")]
RoomVersion = Annotated[str, typer.Option("--version", help="The Control Room's version: 40 or above.")]


def request_approval(session: Session, account: Account, industry: Industry, reason: Why, version: RoomVersion) -> None:
    """Request offline licensing for an account (E1)."""
    calm = session.calm()
    from carnet.calm.use_cases.accounts import request_approval as use_case

    fields: dict[str, Any] = {"account": account, "industry": industry, "reason": reason, "version": version}
    session.answer(use_case(calm, **fields, **session.who()), _requested)


def _requested(console: "Console", answer: Any) -> None:
    console.print(f"Requested: {answer.approval}")
    console.print(f"Next: vendor staff decide it: calm approval grant {answer.approval} --reason …", soft_wrap=True)


ApprovalName = Annotated[
    str, typer.Argument(metavar="APPROVAL", help="Its id, or the account's id or name.", show_default=False)
]


def grant(session: Session, approval: ApprovalName, reason: Reason) -> None:
    """Grant a request, with a reason."""
    calm = session.calm()
    from carnet.calm.use_cases.accounts import grant_approval

    session.answer(grant_approval(calm, approval=approval, reason=reason, **session.who()), _granted)


def _granted(console: "Console", answer: Any) -> None:
    console.print(f"Granted by {answer.decided_by}: {answer.decided_reason}")
    console.print("Next: calm token download --account A --out FILE")


def refuse(session: Session, approval: ApprovalName, reason: Reason) -> None:
    """Refuse a request, with a reason."""
    calm = session.calm()
    from carnet.calm.use_cases.accounts import refuse_approval

    answer = refuse_approval(calm, approval=approval, reason=reason, **session.who())
    session.answer(answer, lambda console, a: console.print(f"Refused by {a.decided_by}: {a.decided_reason}"))


def withdraw(session: Session, approval: ApprovalName, reason: Reason) -> None:
    """Withdraw an approval: sites run out what they have."""
    calm = session.calm()
    from carnet.calm.use_cases.accounts import withdraw_approval

    session.answer(withdraw_approval(calm, approval=approval, reason=reason, **session.who()), _withdrawn)


def _withdrawn(console: "Console", answer: Any) -> None:
    console.print(f"Withdrawn by {answer.decided_by}: {answer.decided_reason}")
    console.print(
        "No more tokens, and no file that grants more or longer. Releases, reductions and receipts are taken."
    )
