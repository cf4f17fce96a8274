"""Manage offline licenses: the six steps."""
