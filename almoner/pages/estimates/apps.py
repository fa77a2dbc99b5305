from django.apps import AppConfig


class EstimatePagesConfig(AppConfig):
    name = "almoner.pages.estimates"
    label = "estimate_pages"
