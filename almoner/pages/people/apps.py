from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "almoner.pages.people"
    label = "people"
