"""Names that people type, as they are compared: two that look alike to a reader are one."""

import unicodedata

MOST_FOLDED = 400  # a name of 200 characters can become longer by compatibility; more is refused


def fold(name: str) -> str:
    """Without regard to case, width and white space: NFKC, case-folded, and runs of blanks as one. Pure."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", text).split())
