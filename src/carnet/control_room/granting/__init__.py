"""Decisions on seats and units: assign, acquire, renew, release, consume, check (G2, Q2, Q4, Q5)."""
