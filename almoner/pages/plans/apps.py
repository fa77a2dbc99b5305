from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "almoner.pages.plans"
    label = "plans"
