# syntax=docker/dockerfile:1

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/coatcheck
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY alembic ./alembic
COPY src ./src
RUN /opt/coatcheck/bin/pip install -c constraints.txt '.[images,postgres,s3]'

FROM python:3.11-slim
# A fixed id, so that the owner of a mounted directory can be set once and for all.
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin coatcheck \
    && install -d -o coatcheck -g coatcheck -m 0700 /data
COPY --from=build /opt/coatcheck /opt/coatcheck
ENV PATH="/opt/coatcheck/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    COATCHECK_DATA_DIR=/data
USER coatcheck
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/-/health', timeout=4)"]
# The exec form: SIGTERM reaches the server, which finishes the requests in hand and leaves.
ENTRYPOINT ["coatcheck"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
