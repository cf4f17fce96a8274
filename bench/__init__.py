"""Measurements, each beside its limit or its peer in the same run, as a ratio: machines differ and are noisy."""
