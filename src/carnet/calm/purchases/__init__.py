"""Products, purchases and License GUIDs: rows, and the pure books of what is held and spent."""
