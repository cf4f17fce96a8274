from django.urls import path

from carnet.control_room.web.exchange import cycles, preview, requests, views

urlpatterns = [
    path("", views.manage, name="exchange"),
    path("token/", views.token, name="token"),
    path("request/", requests.generate, name="request-generate"),
    path("request/file/", requests.save, name="request-save"),
    path("request/print/", requests.printed, name="request-print"),
    path("withdraw/", requests.withdraw, name="withdraw"),
    path("release/", requests.release, name="release"),
    path("release/again/", requests.release_again, name="release-again"),
    path("preview/", preview.upload, name="preview"),
    path("preview/leave/", preview.put_away, name="preview-leave"),
    path("preview/free/", preview.free, name="preview-free"),
    path("install/", preview.install, name="install"),
    path("receipt/", views.receipt, name="receipt"),
    path("key-set/", views.key_set, name="key-set"),
    path("cycles/", cycles.cycles, name="cycles"),
]
