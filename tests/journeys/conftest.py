"""A licensed site and its vendor, set up once a worker and copied for each test."""

from pathlib import Path

import pytest

from tests.journeys.commands import Story, again, begin


@pytest.fixture(scope="session")
def first_story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return begin(tmp_path_factory.mktemp("first"))


@pytest.fixture
def story(first_story: Story, tmp_path: Path) -> Story:
    """Northwind's site in Oslo, licensed for a year: 3 users, 2 seats, 5,000 pages and a feature."""
    return again(first_story, tmp_path)
