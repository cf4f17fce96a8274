"""The notices as an application of Django's."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "carnet.calm.notices"
    label = "notices"
