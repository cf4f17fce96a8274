"""Every address of the portal: its pages, and the REST interface."""

from django.urls import include, path

from carnet.calm.rest.interface import api

urlpatterns = [path("api/v1/", api.urls), path("", include("carnet.calm.portal.urls"))]
handler400 = "carnet.web_kit.errors.bad_request"
handler403 = "carnet.web_kit.errors.forbidden"
handler404 = "carnet.web_kit.errors.not_found"
handler500 = "carnet.calm.portal.account.server_error"
