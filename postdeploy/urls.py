"""The URL table: who answers what. Floors are named by string only."""

from django.contrib import admin
from django.urls import include, path

from postdeploy import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("account/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("postdeploy.api_urls")),
    path("api/v1/", include("deployments.api_urls")),
    path("api/v1/", include("monitoring.api_urls")),
    path("api/v1/", include("monitoring.ingest.urls")),
    path("api/v1/", include("issues.api_urls")),
    path("api/v1/", include("reports.api_urls")),
    path("", include("monitoring.root_urls")),
    path("", include("reports.urls")),
    path("", include("deployments.root_urls")),
    path("p/<slug:project>/", include("deployments.urls")),
    path("p/<slug:project>/", include("monitoring.urls")),
    path("p/<slug:project>/", include("support.urls")),
]

handler400 = "postdeploy.views.bad_request"
handler403 = "postdeploy.views.forbidden"
handler404 = "postdeploy.views.not_found"
handler500 = "postdeploy.views.server_error"
