"""A sequential reference of granting, in plain dicts and simple arithmetic, and without a line of the engine's code:
what one caller after the other would be answered. A concurrent history is right if its one order, told here, gives
exactly its answers.

Operations are tuples, as `Reference.execute` reads them; an answer is `("granted", fields)` or `("refused", code)`.
A line is a dict: id, sku, metric, quantity, overage (percent), grace (days), since, until, monthly (whether its units
are counted by month).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

Answer = tuple[str, Any]
Line = dict[str, Any]
DAY, WEEK = timedelta(days=1), timedelta(days=7)
TOLERANCE = timedelta(seconds=60)
USERS, SEATS, UNITS, FEATURE = "named_user", "concurrent", "consumable", "feature"


class Clock:
    """T1: the largest of the system clock, the highest time in the ledger, and what the uptime makes of it."""

    def __init__(self, mark: datetime, uptime: int, boot: str) -> None:
        self.mark = self.anchor = mark
        self.uptime, self.boot = uptime, boot

    def by_uptime(self, uptime: int, boot: str) -> datetime | None:
        if boot != self.boot or uptime < self.uptime:
            return None
        return self.anchor + timedelta(seconds=uptime - self.uptime)

    def now(self, system: datetime, uptime: int, boot: str) -> datetime:
        return max(system, self.mark, self.by_uptime(uptime, boot) or self.mark)

    def write(self, now: datetime, uptime: int, boot: str) -> None:
        self.mark = max(self.mark, now)
        self.anchor, self.uptime, self.boot = self.mark, uptime, boot


class Reference:
    def __init__(self, lines: list[Line], clock: Clock) -> None:
        self.clock, self.now, self.written_at = clock, clock.mark, clock.mark
        self.lines: list[Line] = []
        self.last_quantity: dict[str, int] = {}
        self.users: dict[str, list[str]] = {}
        self.leases: dict[str, dict[str, Any]] = {}
        self.reservations: dict[str, dict[str, Any]] = {}
        self.consumed: dict[tuple[str, datetime | None], int] = {}
        self.cycle: datetime | None = None  # when it was opened
        self.newest: datetime | None = None
        self.missed = self.locked = False
        self.requests, self.used_files = 0, set[str]()
        self.revoked: set[str] = set()
        self.remembered: dict[tuple[str, str], tuple[Any, Answer, datetime]] = {}
        self.facts: list[tuple[Any, ...]] = []  # what must stand in the ledger, in this order
        self._take_lines(lines)

    # --- time ---------------------------------------------------------------------------------------------------

    def begin(self, system: datetime, uptime: int, boot: str) -> None:
        """A transaction: several operations at one moment."""
        clock = self.clock
        self.now = self.written_at = clock.now(system, uptime, boot)
        expected = clock.by_uptime(uptime, boot)
        if expected is None or self.now - expected > TOLERANCE:  # G6
            self._extend(clock.anchor, self.now)
        if self.cycle and not self.missed and self.now >= self.cycle + WEEK:  # E8
            self.missed = self.locked = True

    def end(self, uptime: int, boot: str, *, wrote: bool) -> None:
        if wrote:
            self.clock.write(self.written_at, uptime, boot)

    def _extend(self, since: datetime, now: datetime) -> None:
        for each in [*self.leases.values(), *self.reservations.values()]:
            if each["expires"] > since:
                each["expires"] = now + timedelta(seconds=each["ttl"])

    # --- what is granted ----------------------------------------------------------------------------------------

    def counted(self, sku: str, now: datetime) -> list[tuple[Line, int, int]]:
        """Q1, Q5: the lines that count, the soonest-ending first, each with its quantity and with its overage."""
        mine = sorted((line for line in self.lines if line["sku"] == sku), key=lambda each: (each["until"], each["id"]))
        spare = {line["id"]: most(line) for line in mine if line["since"] <= now < line["until"]}
        found = []
        for line in mine:
            if line["id"] in spare:
                found.append((line, line["quantity"], most(line)))
            elif line["until"] <= now < line["until"] + line["grace"] * DAY:
                less = 0
                for other in mine:
                    if other["id"] in spare and other["since"] >= line["until"]:
                        part = min(spare[other["id"]], most(line) - less)
                        spare[other["id"]] -= part
                        less += part
                found.append((line, max(0, line["quantity"] - less), max(0, most(line) - less)))
        return found

    def granted(self, sku: str, now: datetime) -> int:
        counted = self.counted(sku, now)
        return sum(quantity if line["metric"] == UNITS else above for line, quantity, above in counted)

    def metric(self, sku: str) -> str | None:
        return next((line["metric"] for line in self.lines if line["sku"] == sku), None)

    def running(self, sku: str, now: datetime) -> list[str]:
        return [key for key, lease in self.leases.items() if lease["sku"] == sku and now < lease["expires"]]

    def open(self, now: datetime) -> dict[str, Any]:
        return {key: each for key, each in self.reservations.items() if now < each["expires"]}

    def held(self, line_id: str, period: datetime | None, now: datetime) -> int:
        draws = [draw for each in self.open(now).values() for draw in each["draws"]]
        return sum(units for line, start, units in draws if (line, start) == (line_id, period))

    def taken(self, line: Line, now: datetime) -> int:
        start = period(line, now)
        return self.consumed.get((line["id"], start), 0) + self.held(line["id"], start, now)

    def left(self, sku: str) -> int:
        return sum(max(0, quantity - self.taken(line, self.now)) for line, quantity, _ in self.counted(sku, self.now))

    def _may_take(self, sku: str, metric: str) -> Answer | None:
        over = max(line["until"] for line in self.lines) <= self.now
        grace = any(line["until"] <= self.now < line["until"] + line["grace"] * DAY for line in self.lines)
        if self.locked:
            return refuse("locked")
        if over and not grace:
            return refuse("expired")
        return None if self.metric(sku) == metric else refuse("not_granted")

    # --- operations ---------------------------------------------------------------------------------------------

    def execute(self, actor: str, scope: Any, key: str | None, operation: tuple[Any, ...], given: Answer) -> Answer:
        """What this operation is answered now. `given`: what it was answered; only ids made there are taken from it,
        and whether a key older than a day is still known, which is open (G5)."""
        refused = self._out_of_scope(actor, scope, operation) if scope else None
        if refused and refused[1] in ("unauthenticated", "not_permitted"):
            return refused
        known = self.remembered.get((actor, key)) if key else None
        if known:
            request, answer, at = known
            first = answer if request == operation else refuse("idempotency_conflict")
            if self.now - at < DAY or first == given:
                return first
        if refused:
            return refused
        answer = getattr(self, f"_{operation[0]}")(*operation[1:], given)
        if key and answer[0] == "granted":
            self.remembered[actor, key] = operation, answer, self.written_at
        return answer

    def _out_of_scope(self, actor: str, scope: Any, operation: tuple[Any, ...]) -> Answer | None:
        """A1."""
        permissions, products = scope
        name, first = operation[:2]
        if actor in self.revoked:
            return refuse("unauthenticated")
        if ("assign" if name in ("assign", "unassign") else "take") not in permissions:
            return refuse("not_permitted")
        if products is None:
            return None
        if name in ("renew", "release"):
            lease = self.leases.get(first)
            return None if lease is None or lease["sku"] in products else refuse("unknown_lease")
        if name in ("settle", "cancel"):
            reservation = self.reservations.get(first)
            hidden = reservation is not None and reservation["sku"] not in products
            return refuse("unknown_reservation") if hidden else None
        return None if first in products else refuse("not_permitted")

    def _assign(self, sku: str, user: str, _: Answer) -> Answer:
        refused = self._may_take(sku, USERS)
        if refused:
            return refused
        users, limit = self.users.setdefault(sku, []), self.granted(sku, self.now)
        if user not in users:
            if not user:
                return refuse("malformed")
            if len(users) >= limit:
                return refuse("exhausted" if limit else "not_granted")
            users.append(user)
            self.facts.append(("seat.assigned", sku, user))
        return granted(sku=sku, user=user, assigned=True, in_use=len(users), granted=limit)

    def _unassign(self, sku: str, user: str, _: Answer) -> Answer:
        users = self.users.get(sku, [])
        if user in users:
            users.remove(user)
            self.facts.append(("seat.unassigned", sku, user))
        return granted(sku=sku, user=user, assigned=False, in_use=len(users), granted=self.granted(sku, self.now))

    def check(self, sku: str, user: str, now: datetime) -> Answer:
        users, limit = self.users.get(sku, []), self.granted(sku, now)
        if self.metric(sku) != USERS or user not in users:
            return refuse("not_granted")
        if user not in users[:limit]:
            return refuse("not_covered")  # Q4
        return granted(sku=sku, user=user, assigned=True, in_use=len(users), granted=limit)

    def feature(self, sku: str, now: datetime) -> Answer:
        if self.metric(sku) != FEATURE or not self.granted(sku, now):
            return refuse("not_granted")
        until = max(line["until"] for line in self.lines if line["sku"] == sku)
        return granted(sku=sku, granted=True, valid_until=until, perpetual=False)

    def _acquire(self, sku: str, holder: str, ttl: int, given: Answer) -> Answer:
        refused = self._may_take(sku, SEATS)
        if refused:
            return refused
        if not holder or not 5 <= ttl <= 86_400:
            return refuse("malformed")
        using, limit = len(self.running(sku, self.now)), self.granted(sku, self.now)
        if using >= limit:
            return refuse("exhausted" if limit else "not_granted")
        lease_id, expires = new_id(given, "lease_id", self.leases), self.now + timedelta(seconds=ttl)
        self.leases[lease_id] = {"sku": sku, "holder": holder, "ttl": ttl, "expires": expires}
        self.facts.append(("seat.acquired", sku, lease_id))
        return self._seat(lease_id, expires, using + 1)

    def _renew(self, lease_id: str, _: Answer) -> Answer:
        lease = self.leases.get(lease_id)
        if lease is None or self.now >= lease["expires"]:
            return refuse("unknown_lease")
        running = self.running(lease["sku"], self.now)
        if lease_id not in running[: self.granted(lease["sku"], self.now)]:
            return refuse("not_covered")  # Q4
        lease["expires"] = self.now + timedelta(seconds=lease["ttl"])
        self.facts.append(("seat.renewed", lease["sku"], lease_id))
        return self._seat(lease_id, lease["expires"], len(running))

    def _release(self, lease_id: str, _: Answer) -> Answer:
        lease = self.leases.get(lease_id)
        if lease is None or self.now >= lease["expires"]:
            return refuse("unknown_lease")
        answer = self._seat(lease_id, None, len(self.running(lease["sku"], self.now)) - 1)
        del self.leases[lease_id]
        self.facts.append(("seat.released", lease["sku"], lease_id))
        return answer

    def _seat(self, lease_id: str, expires: datetime | None, using: int) -> Answer:
        lease = self.leases[lease_id]
        fields = {"sku": lease["sku"], "lease_id": lease_id, "holder": lease["holder"], "expires_at": expires}
        return granted(**fields, in_use=using, granted=self.granted(lease["sku"], self.now))

    def _draws(self, sku: str, units: int) -> Answer | list[tuple[str, datetime | None, int]]:
        """Q2, Q5: from the soonest-ending first, an overage only when all are used up; all or nothing."""
        refused = self._may_take(sku, UNITS)
        if refused:
            return refused
        if units < 1:
            return refuse("malformed")
        counted = self.counted(sku, self.now)
        if not counted:
            return refuse("not_granted")
        draws, full = [], {line["id"]: self.taken(line, self.now) for line, _, _ in counted}
        for which in (1, 2):
            for each in counted:
                line, part = each[0], max(0, min(units, each[which] - full[each[0]["id"]]))
                full[line["id"]] += part
                units -= part
                draws += [(line["id"], period(line, self.now), part)] if part else []
        return refuse("exhausted") if units else draws

    def _consume(self, sku: str, units: int, _: Answer) -> Answer:
        left, draws = self.left(sku), self._draws(sku, units)
        if isinstance(draws, tuple):
            return draws
        self._count(draws)
        self.facts.append(("units.consumed", sku, units))
        within = min(left, units)
        return granted(sku=sku, units=units, remaining=left - within, owed=units - within)

    def _reserve(self, sku: str, units: int, ttl: int, given: Answer) -> Answer:
        left, draws = self.left(sku), self._draws(sku, units)
        if isinstance(draws, tuple):
            return draws
        if not 5 <= ttl <= 86_400:
            return refuse("malformed")
        key, expires = new_id(given, "reservation_id", self.reservations), self.now + timedelta(seconds=ttl)
        self.reservations[key] = {"sku": sku, "units": units, "draws": draws, "ttl": ttl, "expires": expires}
        self.facts.append(("units.reserved", sku, key))
        remaining = max(0, left - units)
        return granted(sku=sku, reservation_id=key, units=units, expires_at=expires, remaining=remaining)

    def _settle(self, key: str, units: int, _: Answer) -> Answer:
        found = self.open(self.now).get(key)
        if found is None:
            return refuse("unknown_reservation")
        if units < 0:
            return refuse("malformed")
        if units > found["units"]:
            return refuse("exhausted")
        before, rest, draws = dict(self.consumed), units, []
        for line, start, held in found["draws"]:
            draws.append((line, start, min(rest, held)))
            rest -= min(rest, held)
        del self.reservations[key]
        self._count(draws)
        lines = {draw[:2] for draw in draws}
        owed = sum(self._above(line, self.consumed) - self._above(line, before) for line in lines)
        self.facts.append(("units.settled" if units else "reservation.cancelled", found["sku"], key))
        return granted(sku=found["sku"], units=units, remaining=self.left(found["sku"]), owed=owed)

    def _above(self, line: tuple[str, datetime | None], consumed: dict[Any, int]) -> int:
        return max(0, consumed.get(line, 0) - self.last_quantity[line[0]])

    def _cancel(self, key: str, _: Answer) -> Answer:
        if key not in self.open(self.now):
            return refuse("unknown_reservation")
        found = self.reservations.pop(key)
        self.facts.append(("reservation.cancelled", found["sku"], key))
        fields = {"sku": found["sku"], "reservation_id": key, "units": found["units"], "expires_at": None}
        return granted(**fields, remaining=self.left(found["sku"]))

    def _count(self, draws: list[tuple[str, datetime | None, int]]) -> None:
        for line, start, units in draws:
            if units:
                self.consumed[line, start] = self.consumed.get((line, start), 0) + units

    # --- the exchange -------------------------------------------------------------------------------------------

    def _revoke(self, actor: str, _: Answer) -> Answer:
        self.revoked.add(actor)
        return granted(revoked=actor)

    def _request(self, _: Answer) -> Answer:
        if self.cycle is None or self.missed:
            self.cycle, self.missed = self.now, False
        self.newest = self.now
        self.requests += 1
        return granted(request=True)

    def _install(self, file: str, answers: int, lines: list[Line], issued_at: datetime, _: Answer) -> Answer:
        if file in self.used_files:
            return refuse("already_used")
        if self.cycle is None or answers != self.requests:
            return refuse("superseded")
        assert self.newest is not None
        if self.now >= min(self.cycle + WEEK, self.newest + 2 * DAY):  # E5
            return refuse("window_closed")
        at = max(self.now, issued_at)
        if not self._fits(lines, at):
            return refuse("does_not_fit")
        self._take_lines(lines)
        self.used_files.add(file)
        self.cycle, self.locked, self.written_at = None, False, at
        if at - self.now > TOLERANCE:  # T1, G6
            self._extend(self.now, at)
        return granted(lines=len(lines))

    def _fits(self, lines: list[Line], at: datetime) -> bool:
        """E10."""
        later = Reference(lines, self.clock)
        for sku in {*self.users, *(lease["sku"] for lease in self.leases.values())}:
            using = len(self.users.get(sku, [])) + len(self.running(sku, self.now))
            if later.granted(sku, at) < min(using, self.granted(sku, at)):
                return False
        for line in lines:
            start = period(line, at)
            used = self.consumed.get((line["id"], start), 0) + self.held(line["id"], start, self.now)
            if line["metric"] == UNITS and line["quantity"] < min(used, self.last_quantity.get(line["id"], 0)):
                return False
        return True

    def _take_lines(self, lines: list[Line]) -> None:
        self.lines = lines
        self.last_quantity |= {line["id"]: line["quantity"] for line in lines}


def most(line: Line) -> int:
    return int(line["quantity"] + line["quantity"] * line["overage"] // 100)


def period(line: Line, now: datetime) -> datetime | None:
    """The start of its month that `now` is in, counted from its start; None where it has none."""
    if not line["monthly"]:
        return None
    start = line["since"]
    while (later := _next_month(start)) <= now:
        start = later
    return start


def _next_month(start: datetime) -> datetime:
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def granted(**fields: Any) -> Answer:
    return "granted", fields


def refuse(code: str) -> Answer:
    return "refused", code


def new_id(given: Answer, name: str, known: dict[str, Any]) -> str:
    """The id that was given, which must be a new one."""
    found = given[1].get(name) if given[0] == "granted" else None
    return found if found and found not in known else "an id of its own"
