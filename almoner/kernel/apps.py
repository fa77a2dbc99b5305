from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "almoner.kernel"
    label = "kernel"
