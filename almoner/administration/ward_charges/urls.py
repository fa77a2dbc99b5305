"""Addresses of the ward charges."""

from __future__ import annotations

from django.urls import path

from almoner.administration.ward_charges.views import building, charges, files, templates

app_name = "ward_charges"

urlpatterns = [
    path("", charges.overview, name="overview"),
    path("new/", building.new, name="new"),
    path("draw/", building.draw, name="draw"),
    path("preview/", building.preview, name="preview"),
    path("save/", building.save, name="save"),
    path("file/", files.download, name="file"),
    path("load/", files.load, name="load"),
    path("templates/new/", templates.new, name="new-template"),
    path("templates/<slug:template_code>/", templates.template, name="template"),
    path("drafts/<slug:charge_code>/", building.draft, name="draft"),
    path("drafts/<slug:charge_code>/discard/", building.discard, name="discard"),
    path("charges/<slug:charge_code>/", charges.charge, name="charge"),
    path("charges/<slug:charge_code>/change/", building.change, name="change"),
    path("charges/<slug:charge_code>/end/", charges.end, name="end"),
]
