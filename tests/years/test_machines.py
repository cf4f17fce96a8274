"""Years of sites that are operated by commands alone, on real folders of both sides."""

from pathlib import Path

import pytest

from tests.support import depth
from tests.years.machines import Machines

pytestmark = [pytest.mark.server, pytest.mark.slow]

SITES = depth.times(2, 3)
YEARS = depth.times(3, 30)


@pytest.mark.rule("H1", "H2", "H4", "H7", "Q4", "S", "E9", "E11", "E15", "L2", "L6", "L7")
def test_on_real_machines_both_sides_say_what_is_true_in_all_these_years(tmp_path: Path) -> None:
    Machines(tmp_path, SITES, depth.seed_number()).live(YEARS)
