"""Faults: what broke, as against what a rule refused (`exchange.verdicts.Refusal`). Translated once, at each door.

CarnetError
├── UsageError          the caller asked for what does not exist, or in a way that makes no sense
├── NotSetUpError       the data folder holds no store yet, or already holds one
├── PassphraseError     the passphrase is missing or does not open the keys
├── StorageError        the disk or the database failed; nothing was changed
└── TamperedError       stored bytes are not what they must be; carries where and how
"""


class CarnetError(Exception):
    """A fault, with a sentence for the person in front of it (`str(error)`) and what to do next."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class UsageError(CarnetError):
    pass


class NotSetUpError(CarnetError):
    pass


class PassphraseError(CarnetError):
    pass


class StorageError(CarnetError):
    pass


class TamperedError(CarnetError):
    pass
