"""A4: who vouched for whom, as rows: noted by acts on people, read where a proposal is confirmed."""

from datetime import datetime

from django.db.models import Q

from carnet import vouching
from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.models import Proposal, Vouching
from carnet.vouching import Voucher, plain

VOUCHED = "vouched"  # by the machine


def note(doing: Act, whom: str, what: str, *asked_by: str) -> None:
    """Both people of the act vouch: who confirms it (`doing.by`), and who asked."""
    for by in sorted({plain(name) for name in (doing.by, *asked_by)}):
        Vouching(by=by, whom=plain(whom), what=what, at=doing.now, on_machine=False).save(force_insert=True)


def note_on_machine(doing: Act, whom: str, what: str) -> None:
    """An act of whoever has the machine: it sets nobody apart, and is shown for a time."""
    Vouching(by=plain(doing.by), whom=plain(whom), what=what, at=doing.now, on_machine=True).save(force_insert=True)


def apart(one: str, other: str, now: datetime) -> Voucher | None:
    """What keeps the two from one act (`vouching.apart`)."""
    whom = (plain(one), plain(other))
    rows = Vouching.objects.filter(Q(whom__in=whom) & (Q(on_machine=False) | Q(what=VOUCHED))).order_by("pk")
    found = [Voucher("" if row.on_machine else row.by, row.whom, row.at) for row in rows]
    return vouching.apart(one, other, found, _deeds(min(each.at for each in found)), now) if found else None


def _deeds(since: datetime) -> list[vouching.Deed]:
    rows = Proposal.objects.filter(state=Proposal.State.DONE, confirmed_at__gt=since)
    return [
        vouching.Deed(by, other, at) for by, other, at in rows.values_list("by", "confirmed_by", "confirmed_at") if at
    ]
