from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "almoner.pages"
    label = "pages"
