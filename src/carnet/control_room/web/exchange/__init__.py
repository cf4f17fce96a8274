"""Manage offline licenses: the exchange in numbered steps, and the cycles that it went through."""
