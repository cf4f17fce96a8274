"""Notices: which are due (pure), the rows that say that each was sent once, and the mails."""
