from django.urls import path

from carnet.calm.web.own import views

urlpatterns = [
    path("", views.home, name="home"),
    path("my/api-tokens/", views.api_tokens, name="api-tokens"),
    path("my/api-tokens/<id:token>/revoke/", views.revoke, name="api-token-revoke"),
]
