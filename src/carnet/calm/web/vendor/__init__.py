"""What vendor staff see and do."""
