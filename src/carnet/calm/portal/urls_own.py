from django.urls import path

from carnet.calm.portal import account

urlpatterns = [
    path("", account.home, name="home"),
    path("my/api-tokens/", account.api_tokens, name="api-tokens"),
    path("my/api-tokens/<id:token>/revoke/", account.revoke, name="api-token-revoke"),
]
