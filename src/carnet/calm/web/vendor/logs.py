"""The issuing log with its checkpoint, the audit log, and the vendor's keys."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from carnet.calm.issuing import key_sets, log_book, proposals
from carnet.calm.issuing.audit import Wanted, export_csv, read_audit
from carnet.calm.issuing.models import IssuedKeySet
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, opens
from carnet.calm.web.portal import portal
from carnet.ui.downloads import download
from carnet.ui.forms import DayField, Reason


@opens(May.SEE_VENDOR)
@require_http_methods(["GET", "POST"])
def issuing_log(request: Desk) -> HttpResponse:
    """POST verifies: every leaf, node and file."""
    verified = log_book.verify_log(request.calm) if request.method == "POST" else None
    head = request.calm.head.read()
    page = {"head": head, "size": log_book.log_size(), "verified": verified, "newest": log_book.show_log(last=20)[::-1]}
    return render(request, "calm/vendor/issuing_log.html", page)


class AuditFilter(forms.Form):
    who = forms.CharField(required=False, label=gettext_lazy("Who"))
    kind = forms.CharField(required=False, label=gettext_lazy("What"))
    subject = forms.CharField(required=False, label=gettext_lazy("About (id)"))
    since = DayField(required=False, label=gettext_lazy("From"))
    until = DayField(required=False, label=gettext_lazy("Until"))


@opens(May.SEE_VENDOR)
@require_GET
def audit_log(request: Desk) -> HttpResponseBase:
    """A page of it; or, with `format=csv`, all that the filter leaves."""
    form = AuditFilter(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    wanted = Wanted(**{name: value for name, value in asked.items() if value})
    if request.GET.get("format") == "csv":
        answer = StreamingHttpResponse(export_csv(wanted), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="audit-log.csv"'
        return answer
    before = request.GET.get("before", "")
    page = read_audit(
        wanted, before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
    )
    query = request.GET.copy()
    query.pop("before", None)
    context = {"page": page, "form": form, "query": query.urlencode()}
    return render(request, "calm/vendor/audit_log.html", context)


@opens(May.SEE_VENDOR)
@require_GET
def keys(request: Desk) -> HttpResponse:
    rows = IssuedKeySet.objects.defer("raw").order_by("-version")
    form = Rotate()
    return render(request, "calm/vendor/keys.html", {"sets": rows, "form": form})


@opens(May.SEE_VENDOR)
@require_GET
def key_set(request: Desk, version: int) -> HttpResponse:
    made = key_sets.export_key_set(request.calm, version=version, **request.who)
    return download(made.raw, f"key-set-{made.version}.jws")


@opens(May.SEE_VENDOR)
@require_GET
def trust(request: Desk) -> HttpResponse:
    return download(key_sets.export_trust(portal().name), "trust.json", "application/json")


class Rotate(Reason):
    with_roots = forms.BooleanField(
        required=False,
        label=gettext_lazy("New roots too"),
        help_text=gettext_lazy("The folder keys/roots must be here."),
    )


@opens(May.OPERATE)
@require_POST
def rotate(request: Desk) -> HttpResponse:
    form = Rotate(request.POST)
    asked = form.ask(
        lambda fields: proposals.propose_rotation(
            request.calm, reason=fields["reason"], with_roots=fields["with_roots"], **request.who
        )
    )
    if asked:
        messages.success(request, _("A second person must confirm it. Until then nothing is changed."))
        return redirect("confirmations")
    rows = IssuedKeySet.objects.defer("raw").order_by("-version")
    return render(request, "calm/vendor/keys.html", {"sets": rows, "form": form}, status=422)
