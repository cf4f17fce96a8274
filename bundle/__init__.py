"""Builds what a closed site installs: one signed archive for a platform, the same bytes each time."""
