"""Carnet: offline licensing for software behind an air gap."""

__version__ = "40.0.0"  # of this release, as each LFR states it (E1); the one place where it stands
