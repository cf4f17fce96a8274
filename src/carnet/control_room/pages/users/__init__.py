"""Users and seats."""
