"""An answer of *What if* in sentences: what happens, what it means, what to do."""

from dataclasses import dataclass
from datetime import datetime

from carnet import times
from carnet.control_room.queries.coming import UncoveredCount
from carnet.control_room.queries.forecast import GRANTING
from carnet.control_room.queries.status import Status
from carnet.control_room.queries.timeline import Span
from carnet.control_room.queries.what_if import WhatIfAnswer
from carnet.times import stamp
from carnet.web_kit.words import counted

_TONES = {"active": "ok", "expiring": "warn", "grace": "warn", "expired": "bad", "locked": "bad"}


@dataclass(frozen=True)
class Sentences:
    tone: str
    title: str
    happens: list[str]
    means: list[str]
    todo: str


def sentences(answer: WhatIfAnswer, status: Status) -> Sentences:
    return Sentences(
        _TONES.get(answer.state, "info"),
        f"On {times.day(answer.on)}: {_states(answer)}",
        _happens(answer),
        _means(answer),
        _todo(answer, status),
    )


def _states(answer: WhatIfAnswer) -> str:
    """“locked, and in grace”."""
    if answer.state == answer.state_by_time:
        return "in grace" if answer.state == "grace" else answer.state
    beside = "in grace" if answer.state_by_time == "grace" else answer.state_by_time
    return f"{answer.state}, and {beside}"


def _happens(answer: WhatIfAnswer) -> list[str]:
    found = []
    if answer.license_file:
        found.append(f"License file #{answer.license_file} is installed now.")
    for span in answer.spans:
        if span.since <= answer.on < span.until:
            found.append(_sentence(span, answer.on))
    return [sentence for sentence in found if sentence]


def _sentence(span: Span, on: datetime) -> str:
    since = stamp(span.since)
    if span.track == "exchange":
        return {
            "locked": f"No license file is installed in time: the Control Room is locked from {since} on.",
            "lapsed": f"The request lapses {since} without an answer.",
        }.get(span.kind, f"{span.words}." if span.kind in ("open", "newer_request") else "")
    if span.kind == "expiring":
        return f"The license ends {times.at_end(span.until)}, {counted((span.until - on).days, 'day')} later."
    return {
        "active": "The license is valid.",
        "grace": f"The license ended {times.at_end(span.since)}. Its grace lasts {times.until(span.until)}.",
        "expired": f"The license and its grace ended {times.at_end(span.since)}.",
    }.get(span.kind, "No license is installed.")


def _means(answer: WhatIfAnswer) -> list[str]:
    changes, lost = [each.words for each in answer.changes], [_lost(each) for each in answer.uncovered]
    if not (answer.refused or changes or lost):
        return ["What is granted today is granted that day."]
    goes_on = answer.state == "locked" and answer.state_by_time in GRANTING
    return [*answer.refused, *changes, *lost, *(["Who is covered that day may go on."] if goes_on else [])]


def _lost(one: UncoveredCount) -> str:
    return f"{one.name}: {one.count:,} of those who hold one now would not be covered."


def _todo(answer: WhatIfAnswer, status: Status) -> str:
    """What can be done now, before it comes to that."""
    now, then = (status.notice or status.coming), (answer.notice or answer.coming)
    if then is not None and (now is None or answer.license_file):
        return then.text
    if now is not None and (then is not None or _loses(answer)):
        return now.text
    return _ASK if _loses(answer) else "Nothing has to be done for that day."


_ASK = "Ask for what will be missing with a new LFR before that day, or have it freed: the earliest stay covered."


def _loses(answer: WhatIfAnswer) -> bool:
    """True where somebody loses something by that day: then something can be done."""
    return bool(answer.uncovered or answer.refused or any(each.after < each.before for each in answer.changes))
