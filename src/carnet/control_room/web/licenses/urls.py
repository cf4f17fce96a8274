from django.urls import path

from carnet.control_room.web import banners
from carnet.control_room.web.licenses import product_views, views

urlpatterns = [
    path("", views.license_management, name="home"),
    path("dismiss/", banners.dismiss, name="dismiss-notice"),
    path("products/<str:sku>/", product_views.product, name="product"),
    path("products/<str:sku>/take-back/", product_views.take_back, name="product-take-back"),
    path("products/<str:sku>/use.csv", product_views.days_file, name="product-days"),
    path("products/<str:sku>/holders.csv", product_views.holders_file, name="product-holders"),
]
