from django.urls import path

from carnet.control_room.web.licenses import views

urlpatterns = [path("", views.license_management, name="home")]
