from django.urls import path

from carnet.control_room.pages.setup import (
    api_keys,
    people,
    settings,
)

urlpatterns = [
    path("keys/", api_keys.api_keys, name="api-keys"),
    path("keys/<slug:key>/revoke/", api_keys.revoke, name="api-key-revoke"),
    path("people/", people.people, name="people"),
    path("people/change/", people.change, name="person-change"),
    path("people/link/", people.link, name="person-link"),
    path("settings/", settings.settings, name="settings"),
    path("settings/try/", settings.try_out, name="settings-try"),
    path("settings/backup/", settings.backup, name="backup"),
]
