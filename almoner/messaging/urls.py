"""The address in every email by which its reader ends them."""

from __future__ import annotations

from django.urls import path

from almoner.messaging import views

app_name = "messaging"

urlpatterns = [path("stop/<str:ticket>/", views.stop, name="stop")]
