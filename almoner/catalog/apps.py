from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "almoner.catalog"
    label = "catalog"
