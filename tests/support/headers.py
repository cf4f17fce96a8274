"""What every answer of the pages of both sides says to a browser: asserted of each answer that a test gets."""

from collections.abc import Mapping

WANTED = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
POLICY = ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'")


def wrong_headers(headers: Mapping[str, str]) -> list[str]:
    """Those that are missing or say something else; none where the answer may be shown."""
    found = {name.lower(): value for name, value in headers.items()}
    wrong = [f"{name}: {found.get(name)}" for name, value in WANTED.items() if found.get(name) != value]
    policy = [part.strip() for part in found.get("content-security-policy", "").split(";")]
    wrong += [f"content-security-policy lacks {part}" for part in POLICY if part not in policy]
    cookie = found.get("set-cookie", "").lower()
    if cookie and "httponly" not in cookie and "max-age=0" not in cookie:  # one that is taken away says nothing
        wrong.append(f"set-cookie: {found['set-cookie']}")
    return wrong + [f"{name} is sent" for name in ("access-control-allow-origin", "x-powered-by") if name in found]
