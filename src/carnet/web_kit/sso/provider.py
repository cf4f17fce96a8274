"""The sign-in package's provider of OpenID Connect, made stricter: PKCE and a nonce always, the ID token's signature
always, discovery that names the same issuer, and nothing of a person but who they are to the issuer."""

from hashlib import sha256
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest

from carnet.web_kit.sso import id_token
from carnet.web_kit.sso.fetch import RefusedAnswerError, check_address

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def nonce_of(verifier: str) -> str:
    """Of one attempt: the verifier of PKCE is kept in the session, and this is no way back to it."""
    return sha256(f"nonce|{verifier}".encode()).hexdigest()


class OAuth2Adapter(OpenIDConnectOAuth2Adapter):
    _verifier = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the issuer says of itself. Raises RefusedAnswerError."""
        if not hasattr(self, "_openid_config"):
            provider = self.get_provider()
            with get_adapter(self.request).get_requests_session() as session:
                answer = session.get(provider.server_url)
                answer.raise_for_status()
            try:
                self._openid_config = _checked(answer.json(), provider.app.settings["server_url"])
            except ValueError as error:
                raise RefusedAnswerError("it does not say where it is asked") from error
        return self._openid_config

    def get_access_token_data(self, request: HttpRequest, app: Any, client: Any, pkce_code_verifier: Any = None) -> Any:
        self._verifier = str(pkce_code_verifier or "")
        return super().get_access_token_data(request, app, client, pkce_code_verifier=pkce_code_verifier)

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        adapter, config = get_adapter(request), self.openid_config
        text = kwargs["response"].get("id_token")
        if not isinstance(text, str) or not self._verifier:
            raise RefusedAnswerError("it holds no ID token")
        expected = id_token.Expected(config["issuer"], app.client_id, nonce_of(self._verifier), config["jwks_uri"])
        with adapter.get_requests_session() as session:
            claims = id_token.read(text, expected, adapter.clock(request), session)
        at = claims.get("auth_time")
        request.at_issuer = at if isinstance(at, int | float) else 0  # type: ignore[attr-defined]
        account = SocialAccount(provider=app.provider_id, uid=claims["sub"], extra_data={})
        return SocialLogin(provider=self.get_provider(), account=account)


def _checked(config: Any, url: str) -> dict[str, Any]:
    """Raises RefusedAnswerError, and ValueError where it is not a list of addresses."""
    if not isinstance(config, dict) or not all(isinstance(config.get(name), str) for name in ("issuer", *_ENDPOINTS)):
        raise ValueError
    if config["issuer"] != url:
        raise RefusedAnswerError("it calls itself by another address than the one that is set here")
    for name in _ENDPOINTS:
        check_address(config[name])
    return config


class Provider(OpenIDConnectProvider):
    oauth2_adapter_class = OAuth2Adapter
    supports_token_authentication = False

    def serialize(self) -> dict[str, str]:
        """By which a sign-in that waits for its second factor finds it again."""
        return {"id": self.app.provider_id}

    def get_default_scope(self) -> list[str]:
        return ["openid"]

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return self.get_default_scope()

    def get_auth_params_from_request(self, request: HttpRequest, action: Any) -> dict[str, str]:
        """Nothing that an address adds."""
        return {}

    def get_pkce_params(self) -> dict[str, str]:
        found = dict(super().get_pkce_params())
        return found | {"nonce": nonce_of(found["code_verifier"])}


provider_classes = [Provider]
