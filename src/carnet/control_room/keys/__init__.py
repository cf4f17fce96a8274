"""The site's private keys: kept wrapped beside the ledger, so that a change of keys is in the same transaction."""

from carnet.control_room.keys.key_ring import KeyRing

__all__ = ["KeyRing"]
