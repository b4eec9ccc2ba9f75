"""Pages of this floor, below /p/<project>/."""

from django.urls import path

from monitoring import views
from monitoring.views import alerts, check_form, objectives, pulled, rules

urlpatterns = [
    path("checks/", views.all_checks, name="checks"),
    path("checks/bulk/", views.checks_bulk, name="checks_bulk"),
    path("checks/new/", check_form.check_add, name="check_add"),
    path("checks/read-lines/", check_form.check_read_lines, name="check_read_lines"),
    path("checks/<int:check>/", views.check, name="check"),
    path("checks/<int:check>/edit/", check_form.check_edit, name="check_edit"),
    path("checks/<int:check>/pause/", views.check_pause, name="check_pause"),
    path("checks/<int:check>/resume/", views.check_resume, name="check_resume"),
    path("checks/<int:check>/read/", views.check_read, name="check_read"),
    path("checks/<int:check>/delete/", views.check_delete, name="check_delete"),
    path("sources/new/<slug:kind>/", pulled.pulled_add, name="pulled_add"),
    path("sources/<int:source>/", pulled.pulled_source, name="pulled_source"),
    path("sources/<int:source>/edit/", pulled.pulled_edit, name="pulled_edit"),
    path("sources/<int:source>/pause/", pulled.pulled_pause, name="pulled_pause"),
    path("sources/<int:source>/resume/", pulled.pulled_resume, name="pulled_resume"),
    path("sources/<int:source>/fetch/", pulled.pulled_now, name="pulled_now"),
    path("sources/<int:source>/delete/", pulled.pulled_delete, name="pulled_delete"),
    path("settings/watching/", views.settings_watching, name="settings_watching"),
    path("alerts/", rules.alerts, name="alerts"),
    path("alerts/history/", alerts.alert_history, name="alert_history"),
    path("alerts/<int:alert>/", alerts.alert, name="alert"),
    path("alerts/<int:alert>/answer/", alerts.alert_answer, name="alert_answer"),
    path("alerts/rules/new/", rules.rule_add, name="rule_add"),
    path("alerts/rules/preview/", rules.rule_preview, name="rule_preview"),
    path("alerts/rules/suggested/", rules.rule_suggested, name="rule_suggested"),
    path("alerts/rules/<int:rule>/", rules.rule, name="rule"),
    path("alerts/rules/<int:rule>/edit/", rules.rule_edit, name="rule_edit"),
    path("alerts/rules/<int:rule>/switch/", rules.rule_switch, name="rule_switch"),
    path("alerts/rules/<int:rule>/delete/", rules.rule_delete, name="rule_delete"),
    path("alerts/objectives/", objectives.objectives, name="objectives"),
    path("alerts/objectives/new/", objectives.objective_add, name="objective_add"),
    path("alerts/objectives/<int:objective>/edit/", objectives.objective_edit, name="objective_edit"),
    path("alerts/objectives/<int:objective>/guard/", objectives.objective_guard, name="objective_guard"),
    path("alerts/objectives/<int:objective>/delete/", objectives.objective_delete, name="objective_delete"),
]
