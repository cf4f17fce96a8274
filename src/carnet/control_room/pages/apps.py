"""The pages as an application of Django's."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "carnet.control_room.pages"
    label = "pages"

    def ready(self) -> None:
        from carnet.control_room.pages import sign_in  # noqa: F401  it records who signs in
