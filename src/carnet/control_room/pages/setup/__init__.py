"""Administration: people, API keys, settings, backup."""
