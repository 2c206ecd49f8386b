# wsq in a container. It serves the dashboards; for the scheduler, run `wsq-process --watch 30` in a second one.
# See docs/deployment.md.
# Packages are pinned by uv.lock. To pin the base image too, build with its digest, which changes with each of its
# updates: docker build --build-arg BASE=python:3.11-slim@sha256:…
ARG BASE=python:3.11-slim
FROM ${BASE}

WORKDIR /src
ENV PIP_NO_CACHE_DIR=1
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY deploy deploy
COPY wsq wsq
COPY notebooks notebooks
RUN sh deploy/install server \
    && useradd --create-home --uid 10001 wsq && install -d -o wsq -g wsq /data

USER wsq
WORKDIR /data
ENV PORT=8080 WSQ_DATABASE=/data/team.duckdb WSQ_USERS=/data/users.json
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD \
    ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
CMD ["sh", "-c", "wsq init && exec wsq serve --no-scheduler --address 0.0.0.0 --port \"$PORT\" --origin \"$WSQ_ORIGIN\""]
