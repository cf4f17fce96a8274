"""What the ledger adds up to: the state, how a record changes it, and what it grants at a given moment."""
