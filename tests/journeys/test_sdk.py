"""Bots and products use the SDK against a real Control Room: threads, asyncio, crashes, TLS, a copy put back."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from carnet.control_room.ledger.events import SeatAcquired
from carnet.sdk import (
    AsyncClient,
    Client,
    Exhausted,
    NotGranted,
    NotPermitted,
    RolledBack,
    Seat,
    SeatLost,
    Unauthenticated,
    Units,
    UnknownLease,
    UnknownReservation,
    Unreachable,
    allow_for,
    calls,
)
from carnet.sdk._core import Request
from tests.journeys.commands import Story
from tests.journeys.test_serve import serve
from tests.support.cast import MONDAY
from tests.support.http_room import YEAR, HttpRoom, licensed_room, new_key, serving
from tests.support.vendor_simulator import line

pytestmark = pytest.mark.server

CREATORS, BOTS, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"


@pytest.fixture(scope="module")
def room() -> Iterator[HttpRoom]:
    with serving(prepare=lambda room: {"reader": new_key(room, "reader", ["read"])}) as running:
        yield running


@pytest.fixture
def client(room: HttpRoom) -> Iterator[Client]:
    with Client(room.url, room.keys["all"]) as made:
        yield made


def test_usage_follows_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as room, Client(room.url, room.keys["all"]) as client:
        for user in ("anna", "börje", "clara/d&é"):
            client.assign(CREATORS, user)
        client.acquire(BOTS, "bot-1")
        monkeypatch.setattr(
            calls, "usage", lambda after=None: replace(usage(after), fields=usage(after).fields | SMALL)
        )
        assert [each.holder for each in client.usage().holders] == ["anna", "börje", "clara/d&é", "bot-1"]


usage, SMALL = calls.usage, {"limit": 1}


def held(client: Client, sku: str = BOTS) -> list[str]:
    return [each.holder for each in client.usage().holders if each.sku == sku]


def eventually(what: Callable[[], bool]) -> None:
    """It comes true, without a fixed wait: within 10 seconds."""
    pause = threading.Event()
    for _ in range(1000):
        if what():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come true")


# --- the main road ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("G2")
def test_a_seat_is_renewed_in_the_background_and_released_at_the_end(room: HttpRoom, client: Client) -> None:
    with client.seat(BOTS, "bot-17", ttl=5, renew_every=0.02) as seat:
        first = seat.lease_id
        eventually(lambda: room.call(room.room.kinds).count("seat.renewed") >= 3)
        seat.check()
        assert (seat.lost, seat.lease_id, held(client)) == (False, first, ["bot-17"])
    assert held(client) == []
    with pytest.raises(UnknownLease):
        client.renew(first)


def test_a_seat_is_released_after_an_error_too(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), client.seat(BOTS, "bot-17"):
        _ = 1 / 0
    assert held(client) == []


def test_a_seat_that_somebody_took_back_is_lost_and_says_so(client: Client) -> None:
    told: list[SeatLost] = []
    with client.seat(BOTS, "bot-17", ttl=5, renew_every=0.02, on_lost=told.append) as seat:
        client.release(seat.lease_id)
        eventually(lambda: bool(told))
        assert seat.lost
        with pytest.raises(SeatLost, match="bot-17") as raised:
            seat.check()
        assert isinstance(raised.value.__cause__, UnknownLease)


@pytest.mark.rule("G2", "exhausted")
def test_units_are_consumed_reserved_settled_and_given_back(client: Client) -> None:
    before = client.consume(PAGES, 1).remaining
    with client.reserve(PAGES, 20) as work:
        assert work.settle(12).remaining == before - 12
    with client.reserve(PAGES, 20):
        assert client.status().products[2].reserved == 20
    with pytest.raises(KeyError), client.reserve(PAGES, 20) as work:
        raise KeyError
    with pytest.raises(UnknownReservation):
        client.settle(work.reservation_id, 1)
    with pytest.raises(Exhausted, match="left"):
        client.consume(PAGES, 1000)
    with client.reserve(PAGES, 5) as work:
        with pytest.raises(Exhausted):
            work.settle(6)
        work.settle(5)
    assert client.consume(PAGES, 1).remaining == before - 12 - 5 - 1


def test_users_features_batches_and_looks(room: HttpRoom, client: Client) -> None:
    assert client.assign(CREATORS, "anna").assigned
    assert client.check_user(CREATORS, "anna").assigned
    client.unassign(CREATORS, "anna")
    with pytest.raises(NotGranted):
        client.check_user(CREATORS, "anna")
    assert client.has_feature(FEATURE)
    assert not client.has_feature("no-such")
    seat, refused = client.batch([calls.acquire(BOTS, "bot-1"), calls.consume(PAGES, 10_000)])
    client.release(seat.lease_id)
    assert isinstance(refused, Exhausted)
    assert client.status().state == "active"
    with Client(room.url, room.keys["reader"]) as reader, pytest.raises(NotPermitted):
        reader.consume(PAGES, 1)
    with Client(room.url, "cnk_" + "a" * 8 + "_" + "b" * 52) as nobody, pytest.raises(Unauthenticated):
        nobody.has_feature(FEATURE)


def test_the_twin_for_asyncio_does_the_same(room: HttpRoom) -> None:
    async def walk() -> None:
        async with AsyncClient(room.url, room.keys["all"]) as client:
            told: list[SeatLost] = []
            async with client.seat(BOTS, "bot-a", ttl=5, renew_every=0.02, on_lost=told.append) as seat:
                renewals = room.call(room.room.kinds).count("seat.renewed")
                while room.call(room.room.kinds).count("seat.renewed") < renewals + 2:
                    await asyncio.sleep(0.01)
                seat.check()
                await client.release(seat.lease_id)
                while not told:
                    await asyncio.sleep(0.01)
                assert seat.lost
            async with client.seat(BOTS, "bot-a"), client.reserve(PAGES, 3) as work:
                assert (await work.settle(2)).units == 2
                assert [each.holder for each in (await client.usage()).holders] == ["bot-a"]
            assert (await client.usage()).holders == []
            assert await client.has_feature(FEATURE)
            (answer,) = await client.batch([calls.consume(PAGES, 1)])
            assert answer.units == 1
            with pytest.raises(Exhausted):
                await client.consume(PAGES, 1000)
            tasks = [client.acquire(BOTS, f"bot-{each}") for each in range(20)]
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            seats = [each for each in outcomes if isinstance(each, Seat)]
            assert len(seats) == 2
            assert sum(isinstance(each, Exhausted) for each in outcomes) == 18
            await asyncio.gather(*(client.release(each.lease_id) for each in seats))

    asyncio.run(walk())


@pytest.mark.rule("G2")
def test_250_threads_on_10_seats_are_never_more_than_10_and_meet_no_error_but_a_refusal() -> None:
    holding, most, outcomes, lock = set[int](), [0], Counter[str](), threading.Lock()

    def bot(client: Client, number: int, start: threading.Barrier) -> None:
        start.wait(30)
        for _ in range(2):
            try:
                with client.seat(BOTS, f"bot-{number}"):
                    with lock:
                        holding.add(number)
                        most[0] = max(most[0], len(holding))
                    with lock:
                        holding.remove(number)
                outcome = "held"
            except Exception as error:
                outcome = type(error).__name__
            with lock:
                outcomes[outcome] += 1

    lines = [line(BOTS, 10, MONDAY, YEAR)]
    with serving(make_room=lambda: licensed_room(lines)) as room, Client(room.url, room.keys["all"]) as client:
        start = threading.Barrier(250)
        bots = [threading.Thread(target=bot, args=(client, each, start)) for each in range(250)]
        for each in bots:
            each.start()
        for each in bots:
            each.join(60)
        assert held(client) == []
    assert set(outcomes) <= {"held", "Exhausted"}, outcomes
    assert outcomes["held"] >= 10
    assert sum(outcomes.values()) == 500
    assert 1 <= most[0] <= 10


# --- the server goes away ---------------------------------------------------------------------------------------------


class LosesAnswers(Client):
    """A client whose line breaks after the server has answered, so many times; `between` happens then."""

    losses, between = 0, staticmethod(lambda: None)

    def _send(self, request: Request) -> Any:
        reply = super()._send(request)
        if self.losses:
            self.losses -= 1
            self.between()
            raise httpx.ReadError("the line broke")
        return reply


@pytest.mark.rule("G5")
def test_an_answer_that_was_lost_is_given_again_and_no_second_seat(room: HttpRoom) -> None:
    with LosesAnswers(room.url, room.keys["all"]) as client:
        client.losses = 2
        before = room.call(room.room.kinds).count(SeatAcquired.kind)
        seat = client.acquire(BOTS, "bot-17")
        assert held(client) == ["bot-17"]
        assert room.call(room.room.kinds).count(SeatAcquired.kind) == before + 1
        client.release(seat.lease_id)
        client.losses = 4
        with pytest.raises(Unreachable) as raised:
            client.acquire(BOTS, "bot-18")
        assert raised.value.may_be_done
        again = client.acquire(BOTS, "bot-18", key=raised.value.key)
        assert held(client) == ["bot-18"]
        client.release(again.lease_id)


def test_units_whose_settling_was_refused_stay_reserved_and_can_still_be_settled(client: Client) -> None:
    """More was used than reserved: what is reserved is counted, the rest by itself."""
    with client.reserve(PAGES, 5) as work:
        before = work.answer.remaining + 5
        with pytest.raises(Exhausted):
            work.settle(8)
    assert client.settle(work.reservation_id, 5).remaining == before - 5


@pytest.mark.rule("G5")
def test_units_whose_settling_got_no_answer_are_not_given_back_and_are_settled_once(room: HttpRoom) -> None:
    with LosesAnswers(room.url, room.keys["all"], retries=0) as client:
        before = client.consume(PAGES, 1).remaining
        with client.reserve(PAGES, 10) as work:
            client.losses = 1
            with pytest.raises(Unreachable) as raised:
                work.settle(7)
        assert client.settle(work.reservation_id, 7, key=raised.value.key).remaining == before - 7
        assert client.consume(PAGES, 1).remaining == before - 8


@pytest.mark.rule("G4", "G5", "G6")
def test_a_server_that_was_killed_gives_the_first_answer_again_after_its_start(story: Story) -> None:
    with serve(story) as first, LosesAnswers(first.url, first.key, timeout=20) as client:
        seat = client.acquire(BOTS, "bot-1", key="one")

        def kill() -> None:
            first.process.kill()
            first.process.wait()
            again.append(stack.enter_context(serve(story, "--port", str(first.port))))

        again: list[Any] = []
        with ExitStack() as stack:
            client.losses, client.between = 1, staticmethod(kill)  # type: ignore[assignment]
            second = client.acquire(BOTS, "bot-2")
            assert client.acquire(BOTS, "bot-1", key="one").lease_id == seat.lease_id
            assert sorted(held(client)) == ["bot-1", "bot-2"]
            client.renew(second.lease_id)
            assert again[0].stop() == 0


def test_while_the_server_is_down_a_seat_is_held_and_nothing_new_is_granted(story: Story) -> None:
    with serve(story) as server, Client(server.url, server.key, retries=0) as client:
        patient = Client(server.url, server.key, retries=0, when_unreachable=allow_for(3600))
        with patient, client.seat(BOTS, "bot-1", ttl=600, renew_every=0.02) as seat:
            patient.consume(PAGES, 1)
            patient.release(patient.acquire(BOTS, "bot-2").lease_id)
            patient.cancel(patient.ask(calls.reserve(PAGES, 5)).reservation_id)
            server.stop()
            with pytest.raises(Unreachable):
                client.consume(PAGES, 1)
            assert patient.consume(PAGES, 2) == Units(PAGES, 2, 0, 0, local=True)
            with patient.seat(BOTS, "bot-2") as local, patient.reserve(PAGES, 5) as work:
                local.check()
                assert local.answer.local
                assert work.settle(4).local
            with pytest.raises(Unreachable):
                patient.check_feature(FEATURE)  # it was never granted to this client
            with pytest.raises(Unreachable):
                client.assign(CREATORS, "dora")
            seat.check()


def test_a_seat_whose_lease_ended_without_a_server_is_lost(room: HttpRoom) -> None:
    told: list[SeatLost] = []
    with LosesAnswers(room.url, room.keys["all"], retries=0) as client:
        seat = client.seat(BOTS, "bot-1", ttl=5, renew_every=0.2, on_lost=told.append)
        with seat:
            client.losses = 10**9
            eventually(lambda: bool(told))
            assert seat.lost
            assert isinstance(told[0].__cause__, Unreachable)
        client.losses = 0
        for each in client.usage().holders:
            client.release(str(each.lease_id))


# --- an older copy ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("L5", "rolled_back")
def test_a_copy_put_back_is_found_by_the_clients_of_the_server(story: Story, tmp_path: Path) -> None:
    with serve(story) as server, Client(server.url, server.key) as client:
        key = server.key
        client.consume(PAGES, 1)
        assert server.stop() == 0
        shutil.copytree(story.site.data, tmp_path / "copy")
        with serve(story) as second:
            with Client(second.url, key, checkpoint=client.checkpoint) as later:
                later.consume(PAGES, 100)
                newest = later.checkpoint
            second.stop()
        shutil.rmtree(story.site.data)
        shutil.copytree(tmp_path / "copy", story.site.data)
        with serve(story) as third, Client(third.url, key, checkpoint=newest) as deceived:
            for _ in range(2):
                with pytest.raises(RolledBack, match="older copy") as raised:
                    deceived.consume(PAGES, 1)
            assert "administrator" in raised.value.next
            with pytest.raises(RolledBack), deceived.seat(BOTS, "bot-1"):
                raise AssertionError("nothing is granted")
            deceived.accept_rollback()
            assert deceived.consume(PAGES, 1).remaining == 4998
            third.stop()
    assert story.consumed() == 2


# --- where the server is, and who it is -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority of one's own, and a certificate of 127.0.0.1 made by it."""
    folder, pem = tmp_path_factory.mktemp("authority"), serialization.Encoding.PEM
    ca_key, key, now = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
        datetime.now(UTC),
    )

    def certificate(name: str, issuer: str, of: Any, *extensions: Any) -> x509.Certificate:
        subject, by = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer))
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(by).public_key(of.public_key())
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
        for each in extensions:
            made = made.add_extension(each, critical=isinstance(each, x509.BasicConstraints))
        return made.sign(ca_key, SHA256())

    ca = certificate("Oslo CA", "Oslo CA", ca_key, x509.BasicConstraints(ca=True, path_length=0))
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    (folder / "server.pem").write_bytes(certificate("Oslo Vault", "Oslo CA", key, names).public_bytes(pem))
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(plain)
    (folder / "server.key").chmod(0o600)
    return folder


