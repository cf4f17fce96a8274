"""N2: a customer's token fills no disk. What one account may send in a day, and what is kept of what was refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from carnet.calm.control_rooms.models import AcceptedLfr, RefusedFile
from carnet.calm.issuing_log import log
from carnet.calm.use_cases import license_files, losses, receipts, tokens
from carnet.calm.use_cases.batches import Sent, accept_many
from carnet.calm.use_cases.context import Uploads
from carnet.calm.use_cases.models import SentInADay, Token
from carnet.calm.use_cases.refused_uploads import let_go_of_old
from carnet.calm.use_cases.uploads import retry_after
from carnet.calm.wiring import _uploads
from carnet.errors import UsageError
from carnet.exchange.envelope import MAX_CARRYING
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import World, code, ok

pytestmark = [pytest.mark.both_databases, pytest.mark.security]
RUBBISH = b"x" * 5_000


def limit(world: World, **limits: Any) -> World:
    """From now on, as the portal is: the day's count begins here."""
    world.calm.uploads = replace(Uploads(), **({"files": 1_000} | limits))
    return world


@pytest.fixture
def north(world: World) -> World:
    world.buy("bot-creator", 10)
    return world


@pytest.mark.rule("N2", "too_many_uploads")
@pytest.mark.parametrize("limits", [{"files": 3}, {"bytes": 3 * len(RUBBISH)}])
def test_a_flood_of_refused_files_ends_with_the_days_share(north: World, limits: dict[str, int]) -> None:
    site = north.site()
    limit(north, **limits)
    for _ in range(3):
        assert code(north.upload(RUBBISH)) == "malformed"
    assert code(north.upload(site.request(north.now))) == "too_many_uploads"
    records, kept = log.size(), RefusedFile.objects.count()
    for _ in range(50):
        assert code(north.upload(RUBBISH)) == "too_many_uploads"
    assert (log.size(), RefusedFile.objects.count(), kept) == (records, 3, 3), "no record and no byte more"
    assert not AcceptedLfr.objects.exists()
    day = SentInADay.objects.get()
    assert (day.files, day.bytes, day.turned_away) == (3, 3 * len(RUBBISH), 51)


@pytest.mark.rule("N2")
def test_the_next_day_is_another_and_so_is_the_next_account(north: World) -> None:
    site, other = north.site(), north.add_account("Contoso")
    north.site("theirs", other)
    limit(north, files=1)
    assert code(north.upload(RUBBISH)) == "malformed"
    refused = north.upload(site.request(north.now))
    assert isinstance(refused, Refusal)
    assert code(north.upload(RUBBISH, "theirs")) == "malformed", "an account of its own"
    seconds = retry_after(refused, north.now)
    assert seconds is not None
    assert 0 < seconds <= 24 * 3600
    north.now += timedelta(seconds=seconds)
    assert north.accept(site.request(north.now)).verdict == "accepted"


@pytest.mark.rule("N2")
def test_each_act_that_is_written_down_for_an_account_counts(north: World) -> None:
    """Else a token could be downloaded, or a file fetched, until the disk is full."""
    site = north.site()
    receipt = north.license(site, products={"bot-creator": 1})
    file = AcceptedLfr.objects.get().id
    limit(north, files=5)
    ok(tokens.download_token(north.calm, account=north.account, **north.act))
    ok(receipts.accept_receipt(north.calm, raw=receipt, guid="north", **north.act))
    ok(license_files.download_license_file(north.calm, license_file=file, **north.act))
    taken = accept_many(north.calm, account=north.account, files=[Sent("a", RUBBISH), Sent("b", RUBBISH)], **north.act)
    assert [code(one.answer) for one in taken] == ["malformed", "malformed"]
    records, given = log.size(), Token.objects.count()
    for answer in (
        tokens.download_token(north.calm, account=north.account, **north.act),
        receipts.accept_receipt(north.calm, raw=receipt, guid="north", **north.act),
        license_files.download_license_file(north.calm, license_file=file, **north.act),
        losses.report_lost(north.calm, guid="north", reason="it sank", **north.act),
        accept_many(north.calm, account=north.account, files=[Sent("c", RUBBISH)], **north.act)[0].answer,
    ):
        assert code(answer) == "too_many_uploads"
    assert log.size() == records + 1, "one record says so, once a day"
    assert Token.objects.count() == given


