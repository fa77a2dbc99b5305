from django.apps import AppConfig


class EstimatesConfig(AppConfig):
    name = "almoner.estimates"
    label = "estimates"
