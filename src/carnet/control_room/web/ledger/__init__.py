"""The ledger: its records, its check, its checkpoint."""
