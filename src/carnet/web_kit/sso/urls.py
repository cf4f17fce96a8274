"""Addresses of single sign-on; there where a side has it on."""

from django.urls import path

from carnet.web_kit.sign_in.urls import Urls
from carnet.web_kit.sso import views

ENTRANCE: Urls = [
    path("issuer/", views.begin, name="sso-begin"),
    path("issuer/<slug:provider_id>/", views.back, name="openid_connect_callback"),
]
MY: Urls = [path("issuer/", views.mine, name="sso-mine")]
