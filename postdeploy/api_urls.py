"""API routes of the ground: the description of the API and its page."""

from django.urls import path

from postdeploy import api_docs

urlpatterns = [
    path("openapi.json", api_docs.openapi_document, name="api_openapi"),
    path("docs", api_docs.docs, name="api_docs"),
]
