"""The ledger's records: searched, one in full with its proof, exported; and the checkpoint, to be kept where this
machine cannot change it.
"""

import json
from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from carnet import times
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.ledger.descriptions import what
from carnet.control_room.pages.ledger.reading import (
    ROWS,
    Filter,
    Found,
    read,
    read_all,
)
from carnet.control_room.pages.ledger.verify import verify_context
from carnet.control_room.queries.questions import (
    Checkpoint,
    CheckpointAnswer,
    RecordDetail,
    RecordDetailAnswer,
    Records,
    RecordView,
)
from carnet.control_room.rules.granting.people import Access, NoteAccess, Permission
from carnet.exchange.verdicts import Refusal
from carnet.web_kit.files import download, file_name

_LONGEST_ABOUT = 200  # characters of what is noted of an export
_DIGITS = 15  # of a record's number in an address


@requires(Permission.AUDIT)
@require_GET
def ledger(request: AuthorizedRequest) -> HttpResponse:
    return _page(request, Filter(request.GET))


def _page(request: AuthorizedRequest, form: Filter) -> HttpResponse:
    before, wanted = _number(request, "before"), _number(request, "record")
    answer: Found | Refusal | None = read(request.client, form.question, before) if form.is_valid() else None
    found = answer if isinstance(answer, Found) else None
    refusal = answer if isinstance(answer, Refusal) else None
    detail = _detail(request, wanted)
    names = {product.sku: product.name for product in request.status.products}
    rows = [(record, what(record.kind, record.body, names)) for record in found.records] if found else []
    context: dict[str, Any] = {
        "form": form,
        "found": found,
        "refusal": refusal,
        "rows": rows,
        "detail": detail,
        "body": json.dumps(detail.record.body, indent=2, ensure_ascii=False) if detail else "",
        "in_rows": detail is not None and any(record.index == detail.record.index for record, _said in rows),
        "checkpoint": checkpoint_of(request),
        "is_filtered": form.is_valid() and form.question != Records(ROWS),
        **_pages(request, found, before),
        **verify_context(),
    }
    context["missing"] = missing = wanted if detail is None else None
    status = 422 if refusal or form.errors else 404 if missing is not None else 200
    return render(request, "room/ledger/ledger.html", context, status=status)


def _pages(request: AuthorizedRequest, found: Found | None, before: int | None) -> dict[str, Any]:
    """Other pages of the same list, by the number of a record: what is written meanwhile moves none of them."""
    query = request.GET.copy()
    for name in ("before", "record"):
        query.pop(name, None)
    here = query.copy()
    if before is not None:
        here["before"] = str(before)
    earlier = query.copy()
    if found and found.before:
        earlier["before"] = str(found.before)
    return {
        "before": before,
        "newest_page": f"?{query.urlencode()}#records",
        "this_page": f"?{here.urlencode()}&" if here else "?",
        "older_page": f"?{earlier.urlencode()}#records" if found and found.before else "",
        "filter_fields": [(name, value) for name, value in query.items() if value],
    }


def _number(request: AuthorizedRequest, name: str) -> int | None:
    """The record named in the address; None if it is not a number."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def _detail(request: AuthorizedRequest, index: int | None) -> RecordDetailAnswer | None:
    found = request.client.ask(RecordDetail(index)) if index is not None else None
    return found if isinstance(found, RecordDetailAnswer) else None


@requires(Permission.AUDIT)
@require_GET
def proof(request: AuthorizedRequest, index: int) -> HttpResponse:
    """That the record is in the ledger, for somebody who keeps a checkpoint (RFC 9162)."""
    found = _detail(request, index) if len(str(index)) <= _DIGITS else None
    if found is None:
        raise Http404
    fields = {
        "record": found.record.index,
        "leaf_hash": found.leaf_hash,
        "size": found.size,
        "root": found.root,
        "path": found.path,
        "key_id": found.key_id,
    }
    return download(f"{json.dumps(fields, indent=2)}\n".encode(), f"record-{index}-proof.json", "application/json")


@requires(Permission.AUDIT, repeats=True)
@require_POST
def export(request: AuthorizedRequest) -> HttpResponseBase:
    """Every record that the filter leaves, as lines of JSON. That it was taken is a record too (A1)."""
    form = Filter(request.POST)
    if not form.is_valid():
        return _page(request, form)
    question, size = form.question, request.status.checkpoint.size
    about = ", ".join(f"{name} {form.data[name]}" for name in form.fields if form.data.get(name))
    noted = request.client.execute(
        NoteAccess(Access.RECORDS_EXPORTED, about[:_LONGEST_ABOUT].strip() or None), request.person.name
    )
    if isinstance(noted, Refusal):
        return render(request, "room/ledger/refused.html", {"refusal": noted}, status=422)
    answer = StreamingHttpResponse(_lines(read_all(question, size)), content_type="application/jsonl; charset=utf-8")
    name = file_name(f"{request.status.name}-records-{size}.jsonl")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _lines(records: Iterator[RecordView]) -> Iterator[str]:
    for record in records:
        fields = {
            "index": record.index,
            "at": times.iso(record.at),
            "kind": record.kind,
            "actor": record.actor,
            "body": record.body,
        }
        yield json.dumps(fields, ensure_ascii=False) + "\n"


@requires(Permission.AUDIT)
@require_GET
def paper(request: AuthorizedRequest) -> HttpResponse:
    return render(request, "room/ledger/checkpoint.html", {"checkpoint": checkpoint_of(request)})


@requires(Permission.AUDIT)
@require_GET
def file(request: AuthorizedRequest) -> HttpResponse:
    found = checkpoint_of(request)
    return download(found.text.encode(), f"{request.status.name}-{found.size}.txt", "text/plain; charset=utf-8")


def checkpoint_of(request: AuthorizedRequest) -> CheckpointAnswer:
    return request.client.ask(Checkpoint())
