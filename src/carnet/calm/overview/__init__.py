"""The read side: what pages and REST show. Frozen values, `now` in, a constant number of queries however many rows."""
