"""An account's own pages: what it bought, its License GUIDs, its approval, its files."""
