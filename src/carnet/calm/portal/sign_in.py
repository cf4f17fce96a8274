"""Signing in at the portal: what wraps second factors at rest (A2)."""

from carnet.calm.portal.portal import portal
from carnet.calm.use_cases.stored_secrets import SECOND_FACTOR
from carnet.web_kit.sign_in.adapters import WrappingMfaAdapter


class MfaAdapter(WrappingMfaAdapter):
    def wrap(self, secret: bytes) -> bytes:
        calm = portal().calm()
        return calm.keys.wrap(SECOND_FACTOR, secret, calm.random)

    def unwrap(self, box: bytes) -> bytes:
        return portal().calm().keys.unwrap(SECOND_FACTOR, box)

    def get_totp_issuer(self) -> str:
        return f"CALM {portal().name}"
