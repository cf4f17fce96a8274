"""The kit as an application of Django's."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "carnet.web_kit"
    label = "ui"
