from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    name = "almoner.enforcement"
    label = "enforcement"
