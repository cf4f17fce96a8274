"""What the pages of both sides share."""
