"""What if: the state on another day, or with another file."""
