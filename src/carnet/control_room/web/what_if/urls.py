from django.urls import path

from carnet.control_room.web.what_if import views

urlpatterns = [path("", views.what_if, name="what-if")]
