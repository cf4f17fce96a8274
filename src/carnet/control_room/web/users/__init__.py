"""Users and seats: who holds what, assigning and taking back, one by one or by a file."""
