"""The vendor's own Merkle log of all that was done (V1, V2)."""
