"""The pages of the Control Room."""
