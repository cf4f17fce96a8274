"""An order file: read row by row, stored whole or not at all, and never a spreadsheet's formula."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.calm.queries.log_queries import show_log
from carnet.calm.use_cases import order_imports, orders, purchases
from carnet.calm.use_cases.orders import RowError
from carnet.csv_cells import csv_line, csv_rows
from carnet.entitlements import PeriodUnit, PurchaseKind
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import OLGA, World, code, ok
from tests.support import depth

pytestmark = pytest.mark.both_databases

HEAD = "product,quantity,from,until,kind,period,overage_percent,grace_days\n"
GOOD = HEAD + (
    "bot-creator,40,2026-10-01,2027-10-01,,,,\nDocument Automation,1200000,2026-10-01,2027-10-01,trial,month,10,30\n"
)


def add(world: World, text: str | bytes, **options: bool) -> order_imports.OrderAdded | Refusal:
    raw = text.encode() if isinstance(text, str) else text
    return order_imports.add_order(world.calm, account="Northwind", raw=raw, **options, **world.act)


def errors(text: str) -> list[RowError]:
    return list(ok(orders.read_order((HEAD + text).encode())).errors)


@pytest.mark.rule("V1", "Q5")
def test_each_row_is_a_purchase_with_its_record_in_one_act(world: World) -> None:
    added = ok(add(world, GOOD))
    creator, pages = added.purchases
    assert (creator.sku, creator.quantity, creator.kind, creator.period) == ("bot-creator", 40, "purchased", None)
    assert (creator.valid_from, creator.valid_until) == (
        datetime(2026, 10, 1, tzinfo=UTC),
        datetime(2027, 10, 1, tzinfo=UTC),
    )
    assert (pages.kind, pages.policy.overage_percent, pages.policy.grace_days) == (PurchaseKind.TRIAL, 10, 30)
    assert pages.period is not None
    assert pages.period.unit is PeriodUnit.MONTH
    assert purchases.list_purchases(now=world.now) == [creator, pages]
    records = show_log()[-2:]
    assert [(one.kind, one.who, one.detail["quantity"]) for one in records] == [
        ("purchase.added", OLGA, 40),
        ("purchase.added", OLGA, 1200000),
    ]


def test_a_wrong_row_stores_nothing_or_only_the_good_ones_by_choice(world: World) -> None:
    text = GOOD + "bot-runs,0,2026-10-01,2027-10-01,,,,\n"
    refused = add(world, text)
    assert code(refused) == "malformed"
    assert isinstance(refused, Refusal)
    assert refused.message == "1 of 3 rows cannot be stored. Nothing was stored."
    assert refused.evidence == (f"line 4, quantity: It is not between 1 and {2**53 - 1}.",)
    assert purchases.list_purchases(now=world.now) == []
    added = ok(add(world, text, good_rows_only=True))
    assert len(added.purchases) == 2
    assert [error.line for error in added.left_out] == [4]


@pytest.mark.rule("H8")
@pytest.mark.parametrize("again", [GOOD, GOOD.replace("\n", "\r\n"), GOOD.replace(",", ";"), GOOD + "\n,,,\n"])
def test_the_same_file_is_not_stored_twice_and_says_what_stood(world: World, again: str) -> None:
    first = ok(add(world, GOOD))
    second = ok(add(world, again))
    assert (second.purchases, second.imported) == ((), "")
    assert second.standing == tuple(one.purchase for one in first.purchases)
    assert len(purchases.list_purchases(now=world.now)) == 2


@pytest.mark.parametrize(
    ("row", "column", "fits"),
    [
        ("bot-creater,4,2026-10-01,2027-10-01", "product", "bot-creator"),
        ("=HYPERLINK(x),4,2026-10-01,2027-10-01", "product", ""),
        (",4,2026-10-01,2027-10-01", "product", ""),
        ('bot-creator,"1,200",2026-10-01,2027-10-01', "quantity", "1200"),
        ("bot-creator,-4,2026-10-01,2027-10-01", "quantity", ""),
        ("bot-creator,4.5,2026-10-01,2027-10-01", "quantity", ""),
        ("bot-creator,99999999999999999,2026-10-01,2027-10-01", "quantity", str(2**53 - 1)),
        ("bot-creator,4,01.10.2026,2027-10-01", "from", "2026-10-01"),
        ("bot-creator,4,2026-1-1,2027-10-01", "from", "2026-01-01"),
        ("bot-creator,4,2026-10-01,2027-02-29", "until", ""),
        ("bot-creator,4,2026-10-01,2026-10-01", "until", ""),
        ("bot-creator,4,2026-10-01,2027-10-01,purchase", "kind", "purchased"),
        ("bot-runs,4,2026-10-01,2027-10-01,,monthly", "period", "month"),
        ("bot-creator,4,2026-10-01,2027-10-01,,month", "period", ""),
        ("bot-runs,4,2026-10-01,2027-10-01,,,150", "overage_percent", "100"),
        ("bot-runs,4,2026-10-01,2027-10-01,,,,91", "grace_days", "90"),
        ("bot-runs,4,2026-10-01,2027-10-01,,,,,more", "", ""),
    ],
)
def test_an_error_names_its_line_its_column_and_the_value_that_fits(
    world: World, row: str, column: str, fits: str
) -> None:
    (error,) = errors(f"\n{row}\n")
    assert (error.line, error.column, error.fits) == (3, column, fits)
    assert error.sentence


def test_all_errors_of_a_row_are_told_at_once(world: World) -> None:
    assert [error.column for error in errors("x,y,z,,w,v,u,t\n")] == [
        "product",
        "quantity",
        "from",
        "until",
        "kind",
        "period",
        "overage_percent",
        "grace_days",
    ]


ORDERED = "product,quantity,from,until,order,line\n"
TEN = "bot-creator,10,2026-10-01,2027-10-01,PO-7,1\n"


@pytest.mark.rule("H8")
def test_the_corrected_file_stores_only_what_is_new(world: World) -> None:
    wrong = ORDERED + TEN + "bot-creater,5,2026-10-01,2027-10-01,PO-7,2\n"
    ok(add(world, wrong, good_rows_only=True))
    done = ok(add(world, wrong.replace("creater", "creator")))
    assert ([one.quantity for one in done.purchases], len(done.standing)) == ([5], 1)
    assert sorted(one.quantity for one in purchases.list_purchases(now=world.now)) == [5, 10]


@pytest.mark.rule("H8")
@pytest.mark.parametrize(
    "row",
    [
        TEN.replace(",10,", ",11,"),
        TEN.replace(",10,", ",9,"),
        TEN.replace("2027-10-01", "2028-10-01"),
        TEN.replace("2027-10-01", "perpetual"),
        TEN.replace("bot-creator", "bot-runs"),
    ],
)
def test_a_line_that_stands_is_never_changed_by_a_file(world: World, row: str) -> None:
    ok(add(world, ORDERED + TEN))
    refused = add(world, ORDERED + row)
    assert isinstance(refused, Refusal)
    assert "This order line stands already: 10 Bot Creator" in refused.evidence[0]
    assert [one.quantity for one in purchases.list_purchases(now=world.now)] == [10]


@pytest.mark.rule("H8", "H6")
def test_a_line_that_was_lowered_since_stands_all_the_same(world: World) -> None:
    (bought,) = ok(add(world, ORDERED + TEN)).purchases
    ok(purchases.lower_purchase(world.calm, purchase=bought.purchase, reason="refund", quantity=4, **world.act))
    assert len(ok(add(world, ORDERED + TEN)).standing) == 1
    assert [one.quantity for one in purchases.list_purchases(now=world.now)] == [4]


@pytest.mark.rule("H8")
@pytest.mark.parametrize(
    ("row", "column"),
    [
        (TEN, "line"),  # twice in the file
        (TEN.replace(",1\n", ",\n"), "line"),
        (TEN.replace(",1\n", ",0\n"), "line"),
        (TEN.replace("PO-7", ""), "order"),
        (TEN.replace("PO-7", "x" * 65), "order"),
        (TEN.replace("PO-7", '"PO\n7"'), "order"),
        (TEN.replace("PO-7", "PO\u200b7"), "order"),
    ],
)
def test_an_order_and_its_line_are_named_once_and_both(world: World, row: str, column: str) -> None:
    refused = add(world, ORDERED + TEN + row)
    assert isinstance(refused, Refusal)
    assert f", {column}: " in refused.evidence[0]
    assert purchases.list_purchases(now=world.now) == []


@pytest.mark.rule("H8")
def test_rows_of_several_accounts_are_in_one_file(world: World) -> None:
    world.add_account("Contoso")
    text = "account,product,quantity,from,until,order,line\n"
    text += (
        "Northwind,bot-creator,10,2026-10-01,2027-10-01,PO-7,1\nCONTOSO,bot-creator,3,2026-10-01,2027-10-01,PO-7,1\n"
    )
    done = ok(order_imports.add_order(world.calm, account=None, raw=text.encode(), **world.act))
    assert [one.quantity for one in done.purchases] == [10, 3]
    assert len({one.account for one in done.purchases}) == 2
    wrong = order_imports.check_order(text.replace("CONTOSO", "Contosso").encode())
    (error,) = ok(wrong).errors
    assert (error.column, error.fits) == ("account", "Contoso")
    (other,) = ok(order_imports.check_order(text.encode(), "Northwind")).errors
    assert other.sentence == "This file is stored for Northwind."
    (none,) = ok(order_imports.check_order((ORDERED + TEN).encode())).errors
    assert none.sentence == "No account is named."


@pytest.mark.rule("H8")
def test_refused_rows_come_back_as_they_stood_with_the_reason(world: World) -> None:
    text = HEAD + "bot-creator,4,2026-10-01,2027-10-01\nbot-creater,x,2026-10-01,2027-10-01,,,,,more\n"
    text += "=1+1,1,2026-10-01,2027-10-01\n"
    checked = ok(order_imports.check_order(text.encode(), "Northwind"))
    first, *rows = list(csv_rows(order_imports.refused_rows(checked.read, checked.errors)))
    assert first[1][-1] == "what is wrong"
    assert [cells[0] for _, cells in rows] == ["bot-creater", "'=1+1"]
    assert rows[0][1][8] == "more", "a cell too much is kept"
    assert "product: The catalogue has no such product. Fits: bot-creator." in rows[0][1][-1]
    assert purchases.list_purchases(now=world.now) == []


@pytest.mark.rule("H8")
def test_an_import_is_taken_back_within_a_day_as_a_whole(world: World) -> None:
    done = ok(add(world, GOOD))
    gone = ok(order_imports.take_back_import(world.calm, imported=done.imported, **world.act))
    assert set(gone.purchases) == {one.purchase for one in done.purchases}
    assert purchases.list_purchases(now=world.now) == []
    assert show_log()[-1].kind == "order.taken_back"
    with pytest.raises(UsageError, match="There is no import"):
        order_imports.take_back_import(world.calm, imported=done.imported, **world.act)
    assert len(ok(add(world, GOOD)).purchases) == 2, "and can be stored again"


@pytest.mark.rule("H8")
def test_an_import_of_yesterday_or_from_which_something_was_issued_stays(world: World) -> None:
    done = ok(add(world, GOOD))
    world.license(world.site(), products={"bot-creator": 5})
    refused = order_imports.take_back_import(world.calm, imported=done.imported, **world.act)
    assert code(refused) == "over_entitlement"
    other = ok(add(world, ORDERED + TEN))
    world.now += order_imports.TO_TAKE_BACK
    with pytest.raises(UsageError, match="more than a day ago"):
        order_imports.take_back_import(world.calm, imported=other.imported, **world.act)
    assert len(purchases.list_purchases(now=world.now)) == 3


@pytest.mark.security
@pytest.mark.parametrize("imported", ["", "none"])
def test_purchases_that_were_added_by_hand_are_no_import(world: World, imported: str) -> None:
    world.buy("bot-creator", 3)
    with pytest.raises(UsageError):
        order_imports.take_back_import(world.calm, imported=imported, **world.act)
    assert len(purchases.list_purchases(now=world.now)) == 1


@pytest.mark.parametrize(
    "raw",
    [
        GOOD.replace(",", ";").encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace(HEAD, HEAD.upper()).encode(),
    ],
)
def test_what_spreadsheets_write_is_read(world: World, raw: bytes) -> None:
    assert len(ok(add(world, raw)).purchases) == 2


@pytest.mark.rule("too_large", "malformed")
@pytest.mark.parametrize(
    ("raw", "refused"),
    [
        (b"x" * (orders.MAX_ORDER + 1), "too_large"),
        (HEAD.encode() + b"bot-creator,1,2026-10-01,2027-10-01\n" * 2001, "too_large"),
        (b"", "malformed"),
        (HEAD.encode(), "malformed"),
        (b"PK\x03\x04\x00\xff", "malformed"),
        (b"product,quantity\nbot-creator,1\n", "malformed"),
        (b"product,quantity,from,until,price\n", "malformed"),
        (b"product,quantity,from,until,from\n", "malformed"),
        (b'product,quantity,from,until\n"bot', "malformed"),
    ],
)
def test_what_is_no_order_is_refused_and_nothing_is_stored(world: World, raw: bytes, refused: str) -> None:
    assert code(add(world, raw)) == refused
    assert purchases.list_purchases(now=world.now) == []


@given(raw=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: (HEAD + text).encode(errors="replace")))
@settings(max_examples=depth.times(50, 2000))
def test_no_bytes_break_the_reader(db: None, raw: bytes) -> None:
    read = orders.read_order(raw)
    assert isinstance(read, orders.OrderRead | Refusal)


def test_what_goes_out_is_no_formula(world: World) -> None:
    assert csv_line(["=1+1", "-2", "bot-creator"]) == "'=1+1,'-2,bot-creator\r\n"
    assert isinstance(orders.read_order(orders.template().encode()), orders.OrderRead)
