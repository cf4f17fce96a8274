"""Randomness drawn in large pieces and handed out in small ones: for the many nonces and ids of a busy site."""

from carnet.exchange.keys import RandomBytes

_PIECE = 4096  # bytes drawn at once
_SMALL = 64  # what asks for more gets its own


class RandomBuffer:
    def __init__(self, random: RandomBytes) -> None:
        self._random, self._drawn, self._at = random, b"", 0

    def __call__(self, count: int) -> bytes:
        """`count` random bytes, never handed out before."""
        if count > _SMALL:
            return self._random(count)
        end = self._at + count
        if end > len(self._drawn):
            self._drawn, self._at, end = self._random(_PIECE), 0, count
        piece = self._drawn[self._at : end]
        self._at = end
        return piece
