from django.apps import AppConfig


class CashierConfig(AppConfig):
    name = "almoner.pages.cashier"
    label = "cashier"
