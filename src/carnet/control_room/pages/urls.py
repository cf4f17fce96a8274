"""Every page. `web.door` shuts whatever does not say whom it opens for."""

from django.urls import URLPattern, URLResolver, include, path

from carnet.web_kit.sign_in.urls import AGAIN, ENTRANCE, MY

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include([*ENTRANCE, *AGAIN])),
    path("account/my/", include(MY)),
    path("", include("carnet.control_room.pages.licenses.urls")),
    path("exchange/", include("carnet.control_room.pages.exchange.urls")),
    path("users/", include("carnet.control_room.pages.users.urls")),
    path("what-if/", include("carnet.control_room.pages.what_if.urls")),
    path("ledger/", include("carnet.control_room.pages.ledger.urls")),
    path("", include("carnet.control_room.pages.setup.urls")),
]
handler400 = "carnet.web_kit.errors.bad_request"
handler403 = "carnet.web_kit.errors.forbidden"
handler404 = "carnet.web_kit.errors.not_found"
handler500 = "carnet.web_kit.errors.server_error"
