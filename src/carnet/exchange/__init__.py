"""What crosses the gap: each file, and its rules of form, trust and time. Bytes in, values out. No I/O, no clock."""

from carnet.exchange import versions  # noqa: F401  registers all versions, for every reader and writer (E17)
