from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "carnet.calm.notices"
    label = "notices"
