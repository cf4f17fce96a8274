"""Many assignments at once, by a CSV file: checked row by row, and carried out together.

The rows travel in the page between the check and the act, and are checked again then: nothing is kept on the server, no
second upload can bring another file, and the page that was read is what is done.
They are not secret and prove nothing: a person who may post them may also assign one by one.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.control_room.local_api.client import unrefused
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.engine import engine
from carnet.control_room.queries.holders import PAGE, People
from carnet.control_room.rules.granting.assignment_file import (
    ACTIONS,
    COLUMNS,
    MOST_BYTES,
    AssignmentFile,
    AssignmentRow,
    RefusedRow,
    read_assignments,
    refused_file,
)
from carnet.control_room.rules.granting.assignments import (
    NO_ROWS,
    AssignMany,
    AssignmentsAnswer,
    CheckAssignments,
    refused_rows,
)
from carnet.control_room.rules.granting.people import Permission
from carnet.csv_cells import csv_line
from carnet.entitlements import Taking
from carnet.exchange.verdicts import Code, Refusal
from carnet.web_kit.files import download, file_name, uploaded_name

_CSV = "text/csv; charset=utf-8"
SHOWN = 500  # rows of a check that the page lists; those that cannot be carried out come first


@requires(Permission.MANAGE, repeats=True)
@require_http_methods(["GET", "POST"])
def check(request: AuthorizedRequest) -> HttpResponse:
    """POST: a file is read and judged; nothing is changed."""
    if request.method == "GET":
        return _show(request)
    sent = request.FILES.get("file")
    if sent is None:
        messages.warning(request, "No file was sent. Choose a CSV file.")
        return redirect("users-file")
    read = read_assignments(sent.read(MOST_BYTES + 1))
    if isinstance(read, Refusal):
        return _show(request, refusal=read)
    return _checked(request, read, uploaded_name(sent))


def _checked(
    request: AuthorizedRequest, read: AssignmentFile, name: str, refusal: Refusal | None = None
) -> HttpResponse:
    answer = request.client.ask(CheckAssignments(read.rows)) if read.rows else NO_ROWS
    if isinstance(answer, Refusal):
        return _show(request, refusal=answer)
    bad = len(read.errors) + answer.refused
    rows = _rows(read, answer)
    checked = {
        "name": name,
        "answer": answer,
        "rows": rows[:SHOWN],
        "more": max(0, len(rows) - SHOWN),
        "bad": bad,
        "good": answer.assigned + answer.unassigned,
        "refused": msgspec.json.encode(refused_rows(read, answer)).decode(),
        "carried": msgspec.json.encode([(row.line, row.user, row.product, row.written) for row in read.rows]).decode(),
    }
    return _show(request, refusal=refusal, checked=checked, status=422 if bad else 200)


@requires(Permission.MANAGE, repeats=True)
@require_POST
def refused(request: AuthorizedRequest) -> HttpResponse:
    """The refused rows as a file that can be corrected and uploaded."""
    try:
        rows = msgspec.json.decode(request.POST.get("refused", ""), type=list[RefusedRow])
    except msgspec.MsgspecError:
        return _show(request, refusal=_not_whole())
    return download(refused_file(rows), "refused-rows.csv", _CSV)


def _rows(read: AssignmentFile, answer: AssignmentsAnswer) -> list[tuple[int, str, str, str, str]]:
    """Line, user, product, outcome and words: what cannot be carried out first."""
    found = [(error.line, error.user, error.product, "unread", error.message) for error in read.errors]
    found += [
        (row.line, row.user, row.product, verdict.outcome, verdict.message)
        for row, verdict in zip(read.rows, answer.rows, strict=True)
    ]
    return sorted(found, key=lambda row: (row[3] not in ("unread", "refused"), row[0]))


@requires(Permission.MANAGE)
@require_POST
def carry_out(request: AuthorizedRequest) -> HttpResponse:
    """All of them or nothing; with `only_good`, those that can be."""
    rows = _carried(request.POST.get("rows", ""))
    if isinstance(rows, Refusal):
        return _show(request, refusal=rows)
    answer = request.client.execute(AssignMany(rows, "only_good" in request.POST), request.person.name)
    if isinstance(answer, Refusal):  # somebody came first, since the check
        return _checked(request, AssignmentFile(rows, []), request.POST.get("name", ""), answer)
    messages.success(request, _summary(answer))
    return redirect("users")


def _carried(text: str) -> list[AssignmentRow] | Refusal:
    try:
        rows = msgspec.json.decode(text, type=list[tuple[int, str, str, str]])
        return [AssignmentRow(line, user, product, *ACTIONS[action]) for line, user, product, action in rows]
    except (msgspec.MsgspecError, KeyError):
        return _not_whole()


def _not_whole() -> Refusal:
    return Refusal(Code.MALFORMED, "The rows of the check did not come back whole.", "Upload the file again.")


def _summary(answer: AssignmentsAnswer) -> str:
    done = f"{answer.assigned:,} assigned, {answer.unassigned:,} taken back."
    for count, what in ((answer.already, "so before"), (answer.refused, "left out")):
        done += f" {count:,} {'was' if count == 1 else 'were'} {what}." if count else ""
    return done


def _show(
    request: AuthorizedRequest, *, refusal: Refusal | None = None, checked: Any = None, status: int = 200
) -> HttpResponse:
    context = {"refusal": refusal, "checked": checked}
    return render(request, "room/users/file.html", context, status=422 if refusal else status)


@requires(Permission.MANAGE)
@require_GET
def template(request: AuthorizedRequest) -> HttpResponse:
    """The columns, and a row for each product here that is assigned by name."""
    skus = [each.sku for each in request.status.products if each.metric.kind.taking is Taking.ASSIGN]
    return download(_lines([COLUMNS, *(("jane.doe", sku, "assign") for sku in skus)]), "assignments.csv", _CSV)


@requires(Permission.VIEW)
@require_GET
def present(request: AuthorizedRequest) -> HttpResponseBase:
    """The present assignments, as a file that can be changed and uploaded again. Streamed: there may be very many."""
    name = file_name(f"{request.status.name}-assignments.csv")
    answer = StreamingHttpResponse(_present(), content_type=_CSV)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _present() -> Iterator[bytes]:
    """Asked over a connection of its own: the request's is closed before the first line leaves."""
    yield _lines([COLUMNS])
    after: str | None = ""
    with engine() as client:
        while after is not None:
            answer = unrefused(client.ask(People("", after, PAGE)))
            yield _lines((who.user, held.sku, "assign") for who in answer.people for held in who.products)
            after = answer.next


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    return "".join(csv_line(row) for row in rows).encode()
