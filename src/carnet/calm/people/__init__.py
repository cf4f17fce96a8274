"""Who may sign in to CALM, and what each may do there (A1)."""
