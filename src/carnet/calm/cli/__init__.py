"""The `calm` command: thin doors that hold no rule."""
