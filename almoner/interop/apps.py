from django.apps import AppConfig


class InteropConfig(AppConfig):
    name = "almoner.interop"
    label = "interop"
