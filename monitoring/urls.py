"""Pages of this floor, below /p/<project>/."""

from django.urls import path

from monitoring import views

urlpatterns = [
    path("checks/", views.checks, name="checks"),
    path("checks/new/", views.check_add, name="check_add"),
    path("checks/<int:check>/", views.check, name="check"),
    path("checks/<int:check>/edit/", views.check_edit, name="check_edit"),
    path("checks/<int:check>/pause/", views.check_pause, name="check_pause"),
    path("checks/<int:check>/resume/", views.check_resume, name="check_resume"),
    path("checks/<int:check>/read/", views.check_read, name="check_read"),
    path("checks/<int:check>/delete/", views.check_delete, name="check_delete"),
    path("settings/watching/", views.settings_watching, name="settings_watching"),
]