@pytest.mark.rule("N2")
def test_at_the_command_line_nothing_is_counted(north: World) -> None:
    north.add_guid("north")
    for _ in range(5):
        assert code(north.upload(RUBBISH)) == "malformed"
    assert not SentInADay.objects.exists()
    assert _uploads({}, counted=False).files is None
    assert _uploads({"CARNET_CALM_FILES_A_DAY": "7"}, counted=True).files == 7
    for wrong in ("0", "-1", "many", "1e3", "9" * 20):
        with pytest.raises(UsageError, match="not a number above 0"):
            _uploads({"CARNET_CALM_REFUSED_FILES_DAYS": wrong}, counted=True)


@pytest.mark.rule("N2")
def test_of_files_without_a_known_signature_the_newest_few_are_whole(north: World) -> None:
    """Also of those that claim to be of a site that is known, and are signed with a key of the sender's own."""
    site = north.site()
    north.accept(site.request(north.now))
    stranger = north.site("spare")
    stranger.id = site.id
    limit(north, unknown_kept=2)
    forged = [stranger.request(north.now) for _ in range(3)]
    assert [code(north.upload(raw)) for raw in forged] == ["unknown_signer"] * 3
    assert code(north.upload(RUBBISH + b" " * MAX_CARRYING)) == "too_large"
    rows = list(RefusedFile.objects.order_by("id"))
    assert [(row.is_whole, bool(bytes(row.raw)), row.known) for row in rows] == [
        (False, False, False),
        (False, False, False),
        (True, True, False),
        (True, True, False),
    ]
    assert all(row.digest and row.size and row.code for row in rows), "what was said of them is kept"


@pytest.mark.rule("N2", "L2", "E2")
def test_evidence_with_a_known_signature_is_whole_whatever_comes_after(north: World) -> None:
    site = north.site()
    north.license(site, products={"bot-creator": 1})
    backup = site.fork()
    north.accept(site.request(north.now))
    copy = north.site("second")
    copy.install_token(token := north.token())
    north.accept(copy.request(north.now), "second")
    thief = north.site("third")
    thief.install_token(token)
    limit(north, unknown_kept=1)
    refused = [north.upload(backup.request(north.now)), north.upload(thief.request(north.now), "third")]
    assert [code(answer) for answer in refused] == ["history_mismatch", "token_used"]
    for _ in range(5):
        north.upload(RUBBISH)
    whole = RefusedFile.objects.filter(is_whole=True).order_by("id")
    assert [(row.code, row.known) for row in whole] == [
        ("history_mismatch", True),
        ("token_used", True),
        ("malformed", False),
    ]


@pytest.mark.rule("N2")
def test_what_is_old_goes_but_no_question_that_is_open(north: World) -> None:
    site = north.site()
    north.license(site, products={"bot-creator": 1})
    backup = site.fork()
    north.accept(site.request(north.now))
    limit(north, keep_days=30)
    north.upload(backup.request(north.now))
    north.upload(RUBBISH)
    north.now += timedelta(days=31)
    assert code(north.upload(RUBBISH)) == "malformed"
    assert let_go_of_old(north.calm, north.now) == 1
    assert [row.code for row in RefusedFile.objects.order_by("id")] == ["history_mismatch", "malformed"]
    RefusedFile.objects.filter(code="history_mismatch").update(resolved=True)
    assert let_go_of_old(north.calm, north.now) == 1
    assert [row.code for row in RefusedFile.objects.order_by("id")] == ["malformed"]
