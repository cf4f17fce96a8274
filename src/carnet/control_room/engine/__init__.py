"""The one writer: command → decide → records → commit → evolve → answer."""
