from django.urls import path

from carnet.control_room.pages import banners
from carnet.control_room.pages.licenses import product, views

urlpatterns = [
    path("", views.license_management, name="home"),
    path("dismiss/", banners.dismiss, name="dismiss-notice"),
    path("products/<str:sku>/", product.product, name="product"),
    path("products/<str:sku>/take-back/", product.take_back, name="product-take-back"),
    path("products/<str:sku>/use.csv", product.days_file, name="product-days"),
    path("products/<str:sku>/holders.csv", product.holders_file, name="product-holders"),
]
