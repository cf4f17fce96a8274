"""Records as bytes: their format, kinds and encryption, and the checker that re-derives everything from them."""
