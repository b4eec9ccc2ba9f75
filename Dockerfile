# What runs in production: non-root, no compiler, no embedded servers, static files collected and hashed.
# The Python here is the one the tests run on.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/postdeploy
COPY requirements/production.txt /tmp/production.txt
RUN /opt/postdeploy/bin/pip install --require-hashes --only-binary :all: -r /tmp/production.txt
COPY . /app
WORKDIR /app
# The key signs nothing here: collecting files only needs that there is one.
RUN SECRET_KEY=only-for-collecting VAR=/tmp/var STATIC_ROOT=/app/collected STATIC_COLLECTED=1 \
    /opt/postdeploy/bin/python manage.py collectstatic --noinput --verbosity 0 \
 && /opt/postdeploy/bin/python -m compileall -q /app

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 postdeploy \
 && useradd --uid 10001 --gid postdeploy --home-dir /var/lib/postdeploy --shell /usr/sbin/nologin postdeploy \
 && install -d -o postdeploy -g postdeploy -m 0700 /var/lib/postdeploy
COPY --from=build /opt/postdeploy /opt/postdeploy
COPY --from=build /app /app
ENV PATH=/opt/postdeploy/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR=/var/lib/postdeploy \
    STATIC_ROOT=/app/collected \
    STATIC_COLLECTED=1 \
    LOG_FORMAT=json
WORKDIR /app
USER postdeploy
VOLUME /var/lib/postdeploy
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers", "--log-config", "postdeploy/granian.json", \
     "postdeploy.wsgi:application"]
