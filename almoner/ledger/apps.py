from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "almoner.ledger"
    label = "ledger"
