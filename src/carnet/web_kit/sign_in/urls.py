"""The sign-in package's pages, at addresses of ours, and for whom each is. A side's `door` shuts the rest."""

from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions import views as usersessions
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, re_path

from carnet.web_kit.sent_once import once
from carnet.web_kit.sign_in.entry_code import entry_code
from carnet.web_kit.sign_in.typed import typed_again

Urls = list[URLPattern | URLResolver]


def _once(view: Any) -> Any:
    return once(view, pages_too=False)


# For everybody: they are how one gets in.
ENTRANCE: Urls = [
    path("", account.login, name="account_login"),
    path("passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("second-factor/", mfa.authenticate, name="mfa_authenticate"),
    re_path(
        r"^choose/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("code/", entry_code, name="entry-code"),
    path("chosen/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
# Where links to a password go by mail.
FORGOTTEN: Urls = [
    path("forgotten/", account.password_reset, name="account_reset_password"),
    path("forgotten/sent/", account.password_reset_done, name="account_reset_password_done"),
]
# For a person who is signed in.
AGAIN: Urls = [
    path("out/", account.logout, name="account_logout"),
    path("typed/", typed_again, name="typed-again"),
    path("again/", account.reauthenticate, name="account_reauthenticate"),
    path("again/second-factor/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("again/passkey/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
]
MY: Urls = [
    path("password/", _once(account.password_change), name="account_change_password"),
    path("second-factor/", _once(mfa.index), name="mfa_index"),
    path("one-time-password/", _once(totp.activate_totp), name="mfa_activate_totp"),
    path("one-time-password/remove/", _once(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", _once(recovery.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("recovery-codes/new/", _once(recovery.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("recovery-codes/file/", _once(recovery.download_recovery_codes), name="mfa_download_recovery_codes"),
    path("passkeys/", _once(webauthn.list_webauthn), name="mfa_list_webauthn"),
    path("passkeys/add/", _once(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", _once(webauthn.remove_webauthn), name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/rename/", _once(webauthn.edit_webauthn), name="mfa_edit_webauthn"),
    path("sessions/", _once(usersessions.list_usersessions), name="usersessions_list"),
]


def sso_urls(entrance: str, my: str) -> Urls:
    """Of single sign-on, under these addresses; none where it is off."""
    if not settings.SSO:
        return []
    from carnet.web_kit.sso import urls

    return [path(entrance, include(urls.ENTRANCE)), path(my, include(urls.MY))]


def names(*urls: Urls) -> frozenset[str]:
    return frozenset(str(each.name) for some in urls for each in some if isinstance(each, URLPattern))


# Of single sign-on (`carnet.web_kit.sso.urls`); there only where it is on.
FOR_EVERYBODY = names(ENTRANCE, FORGOTTEN) | {"sso-begin", "openid_connect_callback"}
FOR_SIGNED_IN = names(AGAIN, MY) | {"sso-mine"}
# Where somebody without the second factor that they need may still go, to get one.
ENROLLING = frozenset(
    {"account_logout", "account_reauthenticate", "mfa_activate_totp", "mfa_add_webauthn", "mfa_reauthenticate"}
)
