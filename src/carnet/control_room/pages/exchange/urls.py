from django.urls import path

from carnet.control_room.pages.exchange import (
    past,
    preview,
    views,
)

urlpatterns = [
    path("", views.manage, name="exchange"),
    path("token/", views.token, name="token"),
    path("request/", views.generate, name="request-generate"),
    path("request/file/", views.save, name="request-save"),
    path("request/print/", views.printed, name="request-print"),
    path("withdraw/", views.withdraw, name="withdraw"),
    path("release/", views.release, name="release"),
    path("release/again/", views.release_again, name="release-again"),
    path("preview/", preview.upload, name="preview"),
    path("preview/leave/", preview.put_away, name="preview-leave"),
    path("preview/free/", preview.free, name="preview-free"),
    path("install/", preview.install, name="install"),
    path("receipt/", views.receipt, name="receipt"),
    path("key-set/", views.key_set, name="key-set"),
    path("cycles/", past.cycles, name="cycles"),
]
