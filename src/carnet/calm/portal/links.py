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

from carnet.calm.people import staff, staff_acts
from carnet.calm.people.models import Person
from carnet.calm.portal.door import AuthorizedRequest
from carnet.calm.portal.portal import portal
from carnet.calm.use_cases.proposals import Confirmed
from carnet.web_kit.places import with_prefix
from carnet.web_kit.sign_in.adapters import password_link

log = logging.getLogger("calm")
SUBJECT = "CALM: choose a password"
TEXT = """Somebody asked for this link for you at CALM, the license portal of {vendor}. With it you choose a password,
once, within 24 hours:

{link}

If you did not expect it, do nothing, and tell license operations.
"""
LOST_SUBJECT = "CALM: your second factors were removed"
LOST = """{by} removed your second factors at CALM, the license portal of {vendor}. Your password, sessions and
API tokens ended too.

{how}

If you did not lose a second factor, tell license operations at once.
"""
BY_LINK = """With this link you choose another password, once, within 24 hours. Then set up a second factor:

{link}"""
BY_HAND = "You choose another password with a link that license operations gives you. Then set up a second factor."


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


def mailed(request: AuthorizedRequest, email: str, *, lost_by: str = "") -> bool:
    """Sends this person their link, and says what came of it. `lost_by`: who removed their second factors."""
    try:
        _send(staff.find_person(email), request.build_absolute_uri("/").rstrip("/"), lost_by)
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
    lost_by = f"{done.proposed_by} and {done.confirmed_by}" if done.kind == staff_acts.FACTORS else ""
    if done.invited:
        mailed(request, done.invited, lost_by=lost_by)
    elif lost_by:
        messages.info(request, tell_factors_removed(done.subject, lost_by))
    if done.half:
        page = request.build_absolute_uri(with_prefix("/sign-in/code/"))
        told = f"The second half of the code is shown once, here. {done.subject} types both in at {page}: {done.half}"
        messages.info(request, told)


def tell_factors_removed(email: str, by: str) -> str:
    """A3: by mail, to the person, without a link: who acts on the machine hands it over. What came of it."""
    if not mail_is_set():
        return f"No mail server is set: tell {email} yourself that this was done."
    try:
        send_mail(LOST_SUBJECT, LOST.format(by=by, vendor=portal().name, how=BY_HAND), None, [email])
    except OSError as error:
        return f"The mail to {email} could not be sent ({type(error).__name__}): tell them yourself that this was done."
    return f"{email} is told by mail."


def _send(person: Person, site: str, lost_by: str = "") -> None:
    """Raises OSError."""
    link, vendor = site + with_prefix(password_link(person)), portal().name
    if lost_by:
        text = LOST.format(by=lost_by, vendor=vendor, how=BY_LINK.format(link=link))
        send_mail(LOST_SUBJECT, text, None, [person.email])
    else:
        send_mail(SUBJECT, TEXT.format(vendor=vendor, link=link), None, [person.email])
