"""The door over HTTP; and the door alone, without a server."""

from collections.abc import Iterator

import pytest

from carnet.edge.limits import Limits
from tests.support.http_room import HttpRoom, serving


@pytest.fixture
def served() -> Iterator[HttpRoom]:
    with serving(Limits(linger_seconds=0.1)) as running:
        yield running
