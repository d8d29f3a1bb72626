# One image for web, worker, beat and migrations; the target `sandbox` adds what the vendor sandbox needs.

FROM python:3.11-slim AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
RUN /opt/venv/bin/pip install --constraint constraints.txt .


FROM dependencies AS sandbox-dependencies
RUN /opt/venv/bin/pip install --constraint constraints.txt '.[sandbox]'


FROM python:3.11-slim AS base
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin cloudtill \
    && install --directory --owner cloudtill /data /data/media
WORKDIR /app
COPY . .


FROM base AS sandbox
COPY --from=sandbox-dependencies /opt/venv /opt/venv
USER cloudtill
EXPOSE 8080
CMD ["python", "-m", "sandbox", "--host", "0.0.0.0", "--port", "8080", "--data", "/data/sandbox.sqlite3"]


FROM base AS app
COPY --from=dependencies /opt/venv /opt/venv
# Settings want to know where rows and messages are, and a key; collecting files uses none of them.
RUN SECRET_KEY=unused DATABASE_URL=postgresql://unused/unused REDIS_URL=redis://unused python manage.py collectstatic --noinput
ENV MEDIA_DIR=/data/media WEB_CONCURRENCY=2
USER cloudtill
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/healthz', timeout=4)"]
CMD ["gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--threads", "4", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
