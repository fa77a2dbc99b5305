from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "almoner.payments"
    label = "payments"
