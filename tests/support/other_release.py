"""Another release of Carnet, made of this one: a copy of the package in which kinds have one version more.

It is run as processes of its own (`PYTHONPATH`), so that two releases exchange real files. In the newer one each kind
has a version N+1 with one field more, made just as `exchange.versioning` says: the value object gets the field, the
struct as it was goes into a module of its own with its two conversions, and `versions` gets a line.
"""

import ast
import re
import shutil
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
SAYS = "said by a newer release"  # in each field that a newer release adds
STRUCTS = (
    ("enablement_token", "Token"),
    ("license_file_request", "LicenseFileRequest"),
    ("offline_license_file", "OfflineLicenseFile"),
    ("offline_license_file", "SealedBody"),
    ("receipt", "Receipt"),
    ("key_set", "KeySet"),
)


def newer_release(folder: Path, version: str, of: Path = SOURCE) -> Path:
    """The release that comes after the one in `of`; what `PYTHONPATH` must name to run it."""
    package = folder / "carnet"
    shutil.copytree(of / "carnet", package, ignore=shutil.ignore_patterns("__pycache__"))
    _edit(package / "__init__.py", r'__version__ = "[^"]+"', f'__version__ = "{version}"')
    for module, struct in STRUCTS:
        _next_version(package / "exchange", module, struct)
    if of == SOURCE:
        _next_record(package / "control_room" / "ledger" / "events.py")
    return folder


def _next_version(exchange: Path, module: str, struct: str) -> None:
    path, versions = exchange / f"{module}.py", exchange / "versions.py"
    found = re.search(rf"(\d+): newest\({struct}\)\s*[,}}]", versions.read_text())
    assert found
    number = int(found[1])
    added, text, was = f"remark_{number + 1}", path.read_text(), _class(path.read_text(), struct)
    path.write_text(text.replace(was, _with_field(was, f"    {added}: Text | None = {SAYS!r}\n")))
    _edit(path, r"^from carnet\.entitlements import ", r"from carnet.entitlements import Text\n\g<0>")
    old = f"{struct.lower()}_{number}"
    (exchange / f"{old}.py").write_text(OLD.format(module=module, struct=struct, added=added) + was + "\n")
    line = f"Version({old}.{struct}, {old}.upgrade, {old}.downgrade), {number + 1}: newest({struct})"
    _edit(versions, rf"newest\({struct}\)(?=\s*[,}}])", line)
    imports = f"from carnet.exchange import {old}\nfrom carnet.exchange.versioning import Version\n"
    _edit(versions, r"^from carnet\.exchange\.versioning import ", rf"{imports}\g<0>")


OLD = """from carnet.exchange import {module} as today
from carnet.exchange.{module} import *


def upgrade(old):
    return today.{struct}(**{{name: getattr(old, name) for name in old.__struct_fields__}}, {added}=None)


def downgrade(value):
    return {struct}(**{{name: getattr(value, name) for name in {struct}.__struct_fields__}})


"""


def _next_record(events: Path) -> None:
    """`request.asked` gets version 2; the records of version 1 are read on."""
    was = _class(events.read_text(), "RequestAsked")
    old = was.replace("class RequestAsked", "class RequestAsked1")
    old = f'@superseded("request.asked", 1, lambda old: RequestAsked(request=old.request, remark=None))\n{old}'
    now = _with_field(was, f"    remark: Text | None = {SAYS!r}\n")
    events.write_text(events.read_text().replace(was, f"{now}\n\n{old}"))
    _edit(events, r'@kind\("request\.asked"\)', '@kind("request.asked", version=2)')


def _class(text: str, name: str) -> str:
    """A class as it stands in a module, without its decorators."""
    node = next(each for each in ast.parse(text).body if isinstance(each, ast.ClassDef) and each.name == name)
    return "".join(text.splitlines(keepends=True)[node.lineno - 1 : node.end_lineno])


def _with_field(source: str, field: str) -> str:
    """The same class with one field more, after its last."""
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.ClassDef)
    last = max(each.end_lineno or 0 for each in node.body if isinstance(each, ast.AnnAssign))
    lines = source.splitlines(keepends=True)
    return "".join([*lines[:last], field, *lines[last:]])


def _edit(path: Path, pattern: str, by: str) -> None:
    text, count = re.subn(pattern, by, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, (path, pattern)
    path.write_text(text)
