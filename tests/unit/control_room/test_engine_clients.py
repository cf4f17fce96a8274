"""The two desks, over the ledger itself and over a running server's socket: what one answers, the other does."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from carnet import control_room
from carnet.control_room.engine.founding import FindStoredForm
from carnet.control_room.local_api import protocol
from carnet.control_room.local_api.client import KEY_SET, EngineClient
from carnet.control_room.queries import questions
from carnet.control_room.queries.exchange import Exchange, RequestText
from carnet.control_room.queries.history import UsageHistory
from carnet.control_room.queries.holders import Holders, People, UserDetail
from carnet.control_room.queries.license_preview import PreviewLicense
from carnet.control_room.queries.notices import DueNotices
from carnet.control_room.queries.overview import Overview, ProductDetail
from carnet.control_room.queries.what_if import WhatIf
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest, NewestLfr, WithdrawCycle
from carnet.control_room.rules.activation.install_license import LICENSE, RECEIPT, InstallLicense
from carnet.control_room.rules.activation.install_token import InstallKeySet, InstallToken
from carnet.control_room.rules.granting.api_keys import CreateApiKey, ListApiKeys, RenameApiKey, RevokeApiKey
from carnet.control_room.rules.granting.assignment_file import AssignmentRow
from carnet.control_room.rules.granting.assignments import AssignMany, CheckAssignments
from carnet.control_room.rules.granting.features import CheckFeature
from carnet.control_room.rules.granting.identities import BindIdentity, IsIdentity
from carnet.control_room.rules.granting.people import (
    Access,
    AddPerson,
    ChangePerson,
    FindPerson,
    ListPeople,
    NoteAccess,
)
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.two_people import (
    AskPersonAct,
    GiveLink,
    ListTwoPeople,
    RemoveFactors,
    SettlePersonAct,
    VouchForPerson,
)
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, CheckUser, UnassignUser
from carnet.errors import CarnetError, UsageError
from carnet.exchange.verdicts import Refusal
from tests.support.cast import MONDAY
from tests.support.place import Place
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import standard_lines

USERS, SEATS, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"


@pytest.fixture(params=["own", "served"])
def desk(request: pytest.FixtureRequest, place: Place) -> Iterator[EngineClient]:
    if request.param == "own":
        with place.own() as own:
            yield own
        return
    with place.served(), closing(place.asked()) as asked:
        yield asked


# --- the same answers -------------------------------------------------------------------------------------------


class Play:
    """A life of a Control Room at a desk, and all it was answered: answers, refusals and faults alike."""

    def __init__(self, desk: EngineClient, files: dict[str, bytes]) -> None:
        self.desk, self.files = desk, files  # what the vendor made for the first life serves the second
        self.heard: list[tuple[str, Any]] = []
        self.asked: set[str] = set()

    def do(self, command: Any, key: str | None = None) -> Any:
        return self._hear(command, lambda: self.desk.execute(command, "anna", key))

    def ask(self, question: Any) -> Any:
        return self._hear(question, lambda: self.desk.ask(question))

    def file(self, name: str, make: Callable[[], bytes]) -> bytes:
        if name not in self.files:
            self.files[name] = make()
        return self.files[name]

    def document(self, name: str) -> Any:
        return self._hear(None, lambda: self.desk.document(name))

    def _hear(self, asked: Any, act: Callable[[], Any]) -> Any:
        try:
            outcome = act()
        except CarnetError as error:
            outcome = (type(error), str(error), error.next_step, error.run)
        if asked is not None:
            self.asked.add(asked.what)
            kinds = asked.answers | tuple | (Refusal if asked.may_refuse else tuple)
            assert isinstance(outcome, kinds), (asked, outcome)
        self.heard.append((repr(asked), outcome))
        return outcome


def exchange(play: Play) -> None:
    vendor = Vendor()
    for name in (REQUEST, LICENSE, RECEIPT, KEY_SET, "lock", "", "../lock"):
        play.document(name)
    play.ask(NewestLfr())
    play.ask(RequestText())
    play.ask(questions.Forecast())
    play.do(InstallToken(b"no token"))
    play.do(WithdrawCycle())
    play.do(InstallToken(play.file("token", lambda: vendor.token(MONDAY))))
    play.do(GenerateRequest())
    play.do(WithdrawCycle())
    play.do(GenerateRequest(), "a-key")
    play.ask(questions.Forecast())
    lfr = play.document(REQUEST)
    olf = play.file("olf", lambda: vendor.olf(lfr, standard_lines(), MONDAY))
    assert play.ask(NewestLfr()).raw == lfr
    assert play.ask(RequestText()).size == len(lfr)
    play.ask(PreviewLicense(b"garbage"))
    play.ask(PreviewLicense(olf))
    for asked in (WhatIf(missed_deadline=True), WhatIf(raw=olf), WhatIf(raw=b"garbage")):
        play.ask(asked)
    play.do(InstallLicense(olf))
    play.ask(PreviewLicense(olf))
    play.do(InstallKeySet(play.file("key-set", lambda: vendor.rotate(MONDAY))))
    for name in (REQUEST, LICENSE, RECEIPT, KEY_SET):
        assert play.document(name)


def granting(play: Play) -> None:
    for user in ("anna", "bo", "bo", "cleo", "dan", "\N{SNOWMAN} 株式会社", "a" * 201, "two\nlines"):
        play.do(AssignUser(USERS, user))
        play.ask(CheckUser(USERS, user))
    play.do(UnassignUser(USERS, "bo"), "k1")
    play.do(UnassignUser(USERS, "bo"), "k1")
    play.do(UnassignUser(USERS, "cleo"), "k1")
    rows = [AssignmentRow(2, "anna", USERS, "unassign"), AssignmentRow(3, "eva", USERS), AssignmentRow(4, "x", PAGES)]
    play.ask(CheckAssignments(rows))
    for many in (AssignMany(rows), AssignMany(rows, only_good=True), AssignMany(rows[:2]), AssignMany([])):
        play.do(many, f"many-{many.only_good}-{len(many.rows)}")
    lease = play.do(AcquireSeat(SEATS, "bot-17")).lease_id
    for command in (RenewSeat(lease), ReleaseSeat(lease), ReleaseSeat(lease), AcquireSeat(PAGES, "bot-17")):
        play.do(command)
    for units in (10, 91, 70, 2**53 - 1):
        play.do(ConsumeUnits(PAGES, units))
    held = [play.do(ReserveUnits(PAGES, 4, ttl), key).reservation_id for ttl, key in ((60, None), (600, "k2"))]
    play.do(ReserveUnits(PAGES, -5))
    for command in (SettleUnits(held[0], 3), SettleUnits(held[0], 3), CancelUnits(held[1]), CancelUnits("nothing")):
        play.do(command)
    play.ask(CheckFeature(FEATURE))
    play.ask(CheckFeature("nothing"))


def people(play: Play) -> None:
    for name, role in (("anna", "administrator"), ("bo", "viewer"), ("bo", "auditor"), ("Ä", "viewer"), ("cy", "king")):
        play.do(AddPerson(name, role, on_machine=True))
    for name, role in (("anna", "viewer"), ("bo", "auditor"), ("bo", None), ("bo", "viewer"), ("nobody", None)):
        play.do(ChangePerson(name, role))
    play.do(AddPerson("dee", "auditor"))
    play.do(AddPerson("eve", "administrator", on_machine=True))
    asked = play.do(AskPersonAct("add", "dee", "auditor", "the yearly audit", "anna"))
    for by in ("anna", "eve"):
        play.do(SettlePersonAct(getattr(asked, "proposal", "none"), True, by))
    play.ask(ListTwoPeople())
    for command in (GiveLink("bo"), GiveLink("eve"), RemoveFactors("eve", on_machine=True), VouchForPerson("dee")):
        play.do(command)
    for name in ("eve", "anna", "nobody"):
        play.do(BindIdentity(name, f"{'1' * 24}:{'2' * 64}"))
        play.ask(IsIdentity(name, f"{'1' * 24}:{'2' * 64}"))
    for access, about in ((Access.SIGNED_IN, None), (Access.LINK_GIVEN, "bo"), ("nothing", None)):
        play.do(NoteAccess(access, about))
    for name in ("anna", "bo", "nobody"):
        play.ask(FindPerson(name))
    play.ask(ListPeople())


def looking(play: Play) -> None:
    made = play.do(CreateApiKey("bots", [SEATS], ["take"]))
    play.do(CreateApiKey("bots", [], ["take"]))
    for key_id in (made.key_id, "nothing"):
        play.do(RenameApiKey(key_id, "builders"))
        play.do(RevokeApiKey(key_id))
    play.ask(ListApiKeys())
    for question in (questions.Status(), questions.Usage(), questions.Checkpoint(), FindStoredForm()):
        play.ask(question)
    for history in (UsageHistory(PAGES), UsageHistory(SEATS, 400), UsageHistory("nothing")):
        play.ask(history)
    play.ask(questions.Outlook())
    play.ask(DueNotices())
    for asked in (Exchange(), Exchange(limit=1), Exchange(before=5), Exchange(limit=0)):
        play.ask(asked)
    play.ask(Overview())
    for sku in (USERS, PAGES, "nothing"):
        play.ask(ProductDetail(sku))
    for asked in (Holders(), Holders(USERS, "A", limit=1), Holders(SEATS, after="x"), Holders(limit=0)):
        play.ask(asked)
    for asked in (People(), People("株"), People(limit=501), UserDetail("anna"), UserDetail("nobody")):
        play.ask(asked)
    for days in (-400, 0, 400):
        play.ask(questions.Forecast(MONDAY + timedelta(days=days)))
        play.ask(WhatIf(MONDAY + timedelta(days=days)))
    for question in (questions.Records(), questions.Records(10_000), questions.Records(2, "refused")):
        play.ask(question)
    play.ask(questions.Records(3, before=5))
    for asked in (questions.Records(text="ANNA", since=MONDAY), questions.Records(actor="nobody", until=MONDAY)):
        play.ask(asked)
    for index in (0, 7, -1, 10_000):
        play.ask(questions.RecordDetail(index))


def test_both_desks_answer_the_same(new_room: Room, tmp_path: Path) -> None:
    places = [Place(new_room, tmp_path / name) for name in ("own", "served")]
    plays: list[Play] = []
    files: dict[str, bytes] = {}

    def played(desk: EngineClient) -> None:
        play = Play(desk, files)
        for part in (exchange, granting, people, looking):
            part(play)
        plays.append(play)

    with places[0].own() as own:
        played(own)
    with places[1].served(), closing(places[1].asked()) as asked:
        played(asked)
    own_play, served_play = plays
    assert own_play.heard == served_play.heard
    assert own_play.asked == served_play.asked == {*protocol.COMMANDS, *protocol.QUESTIONS}
    assert {type(outcome) for _, outcome in own_play.heard} >= {Refusal, tuple, bytes, type(None)}


def test_every_command_and_question_there_is_can_cross_the_socket() -> None:
    found: dict[str, set[type]] = {"decide": set(), "answer": set()}
    for module in pkgutil.walk_packages(control_room.__path__, f"{control_room.__name__}."):
        if module.name.split(".")[2] in ("rules", "queries") or module.name.endswith("engine.founding"):
            for each in vars(import_module(module.name)).values():
                for act, known in found.items():
                    if inspect.isclass(each) and hasattr(each, act) and isinstance(getattr(each, "what", None), str):
                        known.add(each)
    assert found["decide"] == set(protocol.COMMANDS.values())
    assert found["answer"] == set(protocol.QUESTIONS.values())


def test_what_is_done_at_a_desk_is_in_the_ledger(desk: EngineClient) -> None:
    desk.execute(AssignUser(USERS, "mara"), "kai", "key-1")
    page: Any = desk.ask(questions.Records(1))
    assert [(record.kind, record.actor) for record in page.records] == [("seat.assigned", "kai")]
    assert page.records[0].body == {"sku": USERS, "user": "mara"}


def test_records_come_in_pages(desk: EngineClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "WINDOW", 7)
    for number in range(20):
        desk.execute(ConsumeUnits(PAGES, 1 + number % 3), "kai")
    size = desk.ask(questions.Status()).checkpoint.size  # type: ignore[union-attr]
    found, before, pages = [], None, 0
    while before != 0:
        page: Any = desk.ask(questions.Records(1000, "units.consumed", before))
        found, before, pages = [*page.records, *found], page.before, pages + 1
    assert [record.body["units"] for record in found] == [1 + number % 3 for number in range(20)]
    assert pages == -(-size // 7)
    monkeypatch.setattr(questions, "PAGE", 1)
    page = desk.ask(questions.Records(5))
    assert ([record.index for record in page.records], page.before) == ([size - 1], size - 1), "one at least"


def test_an_answer_larger_than_a_frame_arrives_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "FRAME_LIMIT", 500)
    with place.served(), closing(place.asked()) as asked:
        assert len(asked.ask(questions.Status()).lines) == 4  # type: ignore[union-attr]
        with pytest.raises(UsageError, match="too large"):
            asked.execute(InstallToken(b"x" * 1000), "kai")


@pytest.mark.parametrize("size", [0, 1, protocol.FRAME_LIMIT, protocol.FRAME_LIMIT + 1, 3 * protocol.FRAME_LIMIT])
def test_frames_of_a_message(size: int) -> None:
    sent = memoryview(protocol.frames(b"x" * size))
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        at += count
        return bytes(sent[at - count : at])

    assert protocol.read_message(read) == b"x" * size
    assert at == len(sent)
