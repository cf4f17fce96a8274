from django.urls import path

from carnet.control_room.pages.what_if import views

urlpatterns = [path("", views.what_if, name="what-if")]
