"""Every page. `web.door` shuts whatever does not say whom it opens for."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions import views as usersessions
from django.urls import URLPattern, URLResolver, include, path, re_path, register_converter

from carnet.calm.web.ids import Id

register_converter(Id, "id")
SIGN_IN: list[URLPattern | URLResolver] = [
    path("", account.login, name="account_login"),
    path("passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("second-factor/", mfa.authenticate, name="mfa_authenticate"),
    path("out/", account.logout, name="account_logout"),
    path("again/", account.reauthenticate, name="account_reauthenticate"),
    path("again/second-factor/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("again/passkey/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("forgotten/", account.password_reset, name="account_reset_password"),
    path("forgotten/sent/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^choose/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("chosen/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
MY: list[URLPattern | URLResolver] = [
    path("password/", account.password_change, name="account_change_password"),
    path("second-factor/", mfa.index, name="mfa_index"),
    path("one-time-password/", totp.activate_totp, name="mfa_activate_totp"),
    path("one-time-password/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("recovery-codes/", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("recovery-codes/new/", recovery.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("recovery-codes/file/", recovery.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("passkeys/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("passkeys/add/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", webauthn.remove_webauthn, name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/rename/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
    path("sessions/", usersessions.list_usersessions, name="usersessions_list"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in/", include(SIGN_IN)),
    path("my/", include(MY)),
    path("", include("carnet.calm.web.own.urls")),
    path("", include("carnet.calm.web.vendor.urls")),  # before the customers': accounts/add/ is no account
    path("", include("carnet.calm.web.customer.urls")),
    path("", include("carnet.calm.web.room.urls")),
]
