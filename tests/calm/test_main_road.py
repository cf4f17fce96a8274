"""The whole road, once: token, LFR, OLF, receipt, reduction, release."""

import pytest

from carnet.calm.use_cases import receipts
from tests.calm.conftest import DAY, World, ok

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.rule("E2", "E3", "E6", "E9", "E11", "H2", "H3", "H4")
def test_a_site_is_licensed_reduced_and_released(world: World) -> None:
    world.buy("bot-creator", 10)
    world.buy("document-pages", 1000)
    site = world.site()
    raw = world.answer(site, products={"bot-creator": 4, "document-pages": 600})
    assert world.held() == {"bot-creator": 4, "document-pages": 600}  # H3: held when issued
    receipt = site.install(raw, world.now)
    assert ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act)).verdict == "confirmed"

    world.now += DAY
    site.use("document-pages", consume=50, now=world.now)
    raw = world.answer(site, products={"bot-creator": 2, "document-pages": 600})
    assert world.held()["bot-creator"] == 4  # H3: returned only when proven
    site.install(raw, world.now)

    world.now += DAY
    released = world.accept(site.request(world.now, "release"))
    assert released.verdict == "released"
    assert world.held() == {}
    assert world.spent() == {"document-pages": 50}
    assert world.available() == {"bot-creator": 10, "document-pages": 950}
