"""Manage offline licenses: the exchange in numbered steps."""
