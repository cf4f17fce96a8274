"""The beginning of a ledger: its keys, wrapped, and its first record, which says whose it is and whom it trusts."""

from carnet.control_room.authority.trusted_time import Reading
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.store import Commit, Store
from carnet.control_room.keys import KeyRing
from carnet.control_room.keys.key_ring import MASTER
from carnet.control_room.ledger.events import SiteInitialised
from carnet.control_room.ledger.record import SYSTEM
from carnet.exchange.key_set import Trust
from carnet.exchange.keys import ED25519, AkpKey, OkpKey, RandomBytes, new_opener, new_signer
from carnet.vault import Vault

LOCK = "lock"  # the name under which the keys' lock is kept


def found(
    store: Store,
    vault: Vault,
    lock: bytes,
    trust: Trust,
    name: str,
    version: str,
    reading: Reading,
    random: RandomBytes,
) -> Engine:
    """Give an empty store its keys and its first record. The ledger's id is the Control Room's."""
    secrets = {MASTER: vault.wrap(MASTER, random(32), random)}
    store.commit(Commit([], None, {LOCK: lock}, secrets))
    keys = KeyRing(vault, store.secret)
    signer, opener = new_signer(ED25519, random), new_opener(random)
    store.commit(Commit([], None, {}, dict((keys.wrap(signer, random), keys.wrap(opener, random)))))
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
    )
    engine.record([first], reading, SYSTEM)
    return engine
