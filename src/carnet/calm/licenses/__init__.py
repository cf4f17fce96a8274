"""What accounts bought, their License GUIDs, and the books: what is held and spent (H, Q)."""
