"""Django's settings of single sign-on, for a side that has it on."""

from typing import Any

APPS = ["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"]


def settings(adapter: str, *, loopback: bool) -> dict[str, Any]:
    """`adapter`: the side's own (`adapter.Adapter`). `loopback`: an issuer without TLS is taken on this machine."""
    return {
        "SSO": True,
        "SSO_LOOPBACK": loopback,
        "SOCIALACCOUNT_ADAPTER": adapter,
        "SOCIALACCOUNT_PROVIDERS": {
            "openid_connect": {"provider_class": "carnet.web_kit.sso.provider.Provider"},
        },
        "SOCIALACCOUNT_AUTO_SIGNUP": False,
        "SOCIALACCOUNT_EMAIL_AUTHENTICATION": False,  # nobody is known by an address that an issuer claims
        "SOCIALACCOUNT_EMAIL_VERIFICATION": "none",
        "SOCIALACCOUNT_LOGIN_ON_GET": False,
        "SOCIALACCOUNT_STORE_TOKENS": False,
    }
