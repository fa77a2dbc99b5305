from django.apps import AppConfig


class ShellConfig(AppConfig):
    name = "almoner.shell"
    label = "shell"
