"""What could be behind a history that does not match: each cause, how it would show, and whether that fits here."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class Fits(StrEnum):
    FITS = "fits"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"


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


def causes_of(signs: Signs) -> tuple[Cause, ...]:
    return _restored(signs), _copied(signs), _edited(signs)


def _restored(signs: Signs) -> Cause:
    count = sum((signs.shorter, signs.number_again, signs.use_back))
    if count == 3:
        here, fits = _("All three fit"), Fits.FITS
    elif count:
        here = ngettext("{count} of three fits", "{count} of three fit", count).format(count=count)
        fits = Fits.FITS if signs.shorter or signs.number_again else Fits.POSSIBLE
    else:
        here, fits = _("None of the three fits"), Fits.UNLIKELY
    shows = _("History gets shorter; a request number comes again; use goes back.")
    return Cause("restored", _("A backup was restored"), shows, here, fits)


def _copied(signs: Signs) -> Cause:
    if signs.both_grew and signs.fresh_use:
        here, fits = _("Fits: both went on, and this one has use of its own"), Fits.FITS
    else:
        here, fits = _("Cannot be ruled out yet"), Fits.POSSIBLE
    shows = _("Two requests arrive in turns from the same older record, both with fresh use.")
    return Cause("copied", _("The machine was copied"), shows, here, fits)


def _edited(signs: Signs) -> Cause:
    if signs.shorter:
        here, fits = _("Less likely: it would not lose a request"), Fits.UNLIKELY
    else:
        here, fits = _("Fits: no fewer records, another root"), Fits.FITS
    shows = _("The same number of records or more, another root.")
    return Cause("edited", _("The ledger was edited"), shows, here, fits)
