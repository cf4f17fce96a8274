"""What would be, on another day or with another license file: the real decisions, asked of a state that is supposed."""
