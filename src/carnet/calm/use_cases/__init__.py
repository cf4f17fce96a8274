"""What people do in CALM: each act decides, and writes in one transaction."""
