"""What a bot or product imports to take seats and units from a Control Room. It imports nothing of ours."""
