from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "almoner.identity"
    label = "identity"
