"""G2: names of users that look like one person: two that a directory writes differently, or that people cannot tell
apart on a screen. Nothing here says that two names are one, only that somebody should look."""

import unicodedata
from collections.abc import Iterable

# Letters of Cyrillic and Greek that are drawn like a Latin one, of the "confusables" of Unicode's UTS #39.
_DRAWN_LIKE = {
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "һ": "h", "і": "i", "ј": "j", "к": "k", "ӏ": "l", "м": "m",
    "н": "h", "о": "o", "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "т": "t", "у": "y", "ѵ": "v", "ԝ": "w", "х": "x",
    "А": "A", "В": "B", "С": "C", "Ԁ": "D", "Е": "E", "Ԍ": "G", "Н": "H", "І": "I", "Ј": "J", "К": "K", "М": "M",
    "О": "O", "Р": "P", "Ԛ": "Q", "Ѕ": "S", "Т": "T", "У": "Y", "Ѵ": "V", "Ԝ": "W", "Х": "X",
    "α": "a", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t", "υ": "u", "χ": "x", "ϲ": "c",
    "Α": "A", "Β": "B", "Ε": "E", "Ζ": "Z", "Η": "H", "Ι": "I", "Κ": "K", "Μ": "M", "Ν": "N", "Ο": "O", "Ρ": "P",
    "Τ": "T", "Υ": "Y", "Χ": "X", "Ϲ": "C", "ı": "i",
}  # fmt: skip
_LATIN = str.maketrans(_DRAWN_LIKE)
_DOTTED = "i\u0307"  # what a capital I with its dot becomes in small letters


class Twins:
    """Names, found by those that may be the same person."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._by_key: dict[str, list[str]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        known = self._by_key.setdefault(_key(name), [])
        if name not in known:
            known.append(name)

    def remove(self, name: str) -> None:
        known = self._by_key.get(_key(name), [])
        if name in known:
            known.remove(name)

    def of(self, name: str) -> list[str]:
        """Those that may be this person, in the order in which they came."""
        return [each for each in self._by_key.get(_key(name), ()) if is_likely_twin(each, name)]


def is_likely_twin(one: str, other: str) -> bool:
    """Whether two names may be one person. Not those that differ by case alone: the site says what these are (`names`).
    Nor people of two domains that are written in one way: `PLANT\\mara` and `OFFICE\\mara` are two."""
    if one.casefold() == other.casefold():
        return False
    (form, name, domain), (other_form, other_name, other_domain) = _parts(one), _parts(other)
    two_domains = form == other_form and _drawn(domain) != _drawn(other_domain)
    return _drawn(name) == _drawn(other_name) and not two_domains


def foreign_letters(name: str) -> list[str]:
    """The letters that are drawn like Latin ones and stand beside Latin ones, each with its name: `а (Cyrillic)`."""
    scripts = {_script(letter) for letter in name if letter.isalpha()}
    if "Latin" not in scripts:
        return []
    found = dict.fromkeys(letter for letter in name if letter in _DRAWN_LIKE and _script(letter) != "Latin")
    return [f"{letter} ({_script(letter)})" for letter in found]


def _key(name: str) -> str:
    """Names that may be one person have one: without the domain, in small letters, in Latin ones where they are drawn
    so."""
    return _drawn(_parts(name)[1])


def _parts(name: str) -> tuple[str, str, str]:
    """How the domain is written, the name in it, and the domain: `DOMAIN\\user`, `user@domain`, or none."""
    before, bar, after = name.rpartition("\\")
    if bar and before and after:
        return bar, after, before
    before, at, after = name.partition("@")
    if at and before and after:
        return at, before, after
    return "", name, ""


def _drawn(text: str) -> str:
    return text.translate(_LATIN).casefold().replace(_DOTTED, "i")


def _script(letter: str) -> str:
    """The first word of its name in Unicode, which for letters is the script."""
    return unicodedata.name(letter, "").partition(" ")[0].capitalize()
