"""Who gets what: users, seats, units, features, and who may ask (G, A)."""