def test_tls_is_verified_against_the_sites_own_authority(authority: Path) -> None:
    with serving(tls=(authority / "server.pem", authority / "server.key")) as room:
        with Client(room.url, room.keys["all"], ca=authority / "ca.pem") as client:
            assert client.has_feature(FEATURE)
        with Client(room.url, room.keys["all"], retries=0) as client:
            with pytest.raises(Unreachable, match="certificate verify failed") as raised:
                client.consume(PAGES, 1)
            assert not raised.value.may_be_done
        elsewhere = room.url.replace("127.0.0.1", "localhost")
        client = Client(elsewhere, room.keys["all"], ca=authority / "ca.pem", retries=0)
        with client, pytest.raises(Unreachable, match="certificate verify failed"):
            client.consume(PAGES, 1)


@pytest.mark.rule("A2")
@pytest.mark.parametrize(
    "url", ["http://oslo.example", "ftp://oslo", "oslo:8650", "https://", "https://me:word@oslo", "https://oslo/?a=b"]
)
def test_an_address_at_which_others_could_read_the_key_is_not_taken(url: str) -> None:
    with pytest.raises(ValueError, match=r"https://HOST|read the API key"):
        Client(url, "cnk_x")


@pytest.mark.rule("A2")
def test_it_is_set_up_from_the_environment_and_shows_no_key(
    room: HttpRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("CARNET_URL", room.url)
    with pytest.raises(ValueError, match="CARNET_API_KEY"):
        Client.from_environment()
    (tmp_path / "key").write_text(room.keys["all"] + "\n")
    monkeypatch.setenv("CARNET_API_KEY_FILE", str(tmp_path / "key"))
    with Client.from_environment(timeout=3) as client:
        assert client.has_feature(FEATURE)
        assert repr(client) == f"Client('{room.url}')"
    assert repr(AsyncClient.from_environment()) == f"AsyncClient('{room.url}')"


def test_a_program_that_ends_or_forks_in_the_middle_neither_hangs_nor_gives_back_what_is_its_parents(
    room: HttpRoom, client: Client
) -> None:
    program = (
        "import os; from carnet.sdk import Client\n"
        "client = Client.from_environment()\n"
        "seat = client.seat('unattended-bot-runner', 'bot-f', renew_every=0.01)\n"
        "with seat:\n"
        "    if os.fork() == 0:\n"
        "        client.consume('document-pages', 1); raise SystemExit(7)\n"
        "    assert os.waitstatus_to_exitcode(os.wait()[1]) == 7\n"
        "    seat.check(); client.renew(seat.lease_id)\n"
        "client.seat('unattended-bot-runner', 'bot-g', ttl=5, renew_every=0.01).__enter__()\n"
    )
    env = os.environ | {"CARNET_URL": room.url, "CARNET_API_KEY": room.keys["all"]}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=env, timeout=30, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert held(client) == ["bot-g"], "what was not given back runs until its lease ends"
    for each in client.usage().holders:
        client.release(str(each.lease_id))
