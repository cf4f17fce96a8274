"""A dependency whose inner names we lean on is pinned to a patch release, and each such name is looked at here."""

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
WHY = """\
`carnet.web_kit.serving` leans on names that {package} does not document: {names}. They may change with any release, \
so its version is pinned ({pin}). Installed is {installed}. Before the pin is raised: read how these names changed, \
run tests/calm/test_serving.py and tests/room, then change pyproject.toml and requirements/site.in together."""
PRIVATE = {
    "gunicorn": {
        "Worker.__init__(self, age, ppid, sockets, app, timeout, cfg, log)": Worker.__init__,
        "Worker.init_process(self)": Worker.init_process,
        "Worker.init_signals(self)": Worker.init_signals,
        "Worker.notify(self)": Worker.notify,
        "Worker.run(self)": Worker.run,
        "Logger.setup(self, cfg)": Logger.setup,
        "Logger.reopen_files(self)": Logger.reopen_files,
    }
}


@pytest.mark.parametrize("package", PRIVATE)
def test_the_installed_version_is_the_one_whose_inner_names_are_known(package: str) -> None:
    names = PRIVATE[package]
    asked = _asked(package)
    why = WHY.format(package=package, names=", ".join(names), pin=asked.specifier, installed=version(package))
    (pin,) = asked.specifier
    assert (pin.operator, pin.version.count(".")) == ("~=", 2), f"{asked} is not pinned to a patch release. {why}"
    assert asked.specifier.contains(version(package)), why
    for name, found in names.items():
        assert name == f"{found.__qualname__}{inspect.signature(found)}", why


def _asked(package: str) -> Requirement:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [Requirement(each) for each in project["dependencies"]]
    return next(each for each in every if each.name == package)
