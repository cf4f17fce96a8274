"""Every page. `web.door` shuts whatever does not say whom it opens for."""

from django.urls import URLPattern, URLResolver, include, path

from carnet.ui.sign_in.urls import AGAIN, ENTRANCE, MY

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include([*ENTRANCE, *AGAIN])),
    path("account/my/", include(MY)),
    path("", include("carnet.control_room.web.licenses.urls")),
    path("exchange/", include("carnet.control_room.web.exchange.urls")),
    path("users/", include("carnet.control_room.web.users.urls")),
    path("what-if/", include("carnet.control_room.web.what_if.urls")),
    path("ledger/", include("carnet.control_room.web.ledger.urls")),
    path("", include("carnet.control_room.web.setup.urls")),
]
handler400 = "carnet.ui.errors.bad_request"
handler403 = "carnet.ui.errors.forbidden"
handler404 = "carnet.ui.errors.not_found"
handler500 = "carnet.ui.errors.server_error"
