from django.apps import AppConfig


class ChargingConfig(AppConfig):
    name = "almoner.charging"
    label = "charging"
