from django.apps import AppConfig


class WardChargesConfig(AppConfig):
    name = "almoner.administration.ward_charges"
    label = "ward_charges"
