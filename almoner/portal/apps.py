from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "almoner.portal"
    label = "portal"
