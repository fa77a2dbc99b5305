from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "almoner.messaging"
    label = "messaging"
