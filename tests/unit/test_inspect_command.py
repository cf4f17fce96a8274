"""`carnet inspect`: the thin door. Exit 0 shown, 2 usage, 3 refused with the code on stderr and in the JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from carnet.cli import app
from carnet.errors import UsageError

CORPUS = Path(__file__).parents[1] / "vectors/hostile"
TRUST = ("--trust", str(CORPUS / "trust.json"), "--key-set", str(CORPUS / "key-set.jws"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["inspect", *arguments])


@pytest.mark.parametrize("kind", ["token", "lfr", "olf", "receipt", "keyset"])
def test_a_good_file_is_shown(kind: str) -> None:
    result = run(str(CORPUS / f"good.{kind}"), *TRUST)
    assert result.exit_code == 0
    assert "holds" in result.stdout
    assert result.stderr == ""


def test_a_data_folder_brings_its_trust(tmp_path: Path) -> None:
    for name in ("trust.json", "key-set.jws"):
        (tmp_path / name).write_bytes((CORPUS / name).read_bytes())
    result = run(str(CORPUS / "good.olf"), "--data", str(tmp_path))
    assert result.exit_code == 0
    assert "All signatures that the trust given asks for hold." in result.stdout


def test_a_folder_without_trust_is_no_data_folder(tmp_path: Path) -> None:
    result = run(str(CORPUS / "good.olf"), "--data", str(tmp_path))
    assert isinstance(result.exception, UsageError)


def test_no_file_is_a_usage_error() -> None:
    assert isinstance(run(str(CORPUS / "none.olf")).exception, UsageError)
    assert run().exit_code == 2


@pytest.mark.rule("E13")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("truncated.token", "malformed"),
        ("ml-dsa-stripped.olf", "bad_signature"),
        ("version-2.lfr", "unsupported_version"),
        ("older.keyset", "key_set_too_old"),
        ("re-signed-by-a-stranger.olf", "unknown_signer"),
    ],
)
def test_a_refused_file_leaves_with_3_and_its_code(name: str, code: str) -> None:
    result = run(str(CORPUS / name), *TRUST, "--json")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"refused: {code}: ")
    assert "next: " in result.stderr
    refused = json.loads(result.stdout)["refused"]
    assert refused["code"] == code
    assert refused["message"]
    assert refused["next"]


@pytest.mark.rule("too_large")
def test_a_file_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    large = tmp_path / "large.olf"
    with large.open("wb") as file:
        file.truncate(10**12)  # sparse
    assert run(str(large)).exit_code == 3


@pytest.mark.rule("A2")
def test_the_secret_of_a_token_is_printed_nowhere() -> None:
    secret = json.loads((CORPUS / "keys.json").read_text())["enrolment_secret"]
    for more in ((), ("--json",)):
        result = run(str(CORPUS / "good.token"), *TRUST, *more)
        assert result.exit_code == 0
        assert secret not in result.output


def test_markup_in_a_file_is_text(tmp_path: Path) -> None:
    from tests.vectors import forge, samples

    raw = samples.token(samples.vendor(), account_name="[red]Northwind[/red]")
    path = tmp_path / "a.token"
    path.write_bytes(raw)
    assert "[red]Northwind[/red]" in run(str(path)).stdout
    path.write_bytes(forge.edit_header(raw, 0, lambda header: header.update(alg="[/x]")))
    result = run(str(path))
    assert result.exit_code == 0
    assert "[/x] by key" in result.stdout


@pytest.mark.rule("E13")
@pytest.mark.security
@pytest.mark.parametrize("name", ["good.token", "good.olf", "good.keyset", "re-signed-by-a-stranger.olf"])
def test_without_trust_no_key_is_called_the_vendors(name: str) -> None:
    """Whose key it is cannot be known then: each is named by its thumbprint, as not checked."""
    shown = run(str(CORPUS / name)).stdout
    assert "not checked" in shown
    assert "signatures were not checked" in shown
    for line in shown.splitlines():
        assert not ("vendor" in line.lower() and "key " in line and "signatures" not in line), line


@pytest.mark.rule("E13")
@pytest.mark.security
def test_a_strangers_key_set_is_refused_by_the_vendors_trust() -> None:
    result = run(str(CORPUS / "re-signed-by-a-stranger.olf"), *TRUST)
    assert result.exit_code == 3
    assert "holds" not in result.stdout
