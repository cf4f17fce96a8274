"""What crosses the gap: each file, and its rules of form, trust and time. Bytes in, values out. No I/O, no clock."""
