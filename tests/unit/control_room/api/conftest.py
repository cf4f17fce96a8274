"""The door over each of its carriers; and the door alone, without a server."""

from collections.abc import Iterator

import pytest

from carnet.control_room.rest.limits import Limits
from tests.support.http_room import CARRIERS, HttpRoom, serving


@pytest.fixture(params=CARRIERS)
def served(request: pytest.FixtureRequest) -> Iterator[HttpRoom]:
    with serving(request.param, Limits(linger_seconds=0.1)) as running:
        yield running
