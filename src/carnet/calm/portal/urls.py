"""Every page. `portal.door` shuts whatever does not say whom it opens for. An id in an address has the form that CALM
makes; anything else is not looked up at all.
"""

from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.urls.converters import StringConverter

from carnet.web_kit.sign_in.urls import (
    AGAIN,
    ENTRANCE,
    FORGOTTEN,
    MY,
)


class Id(StringConverter):
    regex = "[0-9a-z-]{1,36}"


register_converter(Id, "id")
urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in/", include([*ENTRANCE, *FORGOTTEN, *AGAIN])),
    path("my/", include(MY)),
    path("", include("carnet.calm.portal.urls_own")),
    path("", include("carnet.calm.portal.urls_vendor")),  # before the customers': accounts/add/ is no account
    path("", include("carnet.calm.portal.urls_customer")),
    path("", include("carnet.calm.portal.urls_room")),
]
