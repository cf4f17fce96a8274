from django.urls import path

from carnet.control_room.web.users import views

urlpatterns = [path("", views.users, name="users"), path("seats/", views.users, name="users-seats")]
