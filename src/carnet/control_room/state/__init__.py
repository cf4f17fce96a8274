"""What decisions need to know, as a fold of the ledger; and how each record changes it."""
