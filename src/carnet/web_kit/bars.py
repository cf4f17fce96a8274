"""The arithmetic of a product bar: used, held and not used, left."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """Widths in percent of the whole, two decimals. `over`: more is used than the whole."""

    used: float
    held: float
    over: bool

    @property
    def end(self) -> float:
        return round(self.used + self.held, 2)


def bar(used: int, held: int, whole: int) -> Bar:
    """`held` counts what is used too, as the columns do: 240 held of which 185 are used. Less held than used is read
    as nothing held beside (a site that counts only use)."""
    if whole <= 0:
        return Bar(100.0 if used > 0 else 0.0, 0.0, used > 0)
    solid = min(100.0, round(100 * used / whole, 2))
    hatched = max(0.0, min(100.0 - solid, round(100 * (held - used) / whole, 2)))
    return Bar(solid, round(hatched, 2), used > whole)
