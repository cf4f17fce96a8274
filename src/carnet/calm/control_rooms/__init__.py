"""The sites as CALM knows them: identity, history, what was seen, what they hold, and the evidence kept."""
