"""Whether approved algorithms alone are used: what says so, and what a wrong setting comes to."""

from pathlib import Path

import pytest

from carnet.errors import UsageError
from carnet.fips import approved_only


@pytest.mark.parametrize(("said", "kernel", "answer"), [("", "0\n", False), ("", "1\n", True), ("on", "0\n", True)])
def test_the_setting_or_the_system_says_so(tmp_path: Path, said: str, kernel: str, answer: bool) -> None:
    (tmp_path / "fips_enabled").write_text(kernel)
    assert approved_only({"CARNET_FIPS": said}, tmp_path / "fips_enabled") is answer


def test_a_system_that_does_not_know_the_mode_is_not_in_it(tmp_path: Path) -> None:
    assert approved_only({}, tmp_path / "nothing") is False


@pytest.mark.parametrize("said", ["off", "yes", "On"])
def test_another_value_is_refused_with_what_to_set(tmp_path: Path, said: str) -> None:
    with pytest.raises(UsageError, match=f"CARNET_FIPS is “{said}”"):
        approved_only({"CARNET_FIPS": said}, tmp_path / "nothing")
