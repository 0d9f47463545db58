# One image for every process: web, worker, GPU worker, beat. docs/operations.md says how to run it.
# GPU workers: docker build --build-arg ACCELERATOR=cuda …
FROM python:3.12-slim-bookworm AS build
ARG ACCELERATOR=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /opt/isoline
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt
# CUDA libraries come from the same TensorFlow release as the pinned wheel.
RUN if [ "$ACCELERATOR" = cuda ]; then \
        pip install "tensorflow[and-cuda]==$(python -c 'import importlib.metadata as m; print(m.version("tensorflow"))')"; \
    fi

FROM python:3.12-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=ecgsite.settings.production \
    ISOLINE_DATA_DIR=/var/lib/isoline
RUN useradd --system --uid 10001 --home-dir /var/lib/isoline --create-home isoline \
    && install --directory --owner isoline --mode 0750 /var/lib/isoline/media
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/isoline
COPY manage.py ./
COPY ecgsite ecgsite
COPY accounts accounts
COPY diagnosis diagnosis
COPY ml ml
COPY templates templates
COPY locale locale
COPY static static
# Static files are the same for every installation; the settings ask for a key and a database that this step never uses.
RUN DATABASE_URL=postgres://unused@localhost/unused ALLOWED_HOSTS=localhost \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    python manage.py collectstatic --noinput
USER isoline
VOLUME /var/lib/isoline
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "ecgsite.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", \
     "--timeout", "120", "--no-control-socket"]
