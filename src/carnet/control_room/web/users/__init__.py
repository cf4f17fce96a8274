"""Users and seats: who holds what, assigning and taking back."""
