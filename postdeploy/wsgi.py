"""The WSGI entry point; any WSGI server works, granian is what we run."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postdeploy.settings")
application = get_wsgi_application()
# What is loaded stays: the collector need not look through all of it again and again while requests wait.
resolve("/healthz")
gc.collect()
gc.freeze()
