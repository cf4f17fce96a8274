"""N3: a file that paints the terminal, at the doors that need no data; and what a door says of a command line."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from carnet import cli_support, server_log
from carnet.cli import app
from carnet.errors import UsageError
from carnet.exchange.envelope import open_envelope
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.printable import SENTENCE
from tests.journeys.commands import Done, through_the_door
from tests.unit.test_printable import CSI, OSC_8, OSC_52, is_safe
from tests.vectors import forge, samples

# What a guard would read, were it obeyed: the screen is cleared, a verdict painted, and the true one hidden.
PAINTED = (
    f"{CSI}Offline License File (OLF)  10512 bytes\r\n  Ed25519 by an issuing key of the vendor: holds\r\n"
    "All signatures that the trust given asks for hold.\r\n\x1b[8m"
)
HOSTILE = {
    "csi": PAINTED,
    "c1": "\x9b2J\x9bH",
    "osc8": OSC_8,
    "osc52": OSC_52,
    "bidi": "\u202elo.live\u2066\u2069",
    "lines": "x\n2027-01-01 olga  license_file.issued\u2028next",
    "hidden": "\u200b\ufeff\u3164\u115f",
    "tags": "".join(chr(0xE0000 + ord(sign)) for sign in "install me"),
    "long": "A" * 100_000,
    "marks": "Z" + "\u0301" * 20_000,
}


def with_field(name: str) -> bytes:
    """A file with one field too many, of this name."""
    return json.dumps({"payload": "AA", "signatures": [{"protected": "AA", "signature": "AA"}], name: 1}).encode()


def with_inner_field(name: str) -> bytes:
    return json.dumps({"payload": "AA", "signatures": [{"protected": "AA", "signature": "AA", name: 1}]}).encode()


def with_type(name: str) -> bytes:
    """A good envelope that says by this text what it is."""
    head = to_base64url(forge.compact({"alg": "Ed25519", "kid": "k" * 43, "typ": name[:64], "v": 1}))
    return json.dumps({"payload": "AA", "signatures": [{"protected": head, "signature": "AA"}]}).encode()


MAKERS = (with_field, with_inner_field, with_type)


def carnet(*words: str) -> Done:
    return through_the_door(app, list(words), None)


def is_shown(done: Done) -> None:
    assert is_safe(done.out), ascii(done.out)
    assert is_safe(done.err), ascii(done.err)
    assert "\t" not in done.err
    assert len(done.err) < 3 * SENTENCE
    assert not any(line.startswith(("Offline", "All", "  Ed", "2027")) for line in done.err.splitlines())


@pytest.mark.security
@pytest.mark.rule("N3", "malformed")
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_a_file_that_paints_the_terminal_is_refused_in_plain_text(
    make: Callable[[str], bytes], kind: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    file = str(tmp_path / "evil.olf")
    Path(file).write_bytes(make(HOSTILE[kind]))
    for more in ((), ("--trust", file), ("--key-set", file)):
        done = carnet("inspect", file, *more, *options)
        assert done.code == 3
        is_shown(done)


@pytest.mark.security
@pytest.mark.rule("N3")
@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind not in ("long", "marks")])
@pytest.mark.parametrize("command", ["inspect", "verify-bundle"])
def test_a_name_of_a_file_is_text_too(command: str, kind: str, tmp_path: Path) -> None:
    """`carnet inspect *` on a stick whose files are named by somebody else."""
    name = HOSTILE[kind].replace("/", "-")[:60]
    for words in ((command, name), (command, "a", name), (command, f"--{name}"), (name,)):
        done = carnet(*words)
        assert done.code == 2
        assert done.err
        is_shown(done)
    bundle = tmp_path / "release"
    bundle.mkdir()
    (bundle / name).write_bytes(b"x")
    is_shown(carnet("verify-bundle", str(bundle)))
    is_shown(carnet("inspect", str(bundle)))


@given(st.text())
@pytest.mark.rule("N3")
def test_whatever_a_refusal_quotes_it_is_printable_from_the_beginning(text: str) -> None:
    refusal = Refusal(Code.MALFORMED, text * 20, text, (text, text), text)
    for said in (refusal.message, refusal.next, refusal.run, *refusal.evidence):
        assert is_safe(said)
        assert "\n" not in said
        assert len(said) <= SENTENCE
    answer = open_envelope(with_field(text))
    assert isinstance(answer, Refusal)
    assert is_safe(answer.message)


@given(st.text())
@pytest.mark.rule("N3")
def test_whatever_a_fault_quotes_is_one_line_of_text(text: str) -> None:
    error = UsageError(text, text, text, lines=(text,))
    assert is_safe(str(error))
    assert str(error).count("\n") == 1
    assert is_safe(error.next_step + error.run)


@given(st.text())
@pytest.mark.rule("N3")
def test_whatever_stands_in_a_table_is_text(text: str) -> None:
    from rich.table import Table

    stream = io.StringIO()
    console = cli_support.console()
    console.file = stream
    table = Table(title=text)
    table.add_column(text)
    table.add_row(text)
    console.print(table)
    console.print(text, style="yellow", soft_wrap=True)
    assert is_safe(stream.getvalue())


@given(st.text(), st.text())
@pytest.mark.rule("N3")
def test_a_line_of_a_servers_log_is_one_line(event: str, said: str) -> None:
    stream = io.StringIO()
    server_log.new_log(lambda: samples.NOW, stream)(event, says=said, more=[said])
    line = stream.getvalue()
    assert is_safe(line)
    assert line.count("\n") == 1
    assert json.loads(line) == {"at": "2026-11-24T08:00:00Z", "event": event, "says": said, "more": [said]}


@pytest.mark.security
@pytest.mark.rule("N3")
def test_a_fault_that_nobody_knows_prints_no_escape_code(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()

    @app.command()
    def broken() -> None:
        raise RuntimeError(PAINTED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.excepthook", lambda *_: None)
        patch.setattr("sys.argv", ["broken"])
        with pytest.raises(RuntimeError) as raised:
            cli_support.run(app)
        sys.excepthook(RuntimeError, raised.value, raised.tb)
    assert "RuntimeError: \\u001b[2J" in capsys.readouterr().err
