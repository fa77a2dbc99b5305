from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    name = "almoner.enforcement"
    label = "enforcement"
    part_rule = "almoner.enforcement.parts.part_rule"
