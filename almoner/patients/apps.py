from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "almoner.patients"
    label = "patients"
