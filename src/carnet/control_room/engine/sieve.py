"""A sieve for names (a Bloom filter): says of most names that were never put in that they are not there, and never of
one that was. What it lets through is looked up. Its size is fixed, so that a day of names costs no more than an hour's.
"""

BITS = 2**23  # 1 MiB: of a million names, one in twenty others is let through
_MASK = BITS - 1


class Sieve:
    def __init__(self, bits: bytes | None = None) -> None:
        self._bits = bytearray(bits) if bits and len(bits) == BITS // 8 else bytearray(BITS // 8)

    def put(self, name: bytes) -> None:
        """`name`: at least 8 bytes of a hash."""
        number = int.from_bytes(name[:8], "little")
        for place in (number & _MASK, (number >> 32) & _MASK):
            self._bits[place >> 3] |= 1 << (place & 7)

    def may_hold(self, name: bytes) -> bool:
        number = int.from_bytes(name[:8], "little")
        first, second = number & _MASK, (number >> 32) & _MASK
        bits = self._bits
        return bool(bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1)

    def __bytes__(self) -> bytes:
        return bytes(self._bits)
