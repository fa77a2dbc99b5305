from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    name = "almoner.administration.policies"
    label = "policies"
