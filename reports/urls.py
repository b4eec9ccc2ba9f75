"""Pages of this floor: the first page, and those below /p/<project>/."""

from django.urls import path

from reports.views import deployments, overview, rulings, summaries

DEPLOYMENT = "p/<slug:project>/deployments/<uuid:deployment>"

urlpatterns = [
    path("", overview.home, name="home"),
    path("p/<slug:project>/", overview.overview, name="overview"),
    path("p/<slug:project>/deployments/", deployments.deployments, name="deployments"),
    path(f"{DEPLOYMENT}/", deployments.deployment, name="deployment"),
    path(f"{DEPLOYMENT}/lessons/", deployments.lesson_add, name="lesson_add"),
    path(f"{DEPLOYMENT}/rulings/", rulings.ruling_add, name="ruling_add"),
    path(f"{DEPLOYMENT}/summary/", summaries.summary, name="summary"),
    path(f"{DEPLOYMENT}/summary.<slug:ending>", summaries.summary_export, name="summary_export"),
    path("p/<slug:project>/summaries/", summaries.summaries, name="summaries"),
]
