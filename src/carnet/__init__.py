"""Carnet: offline licensing for software behind an air gap."""
