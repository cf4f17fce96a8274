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


def _units(body: Body, names: Mapping[str, str]) -> str:
    return f"{names[body['sku']]}, {words.number(body['units'])}"


def _lease(body: Body, names: Mapping[str, str]) -> str:
    return f"{names[body['sku']]}, lease {words.short(body['lease_id'])}"


def _reservation(body: Body, names: Mapping[str, str]) -> str:
    return f"{names[body['sku']]}, reservation {words.short(body['reservation_id'])}"


def _acquired(body: Body, names: Mapping[str, str]) -> str:
    return f"{names[body['sku']]} for {body['holder']}, until {_time(body['expires_at'])}"


def _request(body: Body, _names: Mapping[str, str]) -> str:
    said = f"Request #{body['sequence']}, {body['request'].replace('_', ' ')}"
    return f"{said}, to be answered before {_time(body['install_by'])}" if body["install_by"] else said


def _installed(body: Body, _names: Mapping[str, str]) -> str:
    lines = words.counted(len(body["lines"]), "line")
    return f"License file #{body['sequence']} of {body['account_name']}, {lines}"


def _counted(body: Body, _names: Mapping[str, str]) -> str:
    count = sum(each["count"] for each in body["counts"])
    return f"{words.counted(count, 'more refusal')}, counted{'' if count == 1 else ' together'}"


def _person(body: Body, _names: Mapping[str, str]) -> str:
    if body["role"] is None:
        return f"{body['name']} may not sign in any more"
    return f"{body['name']}: {body['role'].replace('_', ' ')}"


def _asked_act(body: Body, _names: Mapping[str, str]) -> str:
    role = f", {body['role'].replace('_', ' ')}" if body["role"] else ""
    return f"A second administrator is asked: {body['act']}, {body['name']}{role}"


def _noted(body: Body, _names: Mapping[str, str]) -> str:
    said = str(body["what"]).capitalize()
    return f"{said}: {body['about']}" if body["about"] else said


_Say = Callable[[Body, Mapping[str, str]], str]
_SAID: dict[str, _Say] = {
    "site.initialised": lambda body, _n: f"{body['name']} is set up, version {body['version']}",
    "site.upgraded": lambda body, _n: f"Version {body['version']} from here on",
    "ledger.restored": lambda body, _n: f"A backup of {words.number(body['size'])} records was restored",
    "site.moved": lambda body, _n: f"The site moves to another machine, from {body['place']}",
    "site.arrived": lambda body, _n: f"The site goes on at {body['place']}",
    "rollback.found": lambda body, _n: (
        f"A checkpoint of {words.number(body['size'])} records was shown that is not in this ledger"
    ),
    "key_set.taken": lambda body, _n: f"The vendor's key set, version {body['key_set']['version']}",
    "issuing_log.broken": lambda body, _n: f"The vendor states that CALM was restored: “{body['stated']['why']}”",
    "token.installed": lambda body, _n: f"Enablement token of {body['account_name']}",
    "request.asked": lambda body, _n: f"Asked for a request: {body['request'].replace('_', ' ')}",
    "totals.stated": lambda body, _n: f"Totals of {words.counted(len(body['lines']), 'line')}",
    "request.generated": _request,
    "cycle.withdrawn": lambda _b, _n: "The open cycle is withdrawn",
    "cycle.missed": lambda body, _n: (
        "The cycle is missed: the Control Room locks" if body["locks"] else "The cycle is missed"
    ),
    "license.installed": _installed,
    "history.accepted": lambda body, _n: f"CALM accepts the restored history, number {body['number']}",
    "receipt.written": lambda _b, _n: "The receipt of the installed license file",
    "state.changed": lambda body, _n: f"{body['was']} → {body['now']}",
    "refused": lambda body, _n: f"{body['code']}: {body['message']}",
    "refusals.counted": _counted,
    "api_key.created": lambda body, _n: f"API key {body['name']}, may {', '.join(body['permissions'])}",
    "api_key.renamed": lambda body, _n: f"API key {words.short(body['key_id'])} is called {body['name']}",
    "api_key.revoked": lambda body, _n: f"API key {words.short(body['key_id'])} is revoked",
    "person.added": _person,
    "person.changed": _person,
    "person.asked": _asked_act,
    "person.settled": lambda body, _n: "A second administrator confirmed" if body["confirmed"] else "It is taken back",
    "person.machine_acted": lambda body, _n: f"On the machine: {body['act']}, {body['name']}",
    "person.identity_bound": lambda body, _n: f"{body['name']} signs in by an issuer too",
    "access.noted": _noted,
    "clock.set_back": lambda body, _n: f"The machine's clock is {words.number(body['by_seconds'])} seconds behind",
    "clock.caught_up": lambda _b, _n: "The machine's clock has caught up",
    "clock.raised": lambda body, _n: f"Time is raised {words.number(body['by_seconds'])} seconds, to the vendor's",
    "clock.lowered": lambda body, _n: f"Time is lowered from {_time(body['was'])}, by the vendor's permission",
    "leases.extended": lambda body, _n: f"Running seats got a new time to live: {body['reason']}",
    "answer.remembered": lambda _b, _n: "An answer is kept for its idempotency key",
    "seat.assigned": lambda body, names: f"{names[body['sku']]} to {body['user']}",
    "seat.unassigned": lambda body, names: f"{names[body['sku']]}, taken back from {body['user']}",
    "seat.acquired": _acquired,
    "seat.renewed": lambda body, names: f"{_lease(body, names)}, until {_time(body['expires_at'])}",
    "seat.released": lambda body, names: f"{_lease(body, names)}, given back",
    "seat.expired": lambda body, names: f"{_lease(body, names)}, not renewed in time",
    "units.consumed": lambda body, names: f"{_units(body, names)} used",
    "units.reserved": lambda body, names: f"{_units(body, names)} reserved",
    "units.settled": lambda body, names: f"{_units(body, names)} of the reserved used",
    "reservation.cancelled": lambda body, names: f"{_reservation(body, names)}, cancelled",
    "reservation.expired": lambda body, names: f"{_reservation(body, names)}, ended",
}
