"""Settings: where notices and checkpoint lines go."""

import os
from typing import Any

from django import forms
from django.conf import settings as django_settings
from django.contrib import messages
from django.core.validators import validate_email
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from carnet.control_room.granting.people import Access, May, NoteAccess
from carnet.control_room.web import notices
from carnet.control_room.web.door import Visit, opens
from carnet.control_room.web.models import NoticeSettings


class Notices(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = NoticeSettings
        fields = (
            "mail_to",
            "mail_from",
            "mail_host",
            "mail_port",
            "mail_security",
            "mail_user",
            "syslog",
            "syslog_protocol",
            "syslog_notices",
            "syslog_checkpoints",
        )
        labels = {
            "mail_to": gettext_lazy("Send notices to"),
            "mail_from": gettext_lazy("From"),
            "mail_host": gettext_lazy("Mail server"),
            "mail_port": gettext_lazy("Port"),
            "mail_security": gettext_lazy("Protected by"),
            "mail_user": gettext_lazy("User name there"),
            "syslog": gettext_lazy("Syslog"),
            "syslog_protocol": gettext_lazy("Carried by"),
            "syslog_notices": gettext_lazy("Send notices to it"),
            "syslog_checkpoints": gettext_lazy("Send the ledger's checkpoint to it, every hour"),
        }
        help_texts = {
            "mail_to": gettext_lazy("One address a line. None: no mail is sent."),
            "mail_user": gettext_lazy("Its password is read from the file that CARNET_ROOM_SMTP_PASSWORD_FILE names."),
            "syslog": gettext_lazy("HOST:PORT, or the path of a socket, such as /dev/log."),
            "syslog_checkpoints": gettext_lazy(
                "Kept on another machine, it shows later that this history was not shortened."
            ),
        }
        widgets = {"mail_to": forms.Textarea(attrs={"rows": 3})}

    def clean_mail_to(self) -> str:
        found = [line.strip() for line in self.cleaned_data["mail_to"].splitlines() if line.strip()]
        for address in found:
            validate_email(address)
        return "\n".join(found)

    def clean_syslog(self) -> str:
        text = str(self.cleaned_data["syslog"]).strip()
        if text and notices.syslog_address(text) is None:
            raise forms.ValidationError(_("Write HOST:PORT, such as logs.example:514, or the path of a socket."))
        return text

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if found.get("mail_to") and not found.get("mail_host"):
            self.add_error("mail_host", _("Mail needs a server that takes it."))
        if (found.get("syslog_notices") or found.get("syslog_checkpoints")) and not found.get("syslog"):
            self.add_error("syslog", _("Say where the syslog is."))
        return found


@opens(May.ADMINISTER)
@require_http_methods(["GET", "POST"])
def settings(request: Visit) -> HttpResponse:
    form = Notices(request.POST or None, instance=notices.settings())
    if request.method == "POST" and form.is_valid():
        form.save()
        request.desk.execute(NoteAccess(Access.SETTINGS_CHANGED, "notices"), request.person.name)
        messages.success(request, _("Saved. It counts from the next notice on."))
        return redirect("settings")
    page = {
        "form": form,
        "second_factor": django_settings.NEEDS_SECOND_FACTOR,
        "directory": os.environ.get("CARNET_ROOM_LDAP", ""),
    }
    return render(request, "room/setup/settings.html", page, status=422 if form.errors else 200)


@opens(May.ADMINISTER)
@require_POST
def try_out(request: Visit) -> HttpResponse:
    """Sends a notice that says that it is a trial, by every way that is set."""
    problems = notices.try_out(request.status.name)
    for problem in problems:
        messages.error(request, problem)
    if not problems:
        messages.success(request, _("Sent. Look whether it has come."))
    return redirect("settings")
