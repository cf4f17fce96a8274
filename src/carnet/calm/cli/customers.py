"""account add/list/show/windows/rename/merge/archive/bring-back · approval request/grant/refuse/withdraw"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.calm.cli.session import (
    Account,
    Reason,
    Session,
    command,
    table,
)
from carnet.calm.cli.vendor import proposed
from carnet.cli_support import new_app
from carnet.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def add_to(app: typer.Typer) -> None:
    account = new_app("Customers' accounts.")
    command(account, "add")(add_account)
    command(account, "list")(list_accounts)
    command(account, "show")(show_account)
    command(account, "windows")(account_windows)
    command(account, "rename")(rename_account)
    command(account, "merge")(merge_account)
    command(account, "archive")(archive_account)
    command(account, "bring-back")(bring_account_back)
    approval = new_app("Who may license offline: an exception, decided with a reason (E1).")
    command(approval, "request")(request_approval)
    command(approval, "grant")(grant)
    command(approval, "refuse")(refuse)
    command(approval, "withdraw")(withdraw)
    app.add_typer(account, name="account")
    app.add_typer(approval, name="approval")


Name = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id or its name.", show_default=False)]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="The new name.", show_default=False)]
Into = Annotated[str, typer.Option("--into", metavar="ACCOUNT", help="Which gets all: its id or its name.")]
Archived = Annotated[bool, typer.Option("--archived", help="Those that are archived, instead of the others.")]


def add_account(session: Session, name: Annotated[str, typer.Argument(show_default=False)]) -> None:
    """Add an account."""
    calm = session.calm()
    from carnet.calm.use_cases.accounts import add_account as use_case

    session.answer(use_case(calm, name=name, **session.who()), _added)


def _added(console: "Console", answer: Any) -> None:
    console.print(f"Account {answer.name}: {answer.account}")
    console.print("Next: calm approval request, calm purchase add, calm guid add.")


def list_accounts(session: Session, archived: Archived = False) -> None:
    """All accounts that are not archived."""
    session.calm()
    from carnet.calm.use_cases.accounts import list_accounts as use_case

    session.answer(use_case(archived=archived), _accounts)


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


def rename_account(session: Session, account: Name, name: NewName) -> None:
    """Give an account another name. Sites show it from their next license file on."""
    calm = session.calm()
    from carnet.calm.use_cases.account_acts import rename_account as use_case

    answer = use_case(calm, account=account, name=name, **session.who())
    session.answer(answer, lambda console, a: console.print(f"The account is called {a.name} now: {a.account}"))


def merge_account(session: Session, account: Name, into: Into, reason: Reason) -> None:
    """Propose that all that an account has goes to another one. A second person confirms it (A3)."""
    calm = session.portal()
    from carnet.calm.people.account_merging import propose_merge

    session.answer(propose_merge(calm, account=account, into=into, reason=reason, **session.who()), proposed)


def archive_account(session: Session, account: Name) -> None:
    """Hide an account from the lists. Only where nothing is held."""
    calm = session.calm()
    from carnet.calm.use_cases.account_acts import archive_account as use_case

    session.answer(use_case(calm, account=account, **session.who()), _archived)


def _archived(console: "Console", answer: Any) -> None:
    console.print(f"Archived: {answer.name}. It can be seen with: calm account list --archived")


def bring_account_back(session: Session, account: Name) -> None:
    """Bring an archived account back."""
    calm = session.calm()
    from carnet.calm.use_cases.account_acts import bring_account_back as use_case

    answer = use_case(calm, account=account, **session.who())
    session.answer(answer, lambda console, a: console.print(f"Brought back: {a.name}"))


Whole = int | None
TokenLife = Annotated[Whole, typer.Option("--token-life-hours", help="For how long a token is valid (E2).")]
CycleDays = Annotated[Whole, typer.Option("--cycle-days", help="How long a cycle lasts (E4).")]
NewestHours = Annotated[
    Whole, typer.Option("--newest-request-hours", help="For how long the newest LFR can be answered (E5).")
]
Differ = Annotated[
    Whole, typer.Option("--clocks-differ-minutes", help="By how much a site's clock may be ahead of CALM's (E5).")
]
Ahead = Annotated[Whole, typer.Option("--clock-ahead-days", help="Up to where a clock mark is lowered (T3).")]
Locks = Annotated[bool | None, typer.Option("--locks/--no-locks", help="Whether a missed cycle locks (E8).")]
Expiry = Annotated[
    str | None, typer.Option("--expiry-notice-days", metavar="N,N,…", help="Notices before the end (S).")
]
Stays = Annotated[Whole, typer.Option("--banner-stays-days", help="From when the banner stays (S).")]
Deadline = Annotated[
    str | None, typer.Option("--deadline-notice-hours", metavar="N,N,…", help="Notices before a deadline (E5).")
]
WhyOthers = Annotated[str, typer.Option("--reason", help="Why. Kept in the issuing log.")]


def account_windows(
    session: Session,
    account: Annotated[str, typer.Argument(show_default=False)],
    token_life_hours: TokenLife = None,
    cycle_days: CycleDays = None,
    newest_request_hours: NewestHours = None,
    clocks_differ_minutes: Differ = None,
    clock_ahead_days: Ahead = None,
    locks: Locks = None,
    expiry_notice_days: Expiry = None,
    banner_stays_days: Stays = None,
    deadline_notice_hours: Deadline = None,
    reason: WhyOthers = "",
) -> None:
    """Show the windows of an account, or propose others (E18). A second person confirms them (A3)."""
    calm = session.calm()
    from carnet.calm.use_cases.proposals import propose_windows
    from carnet.calm.use_cases.windows import show_windows

    given = {
        "token_life_hours": token_life_hours,
        "cycle_days": cycle_days,
        "newest_request_hours": newest_request_hours,
        "clocks_differ_minutes": clocks_differ_minutes,
        "clock_ahead_days": clock_ahead_days,
        "missed_cycle_locks": locks,
        "expiry_notice_days": _steps(expiry_notice_days),
        "banner_stays_days": banner_stays_days,
        "deadline_notice_hours": _steps(deadline_notice_hours),
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        session.answer(show_windows(account), _windows)
        return
    session.answer(propose_windows(calm, account=account, changes=changes, reason=reason, **session.who()), proposed)


def _steps(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"“{text}” is not a list of whole numbers.", "Write 48,24,4.") from error


def _windows(console: "Console", answer: Any) -> None:
    from carnet.calm.use_cases.windows import LABELS, said

    whose = "the default" if answer.is_default else "set by two people"
    rows = [(label, said(getattr(answer.windows, name))) for name, label in LABELS.items()]
    table(console, f"Windows of {answer.name} ({whose})", ("window", "value"), rows)


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
