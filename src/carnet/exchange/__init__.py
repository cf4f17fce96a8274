"""What crosses the gap: each file, and its rules of form, trust and time. Bytes in, values out. No I/O, no clock."""

from carnet.exchange import versions  # noqa: F401  whoever reads or writes a file has every version of it (E17)
