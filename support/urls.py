"""Pages of this floor, below /p/<project>/."""

from django.urls import path

from support.views import acts, channels, guides, log, settings, structure

urlpatterns = [
    path("issues/", log.issues, name="issues"),
    path("issues/new/", log.issue_add, name="issue_add"),
    path("issues/<str:reference>/", log.issue, name="issue"),
    path("issues/<str:reference>/edit/", acts.issue_edit, name="issue_edit"),
    path("issues/<str:reference>/comment/", acts.issue_comment, name="issue_comment"),
    path("issues/<str:reference>/move/", acts.issue_move, name="issue_move"),
    path("issues/<str:reference>/escalate/", acts.issue_escalate, name="issue_escalate"),
    path("support/", structure.support, name="support"),
    path("guides/", guides.guides, name="guides"),
    path("guides/new/", guides.guide_add, name="guide_add"),
    path("guides/<slug:guide>/", guides.guide, name="guide"),
    path("guides/<slug:guide>/edit/", guides.guide_edit, name="guide_edit"),
    path("settings/support/", settings.settings_support, name="settings_support"),
    path("settings/support/channels/new/", channels.channel_add, name="channel_add"),
    path("settings/support/channels/<int:channel>/", channels.channel_edit, name="channel_edit"),
    path("settings/support/channels/<int:channel>/test/", channels.channel_test, name="channel_test"),
    path("settings/support/channels/<int:channel>/switch/", channels.channel_switch, name="channel_switch"),
    path("settings/support/channels/<int:channel>/secret/", channels.channel_secret, name="channel_secret"),
    path("settings/support/channels/<int:channel>/delete/", channels.channel_delete, name="channel_delete"),
]
