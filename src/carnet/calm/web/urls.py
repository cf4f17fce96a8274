"""Every page. `web.door` shuts whatever does not say whom it opens for."""

from django.urls import URLPattern, URLResolver, include, path, register_converter

from carnet.calm.web.ids import Id
from carnet.ui.sign_in.urls import AGAIN, ENTRANCE, FORGOTTEN, MY

register_converter(Id, "id")
urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in/", include([*ENTRANCE, *FORGOTTEN, *AGAIN])),
    path("my/", include(MY)),
    path("", include("carnet.calm.web.own.urls")),
    path("", include("carnet.calm.web.vendor.urls")),  # before the customers': accounts/add/ is no account
    path("", include("carnet.calm.web.customer.urls")),
    path("", include("carnet.calm.web.room.urls")),
]
