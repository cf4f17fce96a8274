"""Every address of the portal: its pages, and the REST interface."""

from django.urls import include, path

from carnet.calm.api.interface import api

urlpatterns = [path("api/v1/", api.urls), path("", include("carnet.calm.web.urls"))]
handler400 = "carnet.ui.errors.bad_request"
handler403 = "carnet.ui.errors.forbidden"
handler404 = "carnet.ui.errors.not_found"
handler500 = "carnet.calm.web.own.errors.server_error"
