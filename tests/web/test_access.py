"""A1: every page and every REST operation, for every role and for nobody, as the checked-in table says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse
from django.urls.resolvers import URLResolver

from carnet.calm.rest.interface import api
from tests.web.conftest import Portal

LETTERS = {"operator": "O", "approver": "P", "auditor": "A", "administrator": "a", "viewer": "v"}
ROLES = (*LETTERS, "stranger", "nobody")
TABLE = Path(__file__).with_name("access.txt")
REFUSED = {302, 401, 403, 404}


def read_table() -> dict[tuple[str, str], str]:
    """(name, method) → whom it opens for; `-` for a method that is not there."""
    found = {}
    for line in TABLE.read_text().splitlines():
        words = line.split()
        if words and not line.startswith("#"):
            for method, who in zip(words[1::2], words[2::2], strict=True):
                found[words[0], method] = who
    return found


def pages() -> Iterator[tuple[str, URLPattern]]:
    def walk(patterns: list[Any]) -> Iterator[tuple[str, URLPattern]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                if pattern.namespace != "api":
                    yield from walk(pattern.url_patterns)
            else:
                yield str(pattern.name), pattern

    yield from walk(get_resolver().url_patterns)


def operations() -> dict[str, tuple[str, str]]:
    """REST: operation → its method and path."""
    found = {}
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"].rpartition("_rest_")[2]
            name = name.split("_", 1)[1] if name.split("_", 1)[0] in ("accounts", "exchange", "vendor") else name
            found[name] = (method.upper(), path)
    return found


@pytest.mark.rule("A1")
def test_every_page_has_a_row() -> None:
    rows = read_table()
    assert {name for name, _ in pages()} == {name for name, _ in rows if not name.startswith("api:")}


@pytest.mark.rule("A1")
def test_every_rest_operation_has_a_row() -> None:
    rows = {(name.removeprefix("api:"), method) for name, method in read_table() if name.startswith("api:")}
    assert {(name, method) for name, (method, _) in operations().items()} == rows


def arguments(pattern: URLPattern, things: dict[str, Any], name: str) -> dict[str, Any]:
    words = {"uidb36": "1", "key": "set-password", "pk": 1}
    return {
        word: words.get(word, things.get(word))
        for word in pattern.pattern.converters or pattern.pattern.regex.groupindex  # type: ignore[attr-defined]
    }


def tried(client: Any, method: str, url: str, **more: Any) -> HttpResponse:
    """The answer; whatever it changed is taken back."""
    with transaction.atomic():
        answer: HttpResponse = getattr(client, method.lower())(url, **more)
        transaction.set_rollback(True)
    return answer


def is_sign_in(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith("/sign-in/?next=")


def expected(role: str, who: str, *, scoped: bool) -> str:
    if who == "*":
        return "in"
    if role == "nobody":
        return "sign in"
    if role == "stranger":
        if "a" not in who:
            return "403"
        return "404" if scoped else "in"
    return "in" if LETTERS[role] in who else "403"


OWN_THINGS = ("api-tokens", "api-token-rename", "api-token-revoke", "home")


@pytest.mark.slow
@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", ROLES)
def test_each_page_opens_for_whom_the_table_says(portal: Portal, role: str) -> None:
    things, rows, wrong = portal.furnish(), read_table(), []
    for name, pattern in pages():
        mine = name in OWN_THINGS or "_" in name
        url = reverse(name, kwargs=arguments(pattern, things, name) or None)
        for method in ("GET", "POST"):
            who = rows[name, method]
            answer = tried(portal.as_(role), method, url)
            if who == "-":
                fine = answer.status_code in (405, *REFUSED)
            else:
                wanted = expected(role, who, scoped=bool(pattern.pattern.converters) and not mine)
                fine = judged(answer, wanted, by_package="_" in name)
            if not fine:
                wrong.append((name, method, role, who, answer.status_code))
    assert not wrong


def judged(answer: HttpResponse, wanted: str, *, by_package: bool) -> bool:
    status = answer.status_code
    if wanted == "sign in":
        return is_sign_in(answer)
    if wanted in ("403", "404"):
        return status == int(wanted)
    return not is_sign_in(answer) and (
        (status < 500 and (status not in (401, 403) and (status != 404 or by_package))) or status == 400
    )


@pytest.mark.slow
@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", ROLES)
def test_each_rest_operation_opens_for_whom_the_table_says(portal: Portal, role: str) -> None:
    things, rows, wrong = portal.furnish(), read_table(), []
    headers = {} if role == "nobody" else {"Authorization": f"Bearer {portal.token_of(role)}"}
    for name, (method, path) in operations().items():
        who = rows[f"api:{name}", method]
        url = path.format(**things)
        given = BODIES.get(name, {}) | ({"lfr": things["lfr"]} if name in ("preview", "issue", "renew_as_now") else {})
        body = {"data": given, "content_type": "application/json"} if method == "POST" else {}
        answer = tried(portal.as_("nobody"), method, url, headers=headers, **body)
        scoped = "{" in path
        wanted = {"sign in": 401, "403": 403, "404": 404}.get(expected(role, who, scoped=scoped))
        fine = answer.status_code == wanted if wanted else answer.status_code not in (401, 403, 404, 500)
        if not fine:
            wrong.append((name, role, who, answer.status_code, answer.content[:200]))
    assert not wrong


BODIES: dict[str, dict[str, Any]] = {
    "add_account": {"name": "Fabrikam"},
    "request_approval": {"industry": "energy", "reason": "closed", "version": "40"},
    "grant_approval": {"reason": "seen"},
    "refuse_approval": {"reason": "seen"},
    "withdraw_approval": {"reason": "seen"},
    "add_purchase": {
        "sku": "bot-creator",
        "quantity": 1,
        "valid_from": "2026-11-01T00:00:00Z",
        "valid_until": "2027-11-01T00:00:00Z",
    },
    "add_guid": {"label": "south"},
    "write_off": {"reason": "burnt"},
    "readmit": {"reason": "moved again"},
    "propose_windows": {"reason": "a long way", "cycle_days": 14},
}


@pytest.mark.rule("A1")
def test_what_is_anothers_answers_as_what_does_not_exist(portal: Portal) -> None:
    """The same status, the same words, the same number of queries."""
    things = portal.furnish()
    stranger = portal.as_("stranger")
    stranger.get(reverse("api-tokens"))  # the session notes who is active once in a while: not in what is compared
    for name, word in (("customer", "account"), ("room", "guid"), ("refused", "number")):
        there = reverse(name, kwargs={word: things[word]})
        nowhere = reverse(name, kwargs={word: 999_999 if word == "number" else "0" * 36})
        answers = []
        for url in (there, nowhere):
            with CaptureQueriesContext(connection) as queries:
                answer = stranger.get(url)
            answers.append((answer.status_code, answer.content.replace(url.encode(), b""), len(queries)))
        assert answers[0][0] == 404
        assert _words(answers[0][1]) == _words(answers[1][1])
        assert answers[0][2] == answers[1][2]


def _words(page: bytes) -> str:
    """The page without the token of its forms, which is another each time."""
    return re.sub(r'(name="csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]*', "", page.decode())


@pytest.mark.rule("A1")
@pytest.mark.parametrize(
    "address", ["/accounts/%00/", "/guids/%00/", "/guids/..%2f..%2f/", "/guids/" + "a" * 500 + "/", "/refused/-1/"]
)
def test_an_address_that_names_nothing_is_not_looked_up(portal: Portal, address: str) -> None:
    browser = portal.as_("operator")
    assert browser.get(address).status_code == 404
