"""Django's one database exchanged for another while a test runs: CALM is the same on both."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.core.management import call_command
from django.db import connections, transaction

from carnet.calm import database_url
from tests.support.postgres import Server

DEFAULT = "default"


@contextmanager
def used(settings: database_url.Settings) -> Iterator[None]:
    """What Django asks is this database, in every thread."""
    before, open_before = connections.settings[DEFAULT], connections[DEFAULT]
    connections.settings[DEFAULT] = connections.configure_settings({DEFAULT: settings})[DEFAULT]
    connections[DEFAULT] = connections.create_connection(DEFAULT)
    try:
        yield
    finally:
        connections[DEFAULT].close()
        connections.settings[DEFAULT], connections[DEFAULT] = before, open_before


def make(server: Server, name: str) -> database_url.Settings:
    """A new database with CALM's tables, as DATABASE_URL would name it."""
    with patch.dict(os.environ, {database_url.VARIABLE: server.create(name)}):
        settings = database_url.settings(None)
    with used(settings):
        call_command("migrate", verbosity=0)
    return settings


def make_file(folder: str) -> database_url.Settings:
    """The same as a file, as `calm` has it."""
    with patch.dict(os.environ):
        os.environ.pop(database_url.VARIABLE, None)
        settings = database_url.settings(folder)
    with used(settings):
        call_command("migrate", verbosity=0)
    return settings


@contextmanager
def undone(settings: database_url.Settings) -> Iterator[None]:
    """Nothing of what is done stays; all that a commit would check is checked."""
    with used(settings), transaction.atomic():
        yield
        connections[DEFAULT].check_constraints()
        transaction.set_rollback(True)
