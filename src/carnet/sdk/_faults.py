"""What an SDK call raises when it does not end in an answer. All else that it raises comes from Python itself.

SdkError
├── Refused             a rule refused it: `_refusals`, one class for each code
├── Unreachable         no answer came; whether anything was done is not known
├── ServerFault         the server failed, or what answered is not a Control Room
└── SeatLost            a seat that was held is no longer held
"""


class SdkError(Exception):
    """The base of all errors of the SDK. `str(error)` is a sentence for people: what happened."""

    message: str
    """What happened, as a sentence."""
    next: str
    """What to do, as a sentence; empty where there is nothing to say."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next = next_step


class Unreachable(SdkError):
    """No answer came, after all tries."""

    key: str | None
    """The idempotency key of what was asked. Ask again with it, and nothing is done twice (rule G5)."""
    may_be_done: bool
    """True: a request was sent, and no answer says what became of it."""

    def __init__(self, message: str, key: str | None = None, *, may_be_done: bool = False) -> None:
        super().__init__(message, "See that the server runs and can be reached; ask again with the same key.")
        self.key = key
        self.may_be_done = may_be_done


class ServerFault(SdkError):
    """An answer came, but the server failed, or it is not a Control Room."""

    status: int
    """The HTTP status."""
    key: str | None
    """The idempotency key of what was asked. Ask again with it, and nothing is done twice (rule G5)."""
    may_be_done: bool
    """True: a request was sent, and no answer says what became of it."""

    def __init__(self, message: str, status: int, key: str | None = None, *, may_be_done: bool = False) -> None:
        super().__init__(message, "Look at the server's log; ask again with the same key.")
        self.status = status
        self.key = key
        self.may_be_done = may_be_done


class SeatLost(SdkError):
    """A seat that was held is no longer held. `__cause__` is the error that ended it, if there was one."""
