"""A column that a new row is not given is filled from its default, and looks as if it had been meant: so each column
that is left out is written down here, with why, and something must set it later."""

import ast
import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from django.db.models import AutoField, Model

from carnet import calm

ROOT = Path(calm.__file__).parent
NOT_LOADED = "issuer_sign_in.py"  # unless single sign-on is on; its rows are the sign-in package's
LATER = "It says what becomes of it later; a new row has its default."
LEFT_OUT: dict[str, tuple[set[str], str]] = {
    "AcceptedLfr": ({"used", "believed"}, LATER),
    "Account": (
        {"windows", "folded", "archived_at", "merged_into"},
        "Empty windows: those that hold for every account, until two people set its own (E18). `save` folds the name. "
        + LATER,
    ),
    "ApiToken": ({"revoked_at", "last_used_at"}, LATER),
    "Approval": ({"decided_at", "decided_by", "decided_reason"}, LATER),
    "ControlRoom": (
        {
            *("guid", "enrolment", "confirmed", "licensed_until", "grace_until", "expiring_from"),  # `_enrol`
            *("reads", "pending_keys", "newest_lfr", "last_sequence", "history_stated"),  # `apply_lfr`
            *("cycle_opened_at", "deadline", "cycle_ends", "windows", "missed_cycle_locks"),  # `note_lfr`
            *("site_state", "owed", "set_backs"),
            *("seen_size", "seen_root"),  # `see`
            *("retired_keys", "last_license_file", "set_backs_known", "readmitted_at"),  # by what comes later
        },
        "The row is there before its enrolment and its first LFR, which refer to it; both fill it at once.",
    ),
    "Counted": ({"settled"}, LATER),
    "Enrolment": ({"ended_at", "ended_by", "exposed", "exposed_until"}, LATER),
    "Guid": ({"folded", "archived_at"}, "`save` folds the label. " + LATER),
    "Kept": ({"live"}, LATER),
    "LicenseFile": ({"settled_at", "settled_by", "receipt"}, LATER),
    "LicenseLine": ({"out"}, LATER),
    "LossReport": ({"state", "settled_at", "settled_by"}, LATER),
    "Person": ({"password", "last_login", "is_active"}, "Nobody chooses a password for somebody else (A2)."),
    "Proposal": ({"did", "confirmed_by", "confirmed_at"}, LATER),
    "RefusedFile": ({"resolved"}, LATER),
    "SeenCheckpoint": ({"believed"}, LATER),
    "SentNotice": ({"sent_at", "subject", "to"}, "It is claimed before it is sent."),
    "SentWord": ({"sent_at", "subject", "to"}, "It is claimed before it is sent."),
}
OF_DJANGO = {"password", "last_login"}  # set by `set_password`, and at a sign-in


@cache
def _modules() -> list[tuple[ModuleType, ast.Module]]:
    paths = [path for path in sorted(ROOT.rglob("*.py")) if "migrations" not in path.parts and path.name != NOT_LOADED]
    names = [".".join(("carnet.calm", *path.relative_to(ROOT).with_suffix("").parts)) for path in paths]
    return [
        (importlib.import_module(name.removesuffix(".__init__")), ast.parse(path.read_text()))
        for name, path in zip(names, paths, strict=True)
    ]


def _new_rows() -> Iterator[tuple[type[Model], set[str]]]:
    """The model of each row that is made anywhere in CALM, and the names that it is given."""
    for module, tree in _modules():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if model := _model(module, call.func):
                assert not call.args, f"{module.__name__}:{call.lineno}: columns by their place"
                yield model, _given(call, tree)


def _model(module: ModuleType, called: ast.expr) -> type[Model] | None:
    """The model of `Model(...)` and of `Model.objects.create(...)`."""
    text = ast.unparse(called).removesuffix(".objects.create")
    found = getattr(module, text, None)
    return found if isinstance(found, type) and issubclass(found, Model) else None


def _given(call: ast.Call, tree: ast.Module) -> set[str]:
    """Its keywords; those of `**function(...)` are the keys of what that function of the module returns."""
    given = {keyword.arg for keyword in call.keywords if keyword.arg}
    for spread in (keyword.value for keyword in call.keywords if keyword.arg is None):
        assert isinstance(spread, ast.Call)
        made = next(node for node in tree.body if getattr(node, "name", "") == ast.unparse(spread.func))
        keys = (key for node in ast.walk(made) if isinstance(node, ast.Dict) for key in node.keys)
        given |= {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return given


def _columns(model: type[Model], given: set[str]) -> set[str]:
    """The columns that are not given, but for the number that the database counts."""
    columns = [each for each in model._meta.concrete_fields if not isinstance(each, AutoField)]
    return {each.name for each in columns if not {each.name, each.attname} & given}


def test_each_column_that_a_new_row_is_not_given_is_written_down() -> None:
    left_out: dict[str, set[str]] = {}
    for model, given in _new_rows():
        left_out[model.__name__] = left_out.get(model.__name__, set()) | _columns(model, given)
    assert {"AcceptedLfr", "LogEntry", "Purchase", "Token"} <= left_out.keys()
    assert {name: columns for name, columns in left_out.items() if columns} == {
        name: columns for name, (columns, _) in LEFT_OUT.items()
    }


def _set_later() -> set[str]:
    """Names that are assigned to, of any object, or updated in rows that are there."""
    found: set[str] = set()
    for _, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return found


@pytest.mark.parametrize("name", LEFT_OUT)
def test_each_column_that_is_left_out_is_set_later(name: str) -> None:
    assert LEFT_OUT[name][0] - OF_DJANGO - _set_later() == set()
