# keras_rbm on CPUs: docs/guides/containers.md. Two images, `notebook` and
# `train`, the last one and so the default. A change of the code leaves all
# layers as they are but the last of a few megabytes.

# To pin it to the byte: --build-arg BASE=python:3.11-slim@sha256:...
ARG BASE=python:3.11-slim
FROM $BASE AS base
# Anyone may write to these folders: `--user` can name any user.
RUN useradd --uid 1000 --no-create-home --home-dir /home/rbm rbm \
    && install -d -m 1777 /app/runs /data /home/rbm
ENV HOME=/home/rbm \
    KERAS_BACKEND=tensorflow \
    PATH=/opt/keras_rbm/bin:/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONPATH=/opt/keras_rbm \
    PYTHONUNBUFFERED=1 \
    TFDS_DATA_DIR=/data
WORKDIR /app

FROM base AS packages
RUN python -m venv /opt/venv
COPY requirements.txt /opt/
RUN pip install -r /opt/requirements.txt

FROM packages AS code
COPY . .
RUN pip install --no-deps --target /opt/keras_rbm .

FROM base AS runtime
COPY --from=packages /opt /opt
# What the self-test says holds for half a day.
HEALTHCHECK --interval=1m --timeout=10m --start-period=10m \
    CMD find /tmp/self_test -mmin -720 2>/dev/null | grep -q . \
        || { nice keras-rbm --self_test && touch /tmp/self_test; }

FROM runtime AS notebook
COPY pyproject.toml /opt/
RUN python -c 'import tomllib; \
        project = tomllib.load(open("/opt/pyproject.toml", "rb"))["project"]; \
        print(*project["optional-dependencies"]["notebook"], sep="\n")' \
        > /opt/notebook.txt \
    && pip install -r /opt/notebook.txt -c /opt/requirements.txt
COPY --from=code /opt/keras_rbm /opt/keras_rbm
USER rbm
# A token that is not set, or empty, is refused.
CMD : "${JUPYTER_TOKEN:?set it to something secret}" \
    && exec jupyter lab --ip=0.0.0.0 --no-browser --ServerApp.root_dir=/app

FROM runtime AS train
COPY --from=code /opt/keras_rbm /opt/keras_rbm
USER rbm
ENTRYPOINT ["keras-rbm"]
