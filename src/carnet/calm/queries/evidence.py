"""A refused request beside what CALM saw: where the histories part, what could be behind it (each cause, how it would
show, and whether that fits here), and who decides what.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from carnet.calm.control_rooms.counting import Carried
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    RefusedFile,
    SeenCheckpoint,
)
from carnet.calm.customers.models import Account
from carnet.calm.purchases.models import Guid, Product
from carnet.calm.queries.room import RefusedShown, file_name, shown_refusal
from carnet.calm.use_cases.carrying import CarriedLine, lines_of, said
from carnet.calm.use_cases.exposures import stands_for
from carnet.calm.use_cases.histories import (
    MISMATCHES,
    Comparison,
    compare,
    never_accepted,
)
from carnet.calm.use_cases.proposals import ACCEPT_HISTORY, READMIT, TAKE_BACK
from carnet.calm.use_cases.taking_back import carried_by
from carnet.calm.use_cases.two_people import ProposalShown, open_proposals
from carnet.calm.use_cases.validate_lfr import find_room
from carnet.entitlements import Metric
from carnet.errors import UsageError
from carnet.exchange.license_file_request import (
    LicenseFileRequest,
    LineTotals,
    ReadLfr,
    read_lfr,
)
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import day


class Fits(StrEnum):
    FITS = "fits"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"


SETTLING = (ACCEPT_HISTORY, READMIT, TAKE_BACK)  # the acts of two people that answer a refused request


@dataclass(frozen=True)
class Cause:
    kind: str  # restored | copied | edited
    name: str
    shows: str
    here: str
    fits: Fits


@dataclass(frozen=True)
class Signs:
    shorter: bool  # the site's ledger has fewer records than CALM saw
    number_again: bool  # its LFR has a number that CALM took already
    use_back: bool  # it states less used
    both_grew: bool  # both sides went on from where they agree
    fresh_use: bool  # it states use that CALM did not see
    given_up: bool  # it goes on from a history that was given up before


def causes_of(signs: Signs) -> tuple[Cause, ...]:
    """The most common cause first. None of the others ever fits better than a restored backup, but for one that only
    a copy explains: a backup and an edited ledger can look alike in every number."""
    return _restored(signs), _copied(signs), _edited(signs)


def _restored(signs: Signs) -> Cause:
    count = sum((signs.shorter, signs.number_again, signs.use_back))
    if count:
        here = "All three fit" if count == 3 else f"{count} of three {'fits' if count == 1 else 'fit'}"
        fits = Fits.FITS
    else:
        here, fits = "Possible: the site may have worked for long since it was restored", Fits.POSSIBLE
    shows = "History gets shorter; a request number comes again; use goes back."
    return Cause("restored", "A backup was restored", shows, here, fits)


def _copied(signs: Signs) -> Cause:
    if signs.given_up:
        here, fits = "Fits: it goes on from a history that was given up before", Fits.FITS
    elif signs.both_grew and signs.fresh_use:
        here, fits = "Possible: both went on, and this one has use of its own", Fits.POSSIBLE
    else:
        here, fits = "Cannot be ruled out yet", Fits.POSSIBLE
    shows = "Two requests arrive in turns from the same older record, both with fresh use."
    return Cause("copied", "The machine was copied", shows, here, fits)


def _edited(signs: Signs) -> Cause:
    if signs.shorter or signs.number_again:
        here, fits = "Less likely: it would not lose a request", Fits.UNLIKELY
    else:
        here, fits = "Possible, as with a restored backup: no fewer records, another root", Fits.POSSIBLE
    shows = "The same number of records or more, another root."
    return Cause("edited", "The ledger was edited", shows, here, fits)


@dataclass(frozen=True)
class Side:
    """What CALM saw last, or what the site claims."""

    lfr: int
    at: datetime  # accepted, or made at the site
    words: str  # `LFR 5`, or what else showed it
    records: int
    root: str
    installed: int


@dataclass(frozen=True)
class Shared:
    """The newest record up to which both agree, as proven."""

    records: int
    at: datetime
    words: str


@dataclass(frozen=True)
class UsedRow:
    """Units consumed, as each side has them."""

    sku: str
    name: str
    unit: str
    metric: Metric
    saw: int
    claims: int

    @property
    def units(self) -> str:
        return self.metric.kind.units(self.unit)

    @property
    def fewer(self) -> int:
        return max(0, self.saw - self.claims)


@dataclass(frozen=True)
class Evidence:
    """`saw` and what follows are there only for a history that can be read, of a Control Room that CALM knows."""

    refused: RefusedShown
    account: str
    account_name: str
    guid: str
    label: str
    room: str
    room_name: str
    version: str
    file_name: str
    is_history: bool
    saw: Side | None
    claims: Side | None
    shared: Shared | None
    parting: int | None  # the first size that CALM saw and the site does not extend
    used: tuple[UsedRow, ...]
    carried: tuple[Carried, ...]  # what accepting it would add
    causes: tuple[Cause, ...]
    happened: str
    means: str
    steps: tuple[str, ...]
    not_acceptable: Refusal | None  # why two people cannot accept it; of its token it is judged when proposed
    is_readmission: bool  # E11: two people can let it enrol once more
    is_taking_back: bool  # L6: two people can take back what CALM forgot
    needs_site_to_confirm: bool  # L2: not shown; the site says by other means that this is its newest request
    proposals: tuple[ProposalShown, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        """What accepting it comes to: a sentence for each product and period."""
        return said(self.carried)

    @property
    def can_be_lower(self) -> tuple[CarriedLine, ...]:
        """The lines to which two people may add fewer units."""
        return lines_of(self.carried)

    @property
    def can_be_settled(self) -> bool:
        """Whether two people decide on it."""
        return self.is_history or self.is_readmission or self.is_taking_back

    @property
    def waits(self) -> bool:
        """Whether one person asked for it already, so that nothing more is asked."""
        return any(one.kind in SETTLING for one in self.proposals)

    @property
    def fewer_records(self) -> int:
        return max(0, self.saw.records - self.claims.records) if self.saw and self.claims else 0


def evidence(refused: int) -> Evidence:
    """By its number. Raises UsageError where there is none. Once it is settled, only what was said then is shown."""
    row = RefusedFile.objects.filter(pk=refused).first()
    if row is None:
        raise UsageError(f"There is no refused file {refused}.")
    room = find_room(row.room) if row.room else None
    if room and room.account_id != row.account:
        room = None  # of another account: nothing of it is shown here
    read = _read(row)
    is_open = row.code in MISMATCHES and not row.resolved
    compared = _Compared.of(room, read) if is_open and room and read else None
    guid = Guid.objects.filter(id=row.guid).first() if row.guid else None
    account = Account.objects.filter(id=row.account).first() if row.account else None
    name = room.name if room else row.name
    last = stands_for(find_room(row.room), row.guid) if row.code == Code.RELEASED_AGAIN else None
    asked = last or room
    is_taking_back = row.code == Code.NOT_REMEMBERED and row.known and not row.resolved
    carried = compared.found.carried if compared else carried_by(row.room, row.pk) if is_taking_back else ()
    return Evidence(
        shown_refusal(row, newer=not row.resolved),
        row.account,
        account.name if account else "",
        row.guid,
        guid.label if guid else "",
        room.id if room else row.room,
        name,
        read.lfr.control_room.version if read else "",
        file_name(name, row.sequence, row.kind),
        compared is not None,
        compared.saw if compared else None,
        compared.claims if compared else None,
        compared.shared if compared else None,
        compared.found.parting if compared else None,
        compared.used if compared else (),
        carried,
        compared.causes if compared else (),
        compared.happened if compared else row.message,
        compared.means if compared else _nothing_changed(room, name, row.code),
        compared.steps if compared else (row.next,),
        _not_acceptable(row, room, read),
        last is not None and not row.resolved,
        is_taking_back,
        row.code == Code.HISTORY_NOT_SHOWN,
        open_proposals(asked.id if asked else row.room) if asked or row.room else (),
    )


def _read(row: RefusedFile) -> ReadLfr | None:
    read = read_lfr(bytes(row.raw), stored=True) if row.kind == "lfr" else None
    return None if isinstance(read, Refusal) else read


def _nothing_changed(room: ControlRoom | None, name: str, code: str = "") -> str:
    """What CALM forgot is what the site works with (L6): the number that is known here is an older one."""
    if code == Code.NOT_REMEMBERED:
        return f"Nothing is changed: {name} keeps working on what is installed there."
    if room and room.confirmed:
        return f"Nothing is changed: {name} keeps working on license file #{room.confirmed}."
    return "Nothing is changed."


def _not_acceptable(row: RefusedFile, room: ControlRoom | None, read: ReadLfr | None) -> Refusal | None:
    if room is None or read is None or row.code not in MISMATCHES:
        why = "Only a history of a Control Room that CALM knows can be accepted."
    elif row.resolved:
        why = "A newer request was accepted since, or this one was."
    elif RefusedFile.objects.filter(
        room=room.id, kind="lfr", code__in=MISMATCHES, resolved=False, pk__gt=row.pk
    ).exists():
        why = "A newer request of it was refused: that one is the one to look at."
    else:
        return never_accepted(room, read)
    return Refusal(Code.NOTHING_TO_ACCEPT, why, "Look at the Control Room's page.")


@dataclass(frozen=True)
class _Compared:
    """The two histories, and what they show."""

    room: ControlRoom
    lfr: LicenseFileRequest
    found: Comparison
    saw: Side
    claims: Side
    shared: Shared | None
    used: tuple[UsedRow, ...]
    causes: tuple[Cause, ...]

    @staticmethod
    def of(room: ControlRoom, read: ReadLfr) -> "_Compared":
        lfr = read.lfr
        found = compare(room, lfr)
        newest = AcceptedLfr.objects.filter(pk=room.newest_lfr_id).defer("raw").first()
        saw, claims = _saw(room, newest), _claims(lfr)
        stated = msgspec.json.decode(newest.totals, type=list[LineTotals]) if newest else []
        products = Product.objects.in_bulk({line.sku for line in (*stated, *lfr.totals.record.body.lines)})
        used = _used(stated, lfr.totals.record.body.lines, products)
        signs = Signs(
            shorter=claims.records < saw.records,
            number_again=lfr.sequence <= room.last_sequence,
            use_back=any(row.fewer for row in used),
            both_grew=_both_grew(found, saw, claims),
            fresh_use=any(row.claims > row.saw for row in used),
            given_up=_goes_on_from_given_up(room, found),
        )
        return _Compared(room, lfr, found, saw, claims, _shared(room, found), used, causes_of(signs))

    @property
    def happened(self) -> str:
        if self.lfr.sequence <= self.room.last_sequence:
            head = f"{self.room.name} sent a second request #{self.lfr.sequence}."
        else:
            head = f"{self.room.name} sent request #{self.lfr.sequence}."
        if self.found.parting is None:
            lacks = "It does not show that its ledger holds the records that CALM saw"
        else:
            lacks = "Its ledger does not contain the records that CALM saw"
        seen = f"{lacks} in {self.saw.words}, on {day(self.saw.at)}."
        return f"{head} {seen} The signature is good: this is the same Control Room."

    @property
    def means(self) -> str:
        words = []
        if self.shared:
            upto = f"record {self.shared.records:,} at least ({day(self.shared.at)})"
            words.append(f"The two histories agree up to {upto}.")
            lost = self.saw.records - self.shared.records
            if lost > 0 and self.found.parting is not None:
                missing = f"up to {lost:,} records that CALM saw are missing at the site{self._among()}"
                words.append(f"After that, {missing}.")
        elif self.found.parting is not None:
            words.append("No common record is shown.")
        words.append(_nothing_changed(self.room, self.room.name))
        words.append("Its quantities stay held.")
        return " ".join(words)

    def _among(self) -> str:
        fewer = [row.metric.kind.counted(row.fewer, row.unit) for row in self.used if row.fewer]
        return f", among them the use of {', '.join(fewer)}" if fewer else ""

    @property
    def steps(self) -> tuple[str, ...]:
        if self.found.parting is None:
            return (
                f"Ask the site for a request that shows its history since record {self.room.seen_size}.",
                "Where the site confirms that this is its newest request, two people can accept it as it is.",
            )
        return (
            f"Ask the site: was {self.room.name} restored from a backup or copied, and when?",
            (
                "If a backup was restored, accept the new history with that reason. A second person confirms, and the "
                "acceptance goes into the next license file and the site's ledger."
            ),
            "If the site cannot explain it, do not accept. Keep the evidence and call the site's security officer.",
        )


def _saw(room: ControlRoom, newest: AcceptedLfr | None) -> Side:
    last = SeenCheckpoint.objects.filter(room=room, believed=True).order_by("-size", "-id").first()
    words = last.words if last else ""
    at = last.at if last else room.changed_at
    return Side(newest.sequence if newest else 0, at, words, room.seen_size, room.seen_root, room.confirmed)


def _claims(lfr: LicenseFileRequest) -> Side:
    at = lfr.ledger.checkpoint
    installed = lfr.installed.sequence if lfr.installed else 0
    return Side(lfr.sequence, lfr.generated_at, f"LFR {lfr.sequence}", at.size, at.root, installed)


def _shared(room: ControlRoom, found: Comparison) -> Shared | None:
    if found.shared is None:
        return None
    row = SeenCheckpoint.objects.filter(room=room, size=found.shared.size).order_by("id").first()
    return Shared(row.size, row.at, row.words) if row else None


def _goes_on_from_given_up(room: ControlRoom, found: Comparison) -> bool:
    """Whether the newest checkpoint that it holds is one of a history that two people gave up."""
    if found.shared is None:
        return False
    rows = SeenCheckpoint.objects.filter(room=room, size=found.shared.size).values_list("believed", flat=True)
    return bool(rows) and not any(rows)


def _both_grew(found: Comparison, saw: Side, claims: Side) -> bool:
    shared = found.shared.size if found.shared else 0
    return saw.records > shared and claims.records > shared


def _used(stated: list[LineTotals], claimed: list[LineTotals], products: dict[str, Product]) -> tuple[UsedRow, ...]:
    saw, claims = _consumed(stated), _consumed(claimed)
    metrics = {line.sku: line.metric for line in (*stated, *claimed)}
    rows = [
        UsedRow(sku, *_named(products, sku), metrics[sku], saw.get(sku, 0), claims.get(sku, 0))
        for sku in sorted(saw.keys() | claims)
    ]
    return tuple(row for row in rows if row.saw or row.claims)


def _consumed(lines: list[LineTotals]) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in lines:
        if line.metric.kind.counts_units:
            found[line.sku] = found.get(line.sku, 0) + line.consumed
    return found


def _named(products: dict[str, Product], sku: str) -> tuple[str, str]:
    product = products.get(sku)
    return (product.name, product.unit) if product else (sku, "unit")
