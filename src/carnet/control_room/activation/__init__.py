"""Decisions on the exchange: install a token, generate an LFR, preview and install an OLF, withdraw, release."""
