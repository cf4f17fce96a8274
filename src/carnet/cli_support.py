"""What the three commands share: their common options, how an answer, a refusal and a fault look, and the exit codes.

Exit 0 done · 1 fault · 2 usage · 3 refused. A refusal's code stands on stderr, and in the JSON.
"""

import inspect
import os
import sys
import traceback
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, get_args

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from carnet import files, out_files, times
from carnet.entitlements import UnwritableError
from carnet.errors import CarnetError, PassphraseError, UsageError
from carnet.exchange.verdicts import Refusal
from carnet.files import keep_new_files_private
from carnet.files import private_folder as private_folder
from carnet.files import read_file as read_file
from carnet.files import write_file as write_file
from carnet.out_files import write_out as write_out
from carnet.owner import become_owner_of, check_usable
from carnet.printable import ascii_json, is_printable, printable, printable_json, show_replaced

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

DONE, FAULT, USAGE, REFUSED = 0, 1, 2, 3

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
DataFolder = Annotated[
    Path, typer.Option("--data", help="The folder that holds everything.", envvar="CARNET_DATA", file_okay=False)
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File with the passphrase of the keys. Else DATA/passphrase, else a prompt.",
        envvar="CARNET_PASSPHRASE_FILE",
        dir_okay=False,
    ),
]


WRITTEN = "written"  # marks an option that names a file which the command writes

OutFile = Annotated[Path, typer.Option("--out", help="Where to write the file; - is the standard output."), WRITTEN]
ReceiptFile = Annotated[Path | None, typer.Option("--receipt", help="Where to write the receipt for CALM."), WRITTEN]
NewPassphraseFile = Annotated[
    Path, typer.Option("--new-passphrase-file", help="The file with the new passphrase; only its owner may read it.")
]
Operator = Annotated[str, typer.Option("--as", help="Who acts.", envvar="CARNET_OPERATOR")]


