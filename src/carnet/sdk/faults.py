"""What an SDK call raises when it did not end in an answer. Nothing else is raised but what Python itself raises.

SdkError
├── Refused             a rule refused it: `refusals`, one class for each code
├── Unreachable         no answer came; whether anything was done is not known
├── ServerFault         an answer came that is none: the server failed, or it is not a Control Room
└── SeatLost            a seat that was held is held no more
"""


class SdkError(Exception):
    """A sentence for the person in front of it (`str(error)`), and what to do next."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next = next_step


class Unreachable(SdkError):
    """No answer after all retries.

    `key` is the idempotency key of what was asked: asking again with it never does it twice.
    `may_be_done`: a request was sent whose answer did not come.
    """

    def __init__(self, message: str, key: str | None = None, *, may_be_done: bool = False) -> None:
        super().__init__(message, "See that the server runs and can be reached; ask again with the same key.")
        self.key = key
        self.may_be_done = may_be_done


class ServerFault(SdkError):
    """`status` is the HTTP status; `key` and `may_be_done` as with `Unreachable`."""

    def __init__(self, message: str, status: int, key: str | None = None, *, may_be_done: bool = False) -> None:
        super().__init__(message, "Look at the server's log; ask again with the same key.")
        self.status = status
        self.key = key
        self.may_be_done = may_be_done


class SeatLost(SdkError):
    """`__cause__` says why, where there was an error."""
