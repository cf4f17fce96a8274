"""What `calm check` says of the settings beside Django's own checks."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register

NO_MAIL = Error(
    "No mail server is set: links to choose a password cannot be sent, and notices cannot either.",
    hint="Name one in CARNET_SMTP_HOST (docs/settings.md).",
    id="calm.E001",
)


@register(Tags.security, deploy=True)
def mail_is_set(**_: Any) -> list[Error]:
    """A6: it is the operator who is told so, and not who asks for a link."""
    return [] if settings.EMAIL_HOST else [NO_MAIL]
