"""Pages of this floor, below /p/<project>/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
