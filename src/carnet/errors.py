"""Faults: what broke, as against what a rule refused (`exchange.verdicts.Refusal`). Translated once, at each door.

CarnetError
├── UsageError          the caller asked for what does not exist, or in a way that makes no sense
├── NewerVersionError   what is here was written by a newer release; this one leaves it alone
├── NotSetUpError       the data folder holds no store yet, or already holds one
├── PassphraseError     the passphrase is missing or does not open the keys
├── StorageError         the disk or the database failed; nothing was changed, or the message says
│   │                    that it may have been (`storage_failed`)
│   ├── BusyError        somebody else is writing; nothing was tried (`busy`)
│   └── ClockError       the machine's clock is not believed yet, so nothing is written (`clock_far_ahead`, T5)
└── TamperedError       stored bytes are not what they must be; carries where and how
"""

from collections.abc import Iterable

from carnet.printable import SENTENCE, printable


class CarnetError(Exception):
    """A fault, with a sentence for the person in front of it (`str(error)`) and what to do next; `run` is the command
    that does it, for the command line alone. `lines`: more that was found, a line each, after the sentence.

    Every text in it is printable from the beginning (N3): it may quote a file, or the name of one."""

    code = ""  # of those that a program can wait out, the word that stands in every door's answer

    def __init__(self, message: str, next_step: str = "", run: str = "", lines: Iterable[str] = ()) -> None:
        super().__init__("\n".join(printable(line, SENTENCE) for line in (message, *lines)))
        self.next_step, self.run = printable(next_step, SENTENCE), printable(run, SENTENCE)


class UsageError(CarnetError):
    pass


class NotSetUpError(CarnetError):
    pass


class NewerVersionError(CarnetError):
    pass


class PassphraseError(CarnetError):
    pass


class StorageError(CarnetError):
    code = "storage_failed"


class BusyError(StorageError):
    code = "busy"


class ClockError(StorageError):
    code = "clock_far_ahead"


class TamperedError(CarnetError):
    pass
