"""Control Rooms as they are before a license, or after a past that took days: served with their pages."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from carnet.control_room.engine.founding import found
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.activation.install_token import InstallToken
from carnet.control_room.state.trusted_time import Reading
from carnet.control_room.wiring import VERSION, Site
from carnet.entitlements import new_id
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Refusal
from carnet.files import write_file
from carnet.vault import Vault
from tests.room.site import Pages, serve
from tests.support.cast import seeded
from tests.support.own_site import PHRASE, OwnSite
from tests.support.vendor_simulator import Vendor, line


class Past:
    """A Control Room while its past is written: `at` is what its machine's clock says."""

    def __init__(self, folder: Path, ago: timedelta, name: str = "Oslo") -> None:
        folder.mkdir(mode=0o700)
        write_file(folder / "passphrase", PHRASE, 0o600)
        self.folder, self.random, self.vendor = folder, seeded(str(folder)), Vendor()
        self.start = self.at = Site(folder).reading().system - ago
        self._vault, lock = Vault.create(PHRASE, self.random)
        self.store = SqliteStore.create(str(folder / DATABASE), new_id(self.at, self.random))
        trust = self.vendor.trust
        self._engine = found(self.store, self._vault, lock, trust, name, VERSION, self._reading(), self.random)
        write_file(folder / "trust.json", encode(trust), 0o600)

    def _reading(self) -> Reading:
        return Reading(self.at, int((self.at - self.start).total_seconds()) + 1000, "boot-1")

    def do(self, command: Any) -> Any:
        answer = self._engine.execute(command, self._reading(), "anna")
        assert not isinstance(answer, Refusal), answer
        return answer

    def enable(self) -> None:
        self.do(InstallToken(self.vendor.token(self.at)))

    def request(self) -> bytes:
        self.do(GenerateRequest())
        raw = self.store.document(REQUEST)
        assert raw
        return raw

    def license(self, quantities: dict[str, int], until: datetime) -> None:
        lines = [line(sku, quantity, self.start, until) for sku, quantity in quantities.items()]
        self.do(InstallLicense(self.vendor.olf(self.request(), lines, self.at)))

    def served(self) -> Pages:
        with closing(self.store):
            own = OwnSite(self.folder, self._vault)
        return serve(own, self.vendor)
