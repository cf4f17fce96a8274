"""G2: 250 callers on 10 seats, each over its own connection to the real server: never more than 10 hold one, and nobody
hears an error but a refusal."""

import asyncio

import httpx
import pytest

from tests.support.cast import MONDAY
from tests.support.http_room import YEAR, licensed_room, serving
from tests.support.vendor_simulator import line

pytestmark = pytest.mark.server

SEATS, CALLERS, TURNS, BOTS = 10, 250, 3, "unattended-bot-runner"


class Tally:
    def __init__(self):
        self.holding, self.most, self.taken, self.refused, self.strange = 0, 0, 0, 0, []

    async def turn(self, client, holder):
        answer = await client.post("seats/acquire", json={"sku": BOTS, "holder": holder})
        if answer.status_code != 200:
            self.refused += 1
            if (answer.status_code, answer.json()["code"]) != (409, "exhausted"):
                self.strange.append(answer.text)
            return
        lease = answer.json()
        self.taken += 1
        self.holding += 1
        self.most = max(self.most, self.holding, lease["in_use"])
        await asyncio.sleep(0.01)
        self.holding -= 1  # from here on somebody else may have it
        back = await client.post("seats/release", json={"lease_id": lease["lease_id"]})
        if back.status_code != 200:
            self.strange.append(back.text)


async def all_at_once(url, key):
    tally, headers = Tally(), {"authorization": f"Bearer {key}"}

    async def caller(number):
        async with httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers=headers, timeout=30, trust_env=False, verify=False
        ) as client:
            for _ in range(TURNS):
                await tally.turn(client, f"bot-{number}")

    await asyncio.gather(*map(caller, range(CALLERS)))
    return tally


@pytest.mark.rule("G2", "G3", "G4", "exhausted")
def test_250_callers_on_10_seats_are_never_more_than_10_holders():
    with serving(make_room=lambda: licensed_room([line(BOTS, SEATS, MONDAY, YEAR)])) as server:
        tally = asyncio.run(all_at_once(server.url, server.keys["all"]))
        records = server.call(lambda: server.room.kinds())
        assert server.call(lambda: server.room.verify().problems) == []
    assert tally.strange == []
    assert tally.most <= SEATS
    assert tally.taken >= SEATS
    assert tally.refused > 0
    assert tally.taken + tally.refused == CALLERS * TURNS
    assert most_at_once(records) <= SEATS


def most_at_once(kinds):
    running = most = 0
    for kind in kinds:
        running += (kind == "seat.acquired") - (kind in ("seat.released", "seat.expired"))
        most = max(most, running)
    return most
