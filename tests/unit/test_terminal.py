"""What the commands share: dates, pairs, whole files, exit codes."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carnet import cli_support
from carnet.errors import PassphraseError, TamperedError, UsageError
from carnet.exchange.verdicts import Code, Refusal


def test_dates_and_moments() -> None:
    assert cli_support.parse_time("2028-02-29") == datetime(2028, 2, 29, tzinfo=UTC)
    assert cli_support.parse_time("2027-11-24T08:00:00Z") == datetime(2027, 11, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2027-02-29", "2026-02-30", "", "now", "2027-11-24T08:00:00", "2027-11-24T08:00:00+01:00"]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(UsageError):
        cli_support.parse_time(text)


def test_pairs() -> None:
    assert cli_support.parse_pairs(["a=1", "b=c=20"], "SKU") == {"a": 1, "b=c": 20}
    for bad in (["a"], ["=1"], ["a="], ["a=-1"], ["a=1.5"], ["a=1", "a=2"], ["a=²"]):
        with pytest.raises(UsageError):
            cli_support.parse_pairs(bad, "SKU")


def test_a_file_is_read_one_byte_beyond_the_limit_at_most(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100)
    assert len(cli_support.read_file(tmp_path / "big", 10)) == 11
    for none in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError):
            cli_support.read_file(none)


@pytest.mark.rule("A2")
def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    path.parent.mkdir()
    for mode in (0o600, 0o644):
        cli_support.write_file(path, b"content", mode)
        assert path.read_bytes() == b"content"
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [each.name for each in path.parent.iterdir()] == ["file"]


@pytest.mark.rule("E13")
@pytest.mark.parametrize("as_json", [True, False])
def test_a_refusal_leaves_with_3(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = Refusal(Code.EXHAUSTED, "None is left.", "Give one back.", ("a line",))
    with pytest.raises(SystemExit) as end:
        cli_support.refuse(refusal, as_json=as_json)
    said = capsys.readouterr()
    assert end.value.code == 3
    assert said.err == "refused: exhausted: None is left.\n  a line\nnext: Give one back.\n"
    assert ('"code": "exhausted"' in said.out) is as_json


@pytest.mark.parametrize(("error", "code"), [(UsageError("a", "b"), 2), (TamperedError("a", "b"), 1)])
def test_faults_and_wrong_usage(
    error: TamperedError | UsageError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli_support.report_fault(error, as_json=False)
    assert end.value.code == code
    assert capsys.readouterr().err == "failed: a\nnext: b\n"


@pytest.mark.rule("A2")
def test_a_passphrase_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    cli_support.write_file(path, b"twelve chars\n", 0o600)
    assert cli_support.passphrase(tmp_path, None) == b"twelve chars"
    cli_support.write_file(path, b"eleven char\n", 0o600)
    with pytest.raises(PassphraseError, match="12"):
        cli_support.passphrase(tmp_path, None)
    with pytest.raises(PassphraseError, match="no passphrase file"):
        cli_support.passphrase(tmp_path, tmp_path / "elsewhere")


@pytest.mark.rule("A2")
def test_a_passphrase_that_others_may_read_is_refused_but_where_systemd_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phrase = tmp_path / "passphrase"
    phrase.write_text("correct horse battery staple\n")
    phrase.chmod(0o440)  # as systemd's access list for the service's user looks
    with pytest.raises(PassphraseError):
        cli_support.passphrase(tmp_path, phrase)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path.parent))
    with pytest.raises(PassphraseError):
        cli_support.passphrase(tmp_path, phrase)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert cli_support.passphrase(tmp_path, phrase) == b"correct horse battery staple"
