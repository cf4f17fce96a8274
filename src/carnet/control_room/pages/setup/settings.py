"""Settings: where notices and checkpoint lines go; and a backup to carry away, made by the command in a process of its
own, while bots are served.
"""

import json
import os
import subprocess
from typing import Any

from django import forms
from django.conf import settings as django_settings
from django.contrib import messages
from django.core.validators import validate_email
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from carnet import times
from carnet.control_room.engine.sqlite import DATABASE
from carnet.control_room.pages import notices
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.issuer import issuer
from carnet.control_room.pages.models import NoticeSettings
from carnet.control_room.pages.runtime_config import PAGES, runtime_config, runtime_services
from carnet.control_room.rules.granting.people import Access, NoteAccess, Permission
from carnet.errors import StorageError
from carnet.files import scratch_folder
from carnet.printable import is_printable
from carnet.sealed_backup import SCRATCH, place_of_copies
from carnet.web_kit.files import file_name
from carnet.web_kit.page_seen import seen_by
from carnet.web_kit.sso.issuers import OWN


class Notices(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = NoticeSettings
        fields = (
            "mail_to",
            "mail_from",
            "mail_host",
            "mail_port",
            "mail_security",
            "syslog",
            "syslog_protocol",
            "syslog_notices",
            "syslog_checkpoints",
        )
        labels = {
            "mail_to": "Send notices to",
            "mail_from": "From",
            "mail_host": "Mail server",
            "mail_port": "Port",
            "mail_security": "Protected by",
            "syslog": "Syslog",
            "syslog_protocol": "Carried by",
            "syslog_notices": "Send notices to it",
            "syslog_checkpoints": "Send the ledger's checkpoint to it, every hour",
        }
        help_texts = {
            "mail_to": "One address a line. None: no mail is sent.",
            "mail_host": "One that takes mail without a password. Another is named where this server is started.",
            "syslog": "HOST:PORT, or the path of a socket, such as /dev/log.",
            "syslog_checkpoints": "Kept on another machine, it shows later that this history was not shortened.",
        }
        widgets = {"mail_to": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *words: Any, **named: Any) -> None:
        """A7: where the server's operator named the mail server, nothing of it is chosen here."""
        super().__init__(*words, **named)
        if notices.is_server_given():
            for name in ("mail_host", "mail_port", "mail_security"):
                del self.fields[name]

    def clean_mail_to(self) -> str:
        found = [line.strip() for line in self.cleaned_data["mail_to"].splitlines() if line.strip()]
        for address in found:
            validate_email(address)
            if not is_printable(address):
                raise forms.ValidationError("An address holds a character that is not seen.")
        return "\n".join(found)

    def clean_syslog(self) -> str:
        text = str(self.cleaned_data["syslog"]).strip()
        if text and notices.syslog_address(text) is None:
            raise forms.ValidationError("Write HOST:PORT, such as logs.example:514, or the path of a socket.")
        return text

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if found.get("mail_to") and not (found.get("mail_host") or notices.is_server_given()):
            self.add_error("mail_host", "Mail needs a server that takes it.")
        if (found.get("syslog_notices") or found.get("syslog_checkpoints")) and not found.get("syslog"):
            self.add_error("syslog", "Say where the syslog is.")
        return found


@requires(Permission.ADMINISTER, fresh=True)
@require_http_methods(["GET", "POST"])
def settings(request: AuthorizedRequest) -> HttpResponse:
    kept = notices.settings()
    form = Notices(request.POST or None, instance=kept)
    if first := _saved_since(kept, seen_by(request)):
        form.add_error(None, first)
    if request.method == "POST" and form.is_valid():
        form.instance.saved_by, form.instance.saved_at = request.person.name, request.now
        form.instance.saved_size = request.status.checkpoint.size
        form.save()
        request.client.execute(NoteAccess(Access.SETTINGS_CHANGED, "notices"), request.person.name)
        messages.success(request, "Saved. It counts from the next notice on.")
        return redirect("settings")
    page = {
        "form": form,
        "second_factor": django_settings.SECOND_FACTOR,
        "directory": os.environ.get("CARNET_ROOM_LDAP", ""),
        "issuer": issuer(),
        "back_address": request.build_absolute_uri(f"/account/issuer/{OWN}/"),
        "mail_server": os.environ.get(notices.MAIL_HOST, ""),
    }
    return render(request, "room/setup/settings.html", page, status=422 if form.errors else 200)


def _saved_since(kept: NoticeSettings, seen: int | None) -> str:
    """N5: who saved them after the page was made. Empty where that was no one."""
    if seen is None or kept.saved_at is None or kept.saved_size < seen:
        return ""
    return (
        f"{kept.saved_by} saved these settings at {times.stamp(kept.saved_at)}, after this page was opened. Yours were "
        "not saved. Look at what is there now, in another window; where yours are still wanted, save again."
    )


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def try_out(request: AuthorizedRequest) -> HttpResponse:
    """Sends a notice that says that it is a trial, by every way that is set."""
    problems = notices.try_out(request.status.name)
    for problem in problems:
        messages.error(request, problem)
    if not problems:
        messages.success(request, "Sent. Look whether it has come.")
    return redirect("settings")


PATIENCE = 600  # seconds


@requires(Permission.ADMINISTER, fresh=True)
@require_POST
def backup(request: AuthorizedRequest) -> HttpResponseBase:
    """Raises StorageError where it could not be made."""
    request.client.execute(NoteAccess(Access.BACKUP_TAKEN), request.person.name)
    with scratch_folder(place_of_copies(runtime_config().data, (DATABASE, PAGES)), SCRATCH) as scratch:
        out = scratch / "backup"
        words = ["backup", "--json", "--out", str(out), "--data", runtime_config().folder]
        if runtime_config().passphrase_file:
            words += ["--passphrase-file", str(runtime_config().passphrase_file)]
        done = subprocess.run([*runtime_services().command, *words], capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise _said(done.stdout)
        packed = out.open("rb")  # it can be read as long as it is open, though its name goes
    name = file_name(f"{request.status.name}-{times.day(request.now)}.backup")
    return FileResponse(packed, as_attachment=True, filename=name, content_type="application/octet-stream")


def _said(answer: bytes) -> StorageError:
    """Why the command made no backup, in its own words."""
    try:
        failed = json.loads(answer)["failed"]
    except (ValueError, KeyError):
        return StorageError("The backup could not be made.", "See whether the disk has room, then try again.")
    return StorageError(failed["message"], failed["next"])
