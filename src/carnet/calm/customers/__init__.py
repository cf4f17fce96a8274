"""Accounts, and whether each may license offline (E1)."""
