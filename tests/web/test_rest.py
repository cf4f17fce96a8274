"""The REST interface: the exchange through it, and its document read by a machine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.servers.basehttp import WSGIRequestHandler

from tests.support import depth
from tests.web.conftest import Portal

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.fuzz
@pytest.mark.parametrize("role", ["operator", pytest.param("administrator", marks=pytest.mark.deep)])
def test_a_machine_that_reads_the_document_finds_nothing(
    transactional_db: None,
    live_server: Any,
    portal: Portal,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
) -> None:
    """schemathesis, through its own command: no 5xx, no answer outside the schema."""
    settings.ALLOWED_HOSTS = ["*"]
    monkeypatch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)  # else each answer waits for 40 ms
    things = portal.furnish()
    config = tmp_path / "schemathesis.toml"
    known = "\n".join(f'"path.{word}" = "{things[word]}"' for word in ("account", "guid", "room", "file"))
    config.write_text(f'[generation]\ndatabase = "none"\n[parameters]\n{known}\n')
    url = f"{live_server.url}/api/v1/"
    ran = subprocess.run(
        [
            Path(sys.executable).with_name("st"), "--config-file", config,
            "run", f"{url}openapi.json", "--url", live_server.url,
            "-H", f"Authorization: Bearer {portal.token_of(role)}", "--seed", str(depth.seed_number()),
            "--checks", CHECKS,
            "--phases", "coverage,fuzzing", "--max-examples", str(depth.times(1, 100)),
            "--no-color", "--continue-on-failure",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=depth.times(180, 3600), check=False,
    )  # fmt: skip
    assert re.search(r"\d+ generated", ran.stdout), ran.stdout + ran.stderr
    found = re.findall(r"^- (.+?)Reproduce with", ran.stdout, re.MULTILINE | re.DOTALL)
    assert found == [], ran.stdout


@pytest.mark.rule("E6", "H1")
def test_the_exchange_by_a_program(portal: Portal) -> None:
    browser = portal.as_("nobody")
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    guid = f"/api/v1/guids/{portal.guid}"

    def post(path: str, body: Any, kind: str = "application/json") -> Any:
        return browser.post(path, body, content_type=kind, headers=headers)

    raw = portal.north.request(portal.now)
    accepted = post(f"{guid}/lfrs", raw, "application/octet-stream").json()
    assert (accepted["verdict"], accepted["name"]) == ("accepted", "Plant North")
    too_many = post(f"{guid}/license-files", {"lfr": accepted["lfr"], "products": {"bot-creator": 11}})
    assert (too_many.status_code, too_many.json()["code"]) == (409, "over_entitlement")
    issued = post(f"{guid}/license-files", {"lfr": accepted["lfr"], "products": {"bot-creator": 4}})
    assert issued.status_code == 201
    file = browser.get(f"{guid}/license-files/{issued.json()['license_file']}", headers=headers).content
    receipt = portal.north.install(file, portal.now)
    confirmed = post(f"{guid}/receipts", receipt, "application/octet-stream").json()
    assert confirmed["verdict"] == "confirmed"
    assert portal.held() == {"bot-creator": 4}


@pytest.mark.rule("N1")
@pytest.mark.security
def test_no_list_is_longer_than_a_page_whatever_is_asked(portal: Portal) -> None:
    """Over REST and at the pages; `per_page` is nobody's to choose."""
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    for number in range(105):
        portal.add_guid(f"place {number:03}")
        portal.buy("bot-creator", 1)
    where, asked = f"/api/v1/accounts/{portal.northwind.id}", {"per_page": 100_000, "page_size": 100_000}
    for name in ("guids", "purchases", "approvals"):
        first = portal.as_("nobody").get(f"{where}/{name}", asked, headers=headers).json()
        assert len(first[name]) == min(100, len(first[name]))
        assert first["next"] == (None if name == "approvals" else 2)
    last = portal.as_("nobody").get(f"{where}/guids", {"page": 2}, headers=headers).json()
    assert (len(last["guids"]), last["next"]) == (6, None)
    page = portal.as_("operator").get("/purchases/", {"per_page": 100_000, "page": 1}).content.decode()
    assert page.count("<tr") == 51, "50 rows and a head"


@pytest.mark.rule("A1", "unknown_signer")
def test_a_receipt_of_another_customers_site_says_nothing(portal: Portal) -> None:
    receipt = portal.license(portal.north, products={"bot-creator": 1})
    other = portal.add_guid("theirs", "Contoso")
    headers = {"Authorization": f"Bearer {portal.token_of('stranger')}"}
    answer = portal.as_("nobody").post(
        f"/api/v1/guids/{other}/receipts", receipt, content_type="application/octet-stream", headers=headers
    )
    assert answer.json()["code"] == "unknown_signer"  # as of a Control Room that nobody knows
    assert "Plant" not in answer.content.decode()
    assert portal.north.sequence == 1


def test_a_long_list_comes_in_pages(portal: Portal) -> None:
    headers = {"Authorization": f"Bearer {portal.token_of('auditor')}"}
    for number in range(110):
        portal.add_account(f"Customer {number:03}", approved=False)
    browser = portal.as_("nobody")
    first = browser.get("/api/v1/accounts", headers=headers).json()
    last = browser.get("/api/v1/accounts", {"page": first["next"]}, headers=headers).json()
    assert (len(first["accounts"]), len(last["accounts"]), last["next"]) == (100, 12, None)
    names = [one["name"] for one in (*first["accounts"], *last["accounts"])]
    assert names == sorted(names)
