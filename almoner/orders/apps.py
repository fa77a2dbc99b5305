from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "almoner.orders"
    label = "orders"
