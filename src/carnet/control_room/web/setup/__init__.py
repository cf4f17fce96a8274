"""Set up: API keys, people and roles, settings."""
