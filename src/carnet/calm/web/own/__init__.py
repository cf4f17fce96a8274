"""What belongs to whoever is signed in: where they start, and their API tokens. Also the pages of errors."""
