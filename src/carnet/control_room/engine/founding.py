"""The beginning of a ledger, and its way from one release to the next.

The first record says whose it is and whom it trusts. Upwards, a record says which release writes from here on, and what
can be rebuilt is rebuilt. Never downwards: an older release cannot know what a newer one wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import msgspec

from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.key_ring import KeyRing, master_name
from carnet.control_room.engine.snapshots import shape_of
from carnet.control_room.engine.store import Commit, Store
from carnet.control_room.ledger.events import SiteInitialised, SiteUpgraded
from carnet.control_room.ledger.record import SYSTEM
from carnet.control_room.rules.decision import Question, View
from carnet.control_room.state.trusted_time import Reading
from carnet.errors import UsageError
from carnet.exchange.free_text import looks_like
from carnet.exchange.key_set import Trust
from carnet.exchange.keys import (
    ED25519,
    AkpKey,
    OkpKey,
    RandomBytes,
    new_opener,
    new_signer,
)
from carnet.exchange.license_file_request import is_site_name
from carnet.vault import Vault

LOCK = "lock"  # the name under which the keys' lock is kept


def check_site_name(name: str) -> str:
    """What a person must know of the name of a new Control Room: it leaves in each LFR (E3). Empty where it looks like
    nothing that should stay here.

    Raises:
        UsageError: No LFR could hold it.
    """
    if not is_site_name(name):
        raise UsageError(
            "A Control Room's name has 1 to 64 characters, and none of @ \\ < > \" | { } [ ] ` ^ ~ $ % * ? = ;",
            "Choose another name: it stands in each request that leaves.",
        )
    what = looks_like(name)
    return f"The name “{name}” looks like {what}, and it leaves with each request." if what else ""


def found(
    store: Store,
    vault: Vault,
    lock: bytes,
    trust: Trust,
    name: str,
    version: str,
    reading: Reading,
    random: RandomBytes,
    names: Literal["exact", "fold"] = "fold",
) -> Engine:
    """Give an empty store its keys and its first record. The ledger's id is the Control Room's. `names`: G2."""
    secrets = {master_name(1): vault.wrap(master_name(1), random(32), random)}
    store.commit(Commit([], None, {LOCK: lock}, secrets))
    keys = KeyRing(vault, store.secret)
    signer, opener = new_signer(ED25519, random), new_opener(random)
    pair = dict((keys.wrap(signer, random), keys.wrap(opener, random)))
    store.commit(Commit([], None, {}, pair | keys.new_pages(random) | keys.new_sessions(random)))
    engine = Engine(store, keys, random, version)
    assert isinstance(signer.key, OkpKey)
    assert isinstance(opener.key, AkpKey)
    first = SiteInitialised(
        control_room_id=store.ledger_id,
        name=name,
        version=version,
        signing_key=signer.key,
        sealing_key=opener.key,
        trust=trust,
        names=names,
    )
    engine.record([first], reading, SYSTEM)
    return engine


class Upgrade(msgspec.Struct, frozen=True):
    """What a release would do first with a ledger; `steps`, sentences, is empty where there is nothing to do."""

    written_by: str
    version: str
    records: int
    steps: list[str]


@dataclass(frozen=True)
class StoredForm:
    """In which form a ledger is stored. `shape`: of its snapshot (`shape_of`); empty where it is one of another."""

    written_by: str
    records: int
    shape: str


@dataclass(frozen=True)
class FindStoredForm(Question[StoredForm]):
    """Asked of a running server: it was begun by this very release or another one, and has its snapshot's shape."""

    what: ClassVar[str] = "stored form"

    def answer(self, view: View) -> StoredForm:
        return StoredForm(view.state.version, view.checkpoint.size, shape_of())


def stored_form(engine: Engine) -> StoredForm:
    """Asked of an engine that is only read: nothing is done."""
    return StoredForm(engine.state.version, engine.checkpoint.size, "" if engine.folded_anew else shape_of())


def upgrade_of(form: StoredForm, version: str, beside: Sequence[str] = ()) -> Upgrade:
    """`beside`: what else in the folder is brought along."""
    steps = []
    if form.written_by != version:
        steps.append(f"A record site.upgraded is written to the ledger: from {form.written_by} to {version}.")
    if form.shape != shape_of():
        steps.append(
            f"The state is folded again from all {form.records} records: this release keeps it in another shape."
        )
    if form.written_by != version:
        steps += beside
    return Upgrade(form.written_by, version, form.records, steps)


def upgrade(engine: Engine, version: str, reading: Reading) -> None:
    """Record that another release writes from here on. A ledger of a newer one was refused as it was loaded. In a copy
    that a site left behind nothing is written (L7)."""
    if engine.state.version != version and not engine.state.moved:
        engine.record([SiteUpgraded(version=version)], reading, SYSTEM)
