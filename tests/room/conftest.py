"""One Control Room for tests that only look, and a new one for each that changes what others see."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from tests.room import vault as scene
from tests.room.rooms import Past
from tests.room.site import Pages, serve, serve_pages


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Licensed and in use. What a test changes here must not matter to another."""
    pages = serve_pages(tmp_path_factory.mktemp("room") / "site")
    try:
        for user in ("anna", "bo", "cleo"):
            pages.do(AssignUser("bot-creator", user))
        for holder in ("bot-17", "bot-18"):
            pages.do(AcquireSeat("unattended-bot-runner", holder, 86_400))
        pages.do(ConsumeUnits("document-pages", 120))
        yield pages
    finally:
        pages.end()


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Callable[..., Pages]]:
    """Makes a site of its own, licensed for these quantities."""
    made: list[Pages] = []

    def make(quantities: dict[str, int] | None = None, *options: str) -> Pages:
        made.append(serve_pages(tmp_path / f"site-{len(made)}", quantities, *options))
        return made[-1]

    try:
        yield make
    finally:
        for pages in made:
            pages.end()


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Frankfurt Vault, with a month of use behind it and a renewal under way. Tests look; what they change must not
    matter to another."""
    yield from _served(tmp_path_factory, scene.licensed)


@pytest.fixture(scope="module")
def in_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Pages]]:
    """in_state("locked") → a site that is, one for each state and module."""
    made: dict[str, Pages] = {}

    def make(state: str) -> Pages:
        if state not in made:
            folder = tmp_path_factory.mktemp(state) / "site"
            made[state] = serve(*scene.founded(folder, scene.AGE, scene.STATES[state]))
        return made[state]

    try:
        yield make
    finally:
        for pages in made.values():
            pages.end()


def _served(folders: pytest.TempPathFactory, then: Callable[[scene.VaultSite], None]) -> Iterator[Pages]:
    pages = serve(*scene.founded(folders.mktemp("vault") / "site", scene.AGE, then))
    try:
        yield pages
    finally:
        pages.end()


@pytest.fixture
def serve_past(tmp_path: Path) -> Iterator[Callable[..., Pages]]:
    """A Control Room that was founded some time ago; `then` goes on from there, and it is served."""
    served: list[Pages] = []

    def serve(then: Callable[[Past], None] = lambda _: None, ago: timedelta = timedelta(days=1)) -> Pages:
        room = Past(tmp_path / "past", ago)
        then(room)
        served.append(room.served())
        return served[-1]

    try:
        yield serve
    finally:
        for pages in served:
            pages.end()
