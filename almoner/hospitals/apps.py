from django.apps import AppConfig


class HospitalsConfig(AppConfig):
    name = "almoner.hospitals"
    label = "hospitals"
