"""The site's server: one ledger, what it adds up to, and the decisions taken on it."""
