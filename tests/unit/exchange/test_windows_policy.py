"""E18: the windows as a value: its bounds, and that files are read by the windows that they carry, whatever is the
default here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.exchange.enablement_token import read_token
from carnet.exchange.envelope import MAX_DEPTH
from carnet.exchange.inspect import inspect
from carnet.exchange.key_set import Pinned
from carnet.exchange.license_file_request import LicenseFileRequest, read_lfr
from carnet.exchange.offline_license_file import read_license_file
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.exchange.verdicts import Refusal
from carnet.exchange.windows import (
    MOST_STEPS,
    Windows,
    install_by,
    install_window,
    is_missed,
    request_window,
)
from tests.vectors import forge, samples
from tests.vectors.samples import NOW

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
UNUSUAL = Windows(
    token_life_hours=5,
    cycle_days=14,
    newest_request_hours=72,
    clocks_differ_minutes=3,
    clock_ahead_days=2,
    missed_cycle_locks=False,
    expiry_notice_days=(60, 9),
    banner_stays_days=3,
    deadline_notice_hours=(10, 1),
)
VENDOR, SITE = samples.vendor(), samples.site()
BOUNDS = {
    "token_life_hours": (1, 720),
    "cycle_days": (1, 90),
    "newest_request_hours": (1, 2160),
    "clocks_differ_minutes": (1, 1440),
    "clock_ahead_days": (1, 90),
    "banner_stays_days": (0, 365),
}


def steps(most: int) -> st.SearchStrategy[tuple[int, ...]]:
    numbers = st.lists(st.integers(0, most), min_size=1, max_size=MOST_STEPS, unique=True)
    return numbers.map(lambda found: tuple(sorted(found, reverse=True)))


@st.composite
def allowed(draw: st.DrawFn) -> Windows:
    """Any windows that may be signed."""
    cycle, expiry = draw(st.integers(1, 90)), draw(steps(365))
    return Windows(
        token_life_hours=draw(st.integers(1, 720)),
        cycle_days=cycle,
        newest_request_hours=draw(st.integers(1, 24 * cycle)),
        clocks_differ_minutes=draw(st.integers(1, 1440)),
        clock_ahead_days=draw(st.integers(1, 90)),
        missed_cycle_locks=draw(st.booleans()),
        expiry_notice_days=expiry,
        banner_stays_days=draw(st.integers(0, expiry[0])),
        deadline_notice_hours=draw(steps(2160)),
    )


def read(**changes: Any) -> Windows:
    return decode(encode(msgspec.to_builtins(Windows()) | changes), Windows, depth=MAX_DEPTH)


@pytest.mark.rule("E18")
@given(allowed())
def test_what_is_within_bounds_is_read_as_it_was_written(windows: Windows) -> None:
    assert decode(encode(windows), Windows, depth=MAX_DEPTH) == windows


@pytest.mark.rule("E18", "E5", "E8")
@given(allowed(), st.integers(0, 90 * 86_400))
def test_every_edge_is_where_the_windows_say(windows: Windows, later: int) -> None:
    newest = NOW + min(later * SECOND, windows.cycle - SECOND)
    deadline = install_by(NOW, newest, windows)
    assert deadline == min(NOW + windows.cycle, newest + windows.newest_request)
    assert install_window(deadline, deadline - SECOND) is None
    assert install_window(deadline, deadline) is not None
    assert not is_missed(NOW, windows, NOW + windows.cycle - SECOND)
    assert is_missed(NOW, windows, NOW + windows.cycle)
    ahead = timedelta(minutes=windows.clocks_differ_minutes)
    assert request_window(newest, deadline, windows, newest - ahead) is None
    assert request_window(newest, deadline, windows, newest - ahead - SECOND) is not None


@pytest.mark.rule("E18", "malformed")
@pytest.mark.parametrize(("field", "bounds"), BOUNDS.items())
def test_each_value_has_two_bounds(field: str, bounds: tuple[int, int]) -> None:
    least, most = bounds
    others = {"newest_request_hours": {"cycle_days": 90}, "banner_stays_days": {"expiry_notice_days": [365]}}
    more = {"cycle_days": {"newest_request_hours": 24}}.get(field) or others.get(field, {})
    for good in (least, most):
        assert getattr(read(**more, **{field: good}), field) == good
    for bad in (least - 1, most + 1, str(least), float(most), True, None):
        with pytest.raises(MalformedError):
            read(**more, **{field: bad})


CONTRADICTIONS: list[dict[str, Any]] = [
    {"cycle_days": 1},  # shorter than the 48 hours
    {"newest_request_hours": 7 * 24 + 1},
    {"expiry_notice_days": []},
    {"expiry_notice_days": [30, 30]},
    {"expiry_notice_days": [7, 15]},
    {"expiry_notice_days": [366, 1]},
    {"expiry_notice_days": [30, 7, -1]},
    {"expiry_notice_days": [*range(40, 40 - MOST_STEPS - 1, -1)]},
    {"expiry_notice_days": [6]},  # the banner would stay for longer than it is shown
    {"banner_stays_days": 31},
    {"deadline_notice_hours": []},
    {"deadline_notice_hours": [4, 24]},
    {"deadline_notice_hours": [2161]},
    {"deadline_notice_hours": 48},
    {"missed_cycle_locks": 1},
]


@pytest.mark.rule("E18", "malformed")
@pytest.mark.parametrize("changes", CONTRADICTIONS, ids=str)
def test_windows_that_contradict_themselves_are_malformed_in_every_file(changes: dict[str, Any]) -> None:
    def edit(fields: dict[str, Any]) -> None:
        fields["windows"].update(changes)

    pinned = Pinned(VENDOR.trust, VENDOR.key_set)
    request = samples.request(SITE)
    answers = [
        read_token(forge.resign(samples.token(VENDOR), VENDOR.issuers, edit), pinned),
        read_lfr(forge.resign(request, [SITE.signer], edit)),
        read_license_file(forge.resign(samples.license_file(VENDOR, SITE, request), VENDOR.issuers, edit), pinned),
    ]
    for answer in answers:
        assert isinstance(answer, Refusal)
        assert answer.code == "malformed"


@dataclass(frozen=True)
class Edge:
    windows: Windows
    deadline: timedelta


@pytest.mark.rule("E18", "E5")
@pytest.mark.parametrize("edge", [Edge(Windows(), 48 * HOUR), Edge(UNUSUAL, 72 * HOUR)])
def test_a_request_is_read_by_the_windows_that_it_states(edge: Edge) -> None:
    raw = samples.request(SITE, windows=edge.windows, install_by=NOW + edge.deadline)
    answer = read_lfr(raw)
    assert not isinstance(answer, Refusal), answer
    assert answer.lfr.windows == edge.windows
    for off in (-SECOND, SECOND):
        with pytest.raises(ValueError, match="deadline"):
            samples.make_request(SITE, windows=edge.windows, install_by=NOW + edge.deadline + off)


@pytest.mark.rule("E18")
def test_files_with_other_windows_than_the_default_here_are_taken_and_shown() -> None:
    pinned = Pinned(VENDOR.trust, VENDOR.key_set)
    request = samples.request(SITE, windows=UNUSUAL, install_by=NOW + 72 * HOUR)
    token = samples.token(VENDOR, windows=UNUSUAL, expires_at=NOW + 5 * HOUR)
    olf = samples.license_file(VENDOR, SITE, request, windows=UNUSUAL)
    assert read_token(token, pinned).token.windows == UNUSUAL  # type: ignore[union-attr]
    assert read_license_file(olf, pinned).olf.windows == UNUSUAL  # type: ignore[union-attr]
    for raw in (token, request, olf):
        found = inspect(raw, pinned)
        assert not isinstance(found, Refusal), found
        rows = dict(row for section in found.sections for row in section.rows)
        assert rows["windows · newest request hours"] == "72"
        assert rows["windows · deadline notice hours"] == "10, 1"
        assert rows["windows · missed cycle locks"] == "no"


@pytest.mark.rule("E18", "V2")
def test_the_windows_of_a_license_file_are_in_what_the_issuing_log_commits_to() -> None:
    olf = samples.make_license_file(SITE, samples.request(SITE))
    assert msgspec.structs.replace(olf, windows=UNUSUAL).content_digest() != olf.content_digest()


def test_a_request_without_its_windows_is_not_read() -> None:
    fields = msgspec.to_builtins(samples.make_request(SITE))
    del fields["windows"]
    with pytest.raises(MalformedError):
        decode(encode(fields), LicenseFileRequest, depth=MAX_DEPTH)
