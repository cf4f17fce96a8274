"""An OpenID Provider of a test, on loopback: idpyoidc's, the successor of a certified one. It signs in whoever it is
told to, at once; tests may turn its keys, alter what it answers, and stop it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptojwt.key_jar import build_keyissuer
from idpyoidc.server import Server
from idpyoidc.server.client_authn import verify_client
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.user_authn.authn_context import INTERNETPROTOCOLPASSWORD
from idpyoidc.server.user_info import UserInfo

from tests.support.kept_logs import secret

CLIENT, CLIENT_SECRET = "carnet", secret("of the client, at the issuer, long enough", "a client's secret")
_KEYS = [{"type": "EC", "crv": "P-256", "use": ["sig"]}]
_PATHS = {
    ".well-known/openid-configuration": "provider_config",
    "authorization": "authorization",
    "token": "token",
}
_KINDS = {
    "provider_config": "idpyoidc.server.oidc.provider_config.ProviderConfiguration",
    "authorization": "idpyoidc.server.oidc.authorization.Authorization",
    "token": "idpyoidc.server.oidc.token.Token",
}
DOWN = b"nothing answers"
Alter = Callable[[str, dict[str, Any]], Any]


@dataclass
class OpenIdProvider:
    """`altered`: what becomes of an answer (name of the endpoint, and its JSON); `asked`: the endpoints, in order."""

    url: str
    server: Server
    altered: Alter = lambda _name, answer: answer
    asked: list[str] = field(default_factory=list)

    def know(self, *redirects: str) -> None:
        """The client, with its redirect addresses."""
        self.server.context.cdb[CLIENT] = {
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [(each, {}) for each in redirects],
            "client_salt": "salt",
            "token_endpoint_auth_method": "client_secret_post",
            "response_types_supported": ["code"],
            "allowed_scopes": ["openid"],
            "id_token_signed_response_alg": "ES256",
        }
        self.server.context.keyjar.add_symmetric(CLIENT, CLIENT_SECRET)

    def signs_in(self, user: str) -> None:
        """Who has a session there from now on."""
        self.server.context.authn_broker["anon"]["method"].user = user

    def turn_keys(self) -> None:
        """New ones; the old are gone."""
        jar, fresh = self.server.context.keyjar, build_keyissuer(_KEYS)
        for owner in {"", self.url} & set(jar.owners()):
            jar[owner] = fresh

    def signed_as(self, answer: dict[str, Any], **claims: Any) -> dict[str, Any]:
        """The answer with a token of other claims, signed by this provider's own key; None takes a claim away."""
        key = self.server.context.keyjar.get_signing_key("EC", "")[-1]
        made = {name: value for name, value in (claims_of(answer) | claims).items() if value is not None}
        return answer | {"id_token": jwt.encode(made, key.private_key(), "ES256", {"kid": key.kid})}

    def answer(self, path: str, text: str | dict[str, Any], headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON (or nothing), headers."""
        if path == "jwks.json":
            self.asked.append("keys")
            return 200, self.altered("keys", json.loads(self.server.context.keyjar.export_jwks_as_json())), {}
        name = _PATHS[path]
        self.asked.append(name)
        endpoint = self.server.get_endpoint(name)
        request = endpoint.parse_request(text, http_info={"headers": headers})
        if "error" in request:
            return 400, request.to_dict(), {}
        done = endpoint.process_request(request, http_info={"headers": headers})
        if "error" in done:
            return 400, done if isinstance(done, dict) else done.to_dict(), {}
        said = endpoint.do_response(request=request, **done)
        if name == "authorization":
            return 302, None, {"Location": said["response"]}
        return 200, self.altered(name, json.loads(said["response"])), {}


def claims_of(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(jwt.decode(answer["id_token"], options={"verify_signature": False}))


def _server(url: str) -> Server:
    lifetimes = {"lifetime": 600, "kwargs": {"crypt_conf": _crypt()}}
    config = {
        "issuer": url,
        "httpc_params": {"verify": False, "timeout": 1},
        "subject_types_supported": ["public"],
        "key_conf": {"uri_path": "jwks.json", "key_defs": _KEYS},
        "preference": {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]},
        "endpoint": {name: {"path": path, "class": _KINDS[name], "kwargs": {}} for path, name in _PATHS.items()},
        "add_ons": {
            "pkce": {
                "function": "idpyoidc.server.oauth2.add_on.pkce.add_support",
                "kwargs": {"essential": True, "code_challenge_methods": {"S256": None}},
            }
        },
        "authentication": {
            "anon": {
                "acr": INTERNETPROTOCOLPASSWORD,
                "class": "idpyoidc.server.user_authn.user.NoAuthn",
                "kwargs": {"user": "nobody"},
            }
        },
        "userinfo": {"class": UserInfo, "kwargs": {"db": {}}},
        "client_authn": verify_client,
        "token_handler_args": {
            "key_conf": {"key_defs": [{"type": "oct", "bytes": "24", "use": ["enc"], "kid": "code"}]},
            "code": lifetimes,
            "token": {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": 600}},
            "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {}},
        },
        "session_params": {"encrypter": _crypt()},
    }
    return Server(OPConfiguration(conf=config, base_path=""), cwd="")


def _crypt() -> dict[str, Any]:
    return {
        "kwargs": {
            "keys": {
                "key_defs": [
                    {"type": "OCT", "use": ["enc"], "kid": "password"},
                    {"type": "OCT", "use": ["enc"], "kid": "salt"},
                ]
            },
            "iterations": 1,
        }
    }


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    found: list[OpenIdProvider] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._say(*found[0].answer(parts.path.strip("/"), parts.query, dict(self.headers)))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._say(*found[0].answer(urlsplit(self.path).path.strip("/"), text, dict(self.headers)))

        def _say(self, status: int, body: Any, headers: dict[str, str]) -> None:
            if body == DOWN:
                return  # the connection ends, and nothing was said
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(raw))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *words: object) -> None:
            """Nothing is printed."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = False  # each is waited for at the end
    url = f"http://127.0.0.1:{http.server_port}"
    found.append(OpenIdProvider(url, _server(url)))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found[0]
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
