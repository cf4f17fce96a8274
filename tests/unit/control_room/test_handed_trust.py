"""E16: whoever sets a Control Room up sees which roots it trusts, in the form in which CALM shows them."""

import pytest

from carnet.control_room.cli import setup
from carnet.control_room.wiring import Founded
from carnet.exchange.key_set import roots_words
from tests.unit.control_room.test_coming import printed


@pytest.mark.rule("E16")
def test_what_a_site_trusts_is_printed_to_be_compared_by_eye(vendor) -> None:
    trust = vendor.trust
    made = Founded("id", "Oslo", "40.0.0", "/data", "", "kari", "", trust.vendor, tuple(reversed(trust.roots)))
    shown = printed(setup._founded, made)
    assert f"It trusts the files of “{trust.vendor}”, by these root keys:" in shown
    for line in roots_words(trust.roots):
        assert f"  {line}\n" in shown
        assert line.partition("  ")[2].replace(" ", "") in trust.roots
    assert "Compare each letter" in shown
