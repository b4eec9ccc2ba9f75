"""The ground as a Django app: it owns the commands and connects the wiring."""

from django.apps import AppConfig
from django.utils.module_loading import import_string

from postdeploy import wiring
from postdeploy.lib.bells import connect


class PostdeployConfig(AppConfig):
    """Connects each bell of `wiring.BELLS` to its task."""

    name = "postdeploy"
    verbose_name = "Postdeploy"

    def ready(self) -> None:
        """Connect the wiring; tasks stay names, so no floor's tasks are imported here."""
        for bell, task in wiring.BELLS:
            connect(import_string(bell), task)
