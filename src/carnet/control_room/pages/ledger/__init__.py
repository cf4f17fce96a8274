"""The ledger: records, proofs, verification, checkpoints."""
