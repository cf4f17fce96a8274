"""Links to a password: by mail to the person's own address, and where no mail server is set as A3 says. And what is
said to who asks for one without being signed in: the same, whoever it is about (A6)."""

import logging
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.http import HttpRequest

from carnet.calm.people import staff
from carnet.calm.people.models import Person
from carnet.calm.portal.door import AuthorizedRequest
from carnet.calm.portal.portal import portal
from carnet.calm.use_cases.proposals import Confirmed
from carnet.web_kit.sign_in.adapters import password_link

log = logging.getLogger("calm")
SUBJECT = "CALM: choose a password"
TEXT = """Somebody asked for this link for you at CALM, the license portal of {vendor}. With it you choose a password,
once, within 24 hours:

{link}

If you did not expect it, do nothing, and tell license operations.
"""


class Forgotten(forms.Form):
    """In place of the package's own: the request looks nobody up, so that nothing of it tells who is here."""

    email = forms.EmailField(max_length=254, label="E-mail address")

    def save(self, request: HttpRequest, **_: Any) -> str:
        address = str(self.cleaned_data["email"]).lower()
        portal().later(partial(answer_forgotten, address, request.build_absolute_uri("/").rstrip("/")))
        return address


def answer_forgotten(address: str, site: str) -> None:
    """After the request was answered. What fails is said in the log, with nobody's address."""
    if not mail_is_set():
        log.error("a link to a password was asked for, and no mail server is set: CARNET_SMTP_HOST names one")
        return
    person = Person.objects.filter(email=address, is_active=True).first()
    try:
        if person:
            _send(person, site)
    except OSError as error:
        log.error("a link to a password could not be sent: %s", type(error).__name__)  # noqa: TRY400 - it names people


def mail_is_set() -> bool:
    return bool(settings.EMAIL_HOST)


def mailed(request: AuthorizedRequest, email: str) -> bool:
    """Sends this person their link, and says what came of it."""
    try:
        _send(staff.find_person(email), request.build_absolute_uri("/").rstrip("/"))
    except OSError as error:
        log.error("a link to a password could not be sent: %s", type(error).__name__)  # noqa: TRY400 - it names people
        messages.error(
            request, f"The mail to {email} could not be sent ({type(error).__name__}): give a new link later."
        )
        return False
    messages.success(request, f"A link to choose a password is on its way to {email}.")
    return True


def tell_confirmed(request: AuthorizedRequest, done: Confirmed) -> None:
    """A3: the second half of a code, to who confirmed; or the link, by mail, to whom it is for."""
    if done.invited:
        mailed(request, done.invited)
    if done.half:
        page = request.build_absolute_uri("/sign-in/code/")
        told = f"The second half of the code is shown once, here. {done.subject} types both in at {page}: {done.half}"
        messages.info(request, told)


def _send(person: Person, site: str) -> None:
    """Raises OSError."""
    text = TEXT.format(vendor=portal().name, link=site + password_link(person))
    send_mail(SUBJECT, text, None, [person.email])
