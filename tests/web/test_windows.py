"""E18 in the portal and over REST: proposed by an operator, confirmed by another, shown from what to what."""

from typing import Any

import pytest

from carnet.calm.use_cases.models import Proposal
from carnet.calm.use_cases.windows import LABELS, said, show_windows
from carnet.exchange.windows import Windows
from tests.web.conftest import Portal


def form(**changes: Any) -> dict[str, Any]:
    """What a browser sends: every field, with the values that stand there."""
    fields = {name: getattr(Windows(), name) for name in LABELS} | {"reason": "a long way"} | changes
    locks = fields.pop("missed_cycle_locks")
    typed = {name: said(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    return typed | ({"missed_cycle_locks": "on"} if locks else {})


@pytest.mark.rule("E18", "A3")
def test_an_operator_asks_and_the_page_of_confirmations_says_from_what_to_what(portal: Portal) -> None:
    address, operator = f"/accounts/{portal.northwind.id}/windows/", portal.as_("operator")
    assert address in operator.get(f"/accounts/{portal.northwind.id}/").content.decode()
    assert 'value="48, 24, 4"' in operator.get(address).content.decode()
    asked = form(cycle_days=14, missed_cycle_locks=False, deadline_notice_hours="24 2")
    assert operator.post(address, asked).status_code == 302
    page = operator.get("/confirmations/").content.decode()
    assert "Set windows: Northwind" in page
    assert "A cycle lasts (days): 7 → 14" in page
    assert "A missed cycle locks: yes → no" in page
    assert show_windows("Northwind").is_default
    proposal = Proposal.objects.get()
    decided = f"/confirmations/{proposal.id}/"
    assert operator.post(decided, {"decision": "confirm"}).status_code == 422
    assert show_windows("Northwind").is_default, "nobody confirms their own"
    assert "other windows" in operator.get("/inbox/").content.decode()
    assert portal.as_("approver").post(decided, {"decision": "confirm"}).status_code == 302
    set_now = Windows(cycle_days=14, missed_cycle_locks=False, deadline_notice_hours=(24, 2))
    assert show_windows("Northwind").windows == set_now


@pytest.mark.rule("E18")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cycle_days": "1"},
        {"cycle_days": "many"},
        {"expiry_notice_days": "1, 2"},
        {"expiry_notice_days": "1; 2"},
        {"deadline_notice_hours": "9" * 40},
        {"deadline_notice_hours": ",".join("1" * 13)},
        {"reason": ""},
    ],
    ids=str,
)
def test_what_cannot_be_is_said_in_the_form_and_not_proposed(portal: Portal, changes: dict[str, Any]) -> None:
    answer = portal.as_("operator").post(f"/accounts/{portal.northwind.id}/windows/", form(**changes))
    assert answer.status_code == 422
    assert not Proposal.objects.exists()


@pytest.mark.rule("E18", "A3")
def test_over_rest(portal: Portal) -> None:
    path = f"/api/v1/accounts/{portal.northwind.id}/windows"

    def ask(role: str, given: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {portal.token_of(role)}"}
        return portal.as_("nobody").post(path, given, content_type="application/json", headers=headers)

    shown = portal.as_("nobody").get(path, headers={"Authorization": f"Bearer {portal.token_of('viewer')}"})
    assert shown.json()["windows"]["expiry_notice_days"] == [30, 15, 7, 3, 2, 1, 0]
    assert ask("administrator", {"reason": "why", "cycle_days": 14}).status_code == 403
    assert ask("operator", {"reason": "why", "cycle_days": 0}).status_code == 400
    proposed = ask("operator", {"reason": "why", "cycle_days": 14})
    assert proposed.status_code == 201
    assert proposed.json()["would"] == ["A cycle lasts (days): 7 → 14"]
    assert show_windows("Northwind").is_default


@pytest.mark.rule("E18", "E5")
def test_the_pages_of_a_control_room_and_of_notices_say_the_windows_that_hold(portal: Portal) -> None:
    from carnet.calm.customers.windows import write_windows

    wide = Windows(cycle_days=14, newest_request_hours=72, deadline_notice_hours=(24, 2), missed_cycle_locks=False)
    portal.northwind.windows = write_windows(wide)
    portal.northwind.save()
    south = portal.site("south")
    portal.accept(south.request(portal.now), "south")
    viewer, account = portal.as_("viewer"), portal.northwind.id
    from carnet.calm.purchases.models import Guid

    page = viewer.get(f"/guids/{Guid.objects.get(label='south').id}/").content.decode()
    assert "72 hours from the newest request" in page
    assert "14 days from the first request" in page
    assert "the Control Room locks" not in page
    assert "24, 2 hours before the deadline" in viewer.get(f"/accounts/{account}/notices/").content.decode()
    assert "valid for 24 hours" in portal.as_("administrator").get(f"/accounts/{account}/token/").content.decode()
