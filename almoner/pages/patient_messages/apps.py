from django.apps import AppConfig


class PatientMessagesConfig(AppConfig):
    name = "almoner.pages.patient_messages"
    label = "patient_messages"
