"""The WSGI entry point; any WSGI server works, granian is what we run."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postdeploy.settings")
application = get_wsgi_application()
