"""The people as an application of Django's."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "carnet.calm.people"
    label = "people"

    def ready(self) -> None:
        """What other packages find here by a name: acts of two people on staff (A3), and a check of the settings."""
        from carnet.calm.people import account_merging, checks, staff_acts  # noqa: F401 - they register themselves