def new_app(help_text: str) -> typer.Typer:
    return typer.Typer(help=help_text, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Caller:
    """What every command is called with: the folder opened as the program's world, who acts, and how to answer."""

    world: Any
    actor: str
    as_json: bool


Force = Annotated[bool, typer.Option("--force", help="Replace the file that is there, also where it is another kind.")]


def command(
    group: typer.Typer, name: str, data: Path, session: Callable[[Caller], Any], writes: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command. Its function takes a session first; the common options come by themselves.

    `data` is the default folder. `ctx.obj`, from the composition root, opens it. `writes`: the kind of file that it
    writes where people say, as `out_files` names it; only such a file is replaced without --force.
    """
    common = {
        "data": (DataFolder, data),
        "passphrase_file": (PassphraseFile, None),
        "actor": (Operator, ""),
        "as_json": (AsJson, False),
        **({"force": (Force, False)} if writes else {}),
    }

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]
        written = {parameter.name for parameter in own if WRITTEN in get_args(parameter.annotation)}

        def run(ctx: typer.Context, **options: Any) -> None:
            data, phrase = options.pop("data"), options.pop("passphrase_file")
            actor = check_name(_composed(options.pop("actor")) or login_name(), "name given with --as")
            as_json = options.pop("as_json")
            for path in _named(options, written):
                out_files.check_place(path, writes, force=options.get("force", False))
                _refuse_two_answers(path, as_json=as_json)
            options.pop("force", None)
            _enter(data, phrase, options, written)
            caller = Caller(ctx.obj(data, phrase), actor, as_json)
            function(session(caller), **{key: _composed(value) for key, value in options.items()})

        keyword = inspect.Parameter.KEYWORD_ONLY
        added = [inspect.Parameter(key, keyword, default=d, annotation=t) for key, (t, d) in common.items()]
        context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        parameters = [context, *(parameter.replace(kind=keyword) for parameter in own), *added]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        group.command(name, help=inspect.getdoc(function))(run)
        return function

    return register


def _named(options: dict[str, Any], written: set[str]) -> list[Path]:
    """The files that a command is to write."""
    return [value for name, value in options.items() if name in written and isinstance(value, Path)]


def _refuse_two_answers(path: Path, *, as_json: bool) -> None:
    """Raises UsageError where the file and the answer in JSON would both go to the standard output."""
    if out_files.is_stdout(path) and as_json:
        raise UsageError("The file and the answer in JSON cannot both go to the standard output.", out_files.NOTHING)


def _enter(data: Path, phrase: Path | None, options: dict[str, Any], written: set[str]) -> None:
    """Become the owner of the data folder, where root calls, and look whether the files can be written."""
    outs = _named(options, written)
    ins = [value for name, value in options.items() if name not in written and isinstance(value, Path)]
    to_files = [path for path in outs if not out_files.is_stdout(path)]
    become_owner_of(data, [*ins, *([phrase] if phrase else [])], to_files)
    check_usable(data)
    for path in outs:
        out_files.check_writable(path)


def _composed(value: Any) -> Any:
    """Text as people type it, in the Unicode form (NFC) that files and ledgers hold."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def run(
    app: typer.Typer, world: object = None, translate: Callable[[Exception], CarnetError | None] = lambda _: None
) -> NoReturn:
    """Run a command line; the one place where a fault becomes words and an exit code.

    `world` is what the composition root hands to the commands (`ctx.obj`); `translate` knows the exceptions of
    libraries that this module does not.
    """
    keep_new_files_private()
    speak_any_encoding()
    try:
        code = _built(app)(obj=world, standalone_mode=False)
    except ClickException as error:
        _say_usage(error)
    except typer.Abort:
        say("Aborted.", err=True)
        raise SystemExit(FAULT) from None
    except CarnetError as error:
        report_fault(error, as_json="--json" in sys.argv)
    except UnwritableError as error:
        report_fault(UsageError(f"This cannot be written: {error}."), as_json="--json" in sys.argv)
    except OSError as error:
        words = out_files.words_of(error)
        report_fault(CarnetError(f"{error.filename or 'The disk'}: {words}."), as_json="--json" in sys.argv)
    except Exception as error:
        fault = translate(error)
        if fault is None:
            sys.excepthook = _say_traceback
            raise
        report_fault(fault, as_json="--json" in sys.argv)
    raise SystemExit(code if isinstance(code, int) else DONE)


@cache
def _built(app: typer.Typer) -> Callable[..., Any]:
    """The whole tree of commands: to build it takes longer than most commands."""
    return typer.main.get_command(app)


def speak_any_encoding() -> None:
    """No print of this process fails for what its terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        show_replaced(stream)


def say(text: str, *, err: bool = False) -> None:
    """Print one line (N3): whatever is in it, it stays one. With `console`, the only way to a terminal."""
    print(printable(text), file=sys.stderr if err or files.is_on_stdout() else sys.stdout, flush=True)


def print_lines(console: "Console", text: str) -> None:
    """Print text of several lines that are ours."""
    for line in text.splitlines():
        console.print(line, soft_wrap=True)


def _say_usage(error: ClickException) -> NoReturn:
    """What is wrong with a command line, without obeying what stands in it: a shell puts names of files there."""
    if isinstance(error, NoArgsIsHelpError):
        raise SystemExit(error.exit_code)  # the help is printed already
    context = getattr(error, "ctx", None)
    if context is not None:
        for line in context.get_usage().splitlines():
            say(line, err=True)
        say(f"Try '{context.command_path} --help' for help.", err=True)
    say(f"Error: {error.format_message()}", err=True)
    raise SystemExit(error.exit_code)


def _say_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A fault that nobody knows may quote anything."""
    for part in traceback.format_exception(kind, error, trace):
        for line in part.splitlines():
            say(line, err=True)


def report_fault(error: CarnetError, *, as_json: bool) -> NoReturn:
    word = f"{error.code}: " if error.code else ""
    first, *more = str(error).split("\n")
    say(f"failed: {word}{first}", err=True)
    for line in more:
        say(line, err=True)
    _print_next(error.next_step, error.run)
    if as_json:
        code = {"code": error.code} if error.code else {}
        _print_json({"failed": {**code, "message": str(error), "next": error.next_step, **_run(error.run)}})
    raise SystemExit(USAGE if isinstance(error, UsageError) else FAULT)


def finish(answer: T | Refusal, show: Callable[["Console", T], None], *, as_json: bool) -> None:
    """Print what a command came to, and leave with 3 where it was refused."""
    if isinstance(answer, Refusal):
        refuse(answer, as_json=as_json)
    if as_json:
        _print_json(answer)
    else:
        show(console(), answer)


def refuse(refusal: Refusal, *, as_json: bool) -> NoReturn:
    say_refusal(refusal)
    if as_json:
        _print_json({"refused": refused_fields(refusal)})
    raise SystemExit(REFUSED)


def say_refusal(refusal: Refusal) -> None:
    say(f"refused: {refusal.code}: {refusal.message}", err=True)
    for line in refusal.evidence:
        say(f"  {line}", err=True)
    _print_next(refusal.next, refusal.run)


def _print_next(next_step: str, run: str) -> None:
    if next_step:
        say(f"next: {next_step}", err=True)
    if run:
        say(f"run: {run}", err=True)


def _run(command: str) -> dict[str, str]:
    return {"run": command} if command else {}


def refused_fields(refusal: Refusal) -> dict[str, Any]:
    fields: dict[str, Any] = {"code": refusal.code.value, "message": refusal.message, "next": refusal.next}
    return fields | _run(refusal.run) | ({"evidence": list(refusal.evidence)} if refusal.evidence else {})


def console(*, err: bool = False) -> "Console":
    """What tables, styles and progress are printed with. Each text in it stays on one line, and is text: never markup,
    never an escape code (N3)."""
    from rich.console import Console

    class Printing(Console):
        def render_str(self, text: str, **how: Any) -> Any:  # every text that is printed comes by here, cells too
            return super().render_str(printable(text), **how)

    err = err or files.is_on_stdout()
    width = None if (sys.stderr if err else sys.stdout).isatty() else int(os.environ.get("COLUMNS", "120"))
    return Printing(highlight=False, markup=False, emoji=False, width=width, stderr=err)


def _print_json(value: object) -> None:
    import msgspec

    text = msgspec.json.encode(value, enc_hook=_plain)
    print(ascii_json(printable_json(msgspec.json.format(text, indent=2).decode())))


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def parse_time(text: str) -> datetime:
    """`2027-11-24` (midnight UTC) or `2027-11-24T08:00:00Z`. Raises UsageError."""
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise UsageError(f"“{text}” is not a date.", "Write 2027-11-24, or 2027-11-24T08:00:00Z.")


def parse_end(text: str) -> datetime:
    """Q1: as `parse_time`, or `perpetual`; not later than the latest end. Raises UsageError."""
    try:
        return times.read_end(text)
    except times.EndTooLateError as error:
        raise UsageError(str(error)) from None
    except ValueError:
        raise UsageError(f"“{text}” is not an end.", f"Write 2027-11-24, or {times.PERPETUAL_WORD}.") from None


def check_name(name: str, what: str) -> str:
    """A name as people give it, in Unicode form NFC, without the blanks around it. Raises UsageError where no file or
    ledger could hold it."""
    if not name.strip() or len(name) > 200 or not is_printable(name):
        raise UsageError(f"The {what} is empty, longer than 200 characters, or cannot be printed.")
    return unicodedata.normalize("NFC", name.strip())


def login_name() -> str:
    """Who acts if --as is not given: the operating system's account."""
    from getpass import getuser

    return getuser()


def parse_pairs(pairs: list[str], what: str) -> dict[str, int]:
    """`NAME=QUANTITY` options. Raises UsageError."""
    read: dict[str, int] = {}
    for pair in pairs:
        name, _, quantity = pair.rpartition("=")
        if not name or not quantity.isdecimal() or name in read:
            raise UsageError(f"“{pair}” is not {what}=QUANTITY, or names it twice.")
        read[name] = int(quantity)
    return read


def passphrase(data: Path, given: Path | None) -> bytes:
    """The passphrase of the keys in `data`: from the file given, from DATA/passphrase, or asked for on the terminal."""
    path = given or data / "passphrase"
    if files.is_there(path):
        return read_passphrase(path)
    if not sys.stdin.isatty():
        next_step = (
            "Name the file that holds it with --passphrase-file FILE. For a backup, use the passphrase of the machine "
            "that made it; it is not in it."
        )
        raise PassphraseError(f"There is no passphrase file {path}.", next_step)
    return _strong(typer.prompt("Passphrase of the keys", hide_input=True, err=True))


def new_passphrase(data: Path, given: Path | None, random: Callable[[int], bytes]) -> tuple[bytes, str]:
    """The passphrase for new keys, and a warning where it is kept beside them."""
    if given:
        return read_passphrase(given), ""
    if sys.stdin.isatty():
        question = "Choose a passphrase for the keys"
        return _strong(typer.prompt(question, hide_input=True, confirmation_prompt=True, err=True)), ""
    path = data / "passphrase"
    write_file(path, b64encode(random(24)) + b"\n", 0o600)
    return read_passphrase(path), f"A passphrase was made and lies beside the keys, in {path}. Keep it elsewhere."


def read_passphrase(path: Path) -> bytes:
    """The passphrase in a file. Raises PassphraseError where others may read it, or it is too short."""
    if files.is_there(path) and files.mode_of(path) & 0o077 and not _is_credential(path):
        raise PassphraseError(f"Others may read {path}.", f"Run: chmod 600 {path}")
    try:
        return _strong(read_file(path, 4096).decode().strip())
    except UnicodeDecodeError as error:
        raise PassphraseError(f"{path} holds no text.", "Name the file that holds the passphrase.") from error


def _is_credential(path: Path) -> bool:
    """Whether systemd keeps it for this service alone (LoadCredential). It grants that by an access list, which shows
    in the mode as if the group could read."""
    return str(path.parent) == os.environ.get("CREDENTIALS_DIRECTORY")


def _strong(text: str) -> bytes:
    if len(text) < 12:
        raise PassphraseError("A passphrase has at least 12 characters.")
    return text.encode()
