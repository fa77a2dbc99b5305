from django.apps import AppConfig


class WorkListsConfig(AppConfig):
    name = "almoner.pages.work_lists"
    label = "work_lists"
