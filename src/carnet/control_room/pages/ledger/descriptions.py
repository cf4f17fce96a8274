"""What a record says, in one sentence for each kind. Pure. A kind that is not known here shows its body."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from carnet.web_kit import words

Body = Mapping[str, Any]
_LONGEST = 200  # characters of a body that stands for itself


class _Names(dict[str, str]):
    """Products by sku; one that the license does not name any more is called by its sku."""

    def __missing__(self, sku: str) -> str:
        return sku


def what(kind: str, body: Body, names: Mapping[str, str]) -> str:
    say = _SAID.get(kind)
    try:
        return say(body, _Names(names)) if say else _plain(body)
    except (KeyError, TypeError, AttributeError):  # another release wrote it otherwise
        return _plain(body)


def _plain(body: Body) -> str:
    text = json.dumps(body, ensure_ascii=False)
    return f"{text[:_LONGEST]}…" if len(text) > _LONGEST else text


def _time(text: str) -> str:
    """`2026-09-14T10:34:41Z` → `2026-09-14 10:34:41 UTC`."""
    return f"{text[:19].replace('T', ' ')} UTC"


def _draws(body: Body, names: Mapping[str, str], said: str) -> str:
    return said % {"name": names[body["sku"]], "units": words.number(body["units"])}


def _lease(body: Body, names: Mapping[str, str], said: str) -> str:
    return said % {"name": names[body["sku"]], "lease": words.short(body.get("lease_id") or body["reservation_id"])}


def _user(body: Body, names: Mapping[str, str], said: str) -> str:
    return said % {"name": names[body["sku"]], "user": body["user"]}


def _acquired(body: Body, names: Mapping[str, str]) -> str:
    said = "%(name)s for %(holder)s, until %(until)s"
    return said % {"name": names[body["sku"]], "holder": body["holder"], "until": _time(body["expires_at"])}


def _request(body: Body, _names: Mapping[str, str]) -> str:
    said = "Request #{number}, {kind}".format(number=body["sequence"], kind=body["request"].replace("_", " "))
    return said + (", to be answered before {at}".format(at=_time(body["install_by"])) if body["install_by"] else "")


def _installed(body: Body, _names: Mapping[str, str]) -> str:
    count = len(body["lines"])
    said = (
        "License file #%(number)s of %(account)s, %(count)s line"
        if count == 1
        else "License file #%(number)s of %(account)s, %(count)s lines"
    )
    return said % {"number": body["sequence"], "account": body["account_name"], "count": count}


def _stated(body: Body, _names: Mapping[str, str]) -> str:
    count = len(body["lines"])
    return ("Totals of %(count)s line" if count == 1 else "Totals of %(count)s lines") % {"count": count}


def _counted(body: Body, _names: Mapping[str, str]) -> str:
    count = sum(each["count"] for each in body["counts"])
    said = "%(count)s more refusal, counted" if count == 1 else "%(count)s more refusals, counted together"
    return said % {"count": words.number(count)}


def _person(body: Body, _names: Mapping[str, str]) -> str:
    if body["role"] is None:
        return "{name} may sign in no more".format(**body)
    return "{name}: {role}".format(name=body["name"], role=body["role"].replace("_", " "))


def _noted(body: Body, _names: Mapping[str, str]) -> str:
    said = str(body["what"]).capitalize()
    return f"{said}: {body['about']}" if body["about"] else said


def _key(body: Body, _names: Mapping[str, str]) -> str:
    return "API key {name}, may {may}".format(name=body["name"], may=", ".join(body["permissions"]))


def _by(body: Body, said: str) -> str:
    return said % {"span": words.number(body["by_seconds"])}


_Say = Callable[[Body, Mapping[str, str]], str]
_SAID: dict[str, _Say] = {
    "site.initialised": lambda body, _n: "{name} is set up, version {version}".format(**body),
    "site.upgraded": lambda body, _n: "Version {version} from here on".format(**body),
    "ledger.restored": lambda body, _n: "A backup of {size} records was put back".format(
        size=words.number(body["size"])
    ),
    "rollback.found": lambda body, _n: "A checkpoint of {size} records was shown that is not in this ledger".format(
        size=words.number(body["size"])
    ),
    "key_set.taken": lambda body, _n: "The vendor's key set, version {version}".format(
        version=body["key_set"]["version"]
    ),
    "token.installed": lambda body, _n: "Enablement token of {account_name}".format(**body),
    "request.asked": lambda body, _n: "Asked for a request: {kind}".format(kind=body["request"].replace("_", " ")),
    "totals.stated": _stated,
    "request.generated": _request,
    "cycle.withdrawn": lambda _b, _n: "The open cycle is withdrawn",
    "cycle.missed": lambda body, _n: (
        "The cycle is missed: the Control Room locks" if body["locks"] else "The cycle is missed"
    ),
    "license.installed": _installed,
    "history.accepted": lambda body, _n: "CALM accepts the restored history, number {number}".format(**body),
    "receipt.written": lambda _b, _n: "The receipt of the installed license file",
    "state.changed": lambda body, _n: f"{body['was']} → {body['now']}",
    "refused": lambda body, _n: f"{body['code']}: {body['message']}",
    "refusals.counted": _counted,
    "api_key.created": _key,
    "api_key.revoked": lambda body, _n: "API key {id} is revoked".format(id=words.short(body["key_id"])),
    "person.added": _person,
    "person.changed": _person,
    "access.noted": _noted,
    "clock.set_back": lambda body, _n: _by(body, "The machine's clock lags %(span)s seconds behind"),
    "clock.caught_up": lambda _b, _n: "The machine's clock has caught up",
    "clock.raised": lambda body, _n: _by(body, "Time is raised %(span)s seconds, to the vendor's"),
    "clock.lowered": lambda body, _n: "Time is lowered from {was}, by the vendor's permission".format(
        was=_time(body["was"])
    ),
    "leases.extended": lambda body, _n: "Running seats got their time anew: {reason}".format(**body),
    "answer.remembered": lambda _b, _n: "An answer is kept for its idempotency key",
    "seat.assigned": lambda body, names: _user(body, names, "%(name)s to %(user)s"),
    "seat.unassigned": lambda body, names: _user(body, names, "%(name)s, taken back from %(user)s"),
    "seat.acquired": _acquired,
    "seat.renewed": lambda body, names: (
        _lease(body, names, "%(name)s, lease %(lease)s") + ", until {at}".format(at=_time(body["expires_at"]))
    ),
    "seat.released": lambda body, names: _lease(body, names, "%(name)s, lease %(lease)s, given back"),
    "seat.expired": lambda body, names: _lease(body, names, "%(name)s, lease %(lease)s, not renewed in time"),
    "units.consumed": lambda body, names: _draws(body, names, "%(name)s, %(units)s used"),
    "units.reserved": lambda body, names: _draws(body, names, "%(name)s, %(units)s reserved"),
    "units.settled": lambda body, names: _draws(body, names, "%(name)s, %(units)s of the reserved used"),
    "reservation.cancelled": lambda body, names: _lease(body, names, "%(name)s, reservation %(lease)s, cancelled"),
    "reservation.expired": lambda body, names: _lease(body, names, "%(name)s, reservation %(lease)s, ended"),
}
