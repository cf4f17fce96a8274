"""The kit by itself: its templates, no database, no address, no side."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.template import engines
from django.test import RequestFactory, override_settings

from carnet.web_kit.loading import APPS, BUILTINS, LOADERS
from tests.ui.parts import parts

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": LOADERS,
            "builtins": BUILTINS,
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]


@pytest.fixture(scope="module")
def kit() -> Iterator[None]:
    with override_settings(
        INSTALLED_APPS=["django.contrib.messages", "django.contrib.staticfiles", *APPS],
        TEMPLATES=TEMPLATES,
        COTTON_ISOLATE_BY_DEFAULT=True,
        FORM_RENDERER="django.forms.renderers.DjangoTemplates",
        STATIC_URL="/static/",
        STORAGES={"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}},
    ):
        yield


@pytest.fixture(scope="module")
def page(kit: None) -> str:
    """The parts page: every component in every state."""
    return parts(RequestFactory().get("/parts/")).content.decode()


def rendered(source: str, **context: object) -> str:
    """A template's text, compiled as a file's would be: cotton's tags belong to files."""
    from django_cotton.compiler_regex import CottonCompiler  # type: ignore[import-untyped]

    return engines["django"].from_string(CottonCompiler().process(source)).render(context)
