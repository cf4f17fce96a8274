from django.urls import path

from carnet.control_room.web.exchange import views

urlpatterns = [path("", views.manage, name="exchange")]
