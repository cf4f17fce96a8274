"""Two people, or two tabs, answer one LFR: whoever comes second is told what was issued, by whom, and what of theirs
was not (E6). One place makes these words for pages, REST and the command line."""

from collections import Counter

from carnet.calm.control_rooms.models import AcceptedLfr, LicenseFile, LicenseLine
from carnet.calm.purchases.models import Product, Purchase
from carnet.calm.use_cases.selection import Selection
from carnet.entitlements import Metric
from carnet.times import stamp


def issued_words(lfr_id: str) -> str:
    """The file that answers an LFR: its number, when and by whom it was issued, and what it grants."""
    file = LicenseFile.objects.defer("raw").filter(lfr=lfr_id).first()
    if file is None:  # it was answered in a time that CALM forgot (L6)
        return "a license file already"
    granted = ", ".join(f"{name}: {amount}" for name, amount in _amounts(_issued(file.id)))
    return f"license file #{file.sequence} at {stamp(file.issued_at)} by {file.issued_by} ({granted})"


def not_issued_words(lfr_id: str, asked: Selection) -> str:
    """What of `asked` the file that was issued does not grant; empty where there is no such file."""
    file = LicenseFile.objects.defer("raw").filter(lfr=lfr_id).first()
    if file is None:
        return ""
    issued, wanted = _issued(file.id), _wanted(asked)
    names = dict(_amounts(wanted | issued, by_sku=True))
    missed = [
        f"{names[sku]}: {wanted[sku]:,} instead of {issued[sku]:,}"
        for sku in sorted(names)
        if wanted[sku] != issued[sku]
    ]
    if not missed:
        return "It grants what you asked for; nothing of yours is missing."
    return f"Not issued is what you asked for otherwise: {'; '.join(missed)}."


def taken_words(row: AcceptedLfr) -> str:
    """The newest LFR, which made an older one void: when and by whom it was uploaded."""
    return f"LFR {row.sequence} was uploaded at {stamp(row.accepted_at)} by {row.accepted_by}"


def _issued(license_file: str) -> Counter[str]:
    """By product, over its lines."""
    found = Counter[str]()
    for sku, quantity in LicenseLine.objects.filter(license_file=license_file).values_list(
        "purchase__product_id", "quantity"
    ):
        found[sku] += quantity
    return found


def _wanted(asked: Selection) -> Counter[str]:
    found = Counter({sku: quantity for sku, quantity in asked.products.items() if quantity})
    bought = dict(Purchase.objects.filter(id__in=list(asked.lines)).values_list("id", "product_id"))
    for purchase, quantity in asked.lines.items():
        found[bought.get(purchase, purchase)] += quantity
    return found


def _amounts(quantities: Counter[str], *, by_sku: bool = False) -> list[tuple[str, str]]:
    """Names with amounts in words; with `by_sku`, the names by their product."""
    products = Product.objects.in_bulk(list(quantities))
    if by_sku:
        return [(sku, products[sku].name if sku in products else sku) for sku in quantities]
    return [
        (products[sku].name, Metric(products[sku].metric).kind.amount(quantity))
        for sku, quantity in sorted(quantities.items())
    ]
