from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "almoner.scheduling"
    label = "scheduling"
