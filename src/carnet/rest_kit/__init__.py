"""What the REST interfaces of both sides share."""
