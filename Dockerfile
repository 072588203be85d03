# The gateway (target `gateway`) and the demo cluster (target `demo`). What changes often comes last.

FROM python:3.11-slim-bookworm AS python
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

FROM python AS gateway_packages
COPY requirements.lock docker/gateway_lock.awk /
# Without what only the demo's classifier needs: nine tenths of the size.
RUN awk -f /gateway_lock.awk /requirements.lock > /gateway.lock \
 && python -m venv /opt/venv && /opt/venv/bin/pip install -q --no-deps --require-hashes -r /gateway.lock \
 && /opt/venv/bin/pip check && /opt/venv/bin/pip uninstall -q -y pip setuptools

FROM python AS gateway
RUN apt-get update -qq \
 && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    nginx-light=1.22.* libnginx-mod-http-lua=1:0.10.* openssh-client=1:9.2* socat=1.7.* tini=0.19.* \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --from=gateway_packages /opt/venv /opt/venv
# ssh runs for known users only.
ARG ML_SERVICE_UID=1000
RUN useradd --uid "$ML_SERVICE_UID" --home-dir /tmp --no-create-home --shell /bin/sh orchestrator \
 && install -d -m 700 -o orchestrator -g orchestrator /app/var /app/spool \
 && ln -s var/.env /app/.env
COPY docker/service /usr/local/sbin/
COPY docker/orchestrator docker/healthy docker/copy_configuration /usr/local/bin/
COPY docker/demo_login.conf .env_template /app/
COPY nginx /app/nginx
COPY service_management /app/service_management
RUN python -m compileall -q /app/service_management
ENV PATH=/usr/local/sbin:/opt/venv/bin:$PATH PYTHONPATH=/app HOME=/tmp \
    RUN_DIR=/run/io STATE_DIR=/app/var SPOOL_DIR=/app/spool \
    ML_SERVICE_SSH_BIND_MOUNT=/app/ssh SERVICES_CONFIG=/config/services_config.json
WORKDIR /app
USER orchestrator
EXPOSE 80
ENTRYPOINT ["tini", "--"]
CMD ["orchestrator", "run", "--also", "/app/demo_login.conf"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["healthy"]

FROM python AS demo_packages
COPY requirements.lock /
RUN python -m venv /opt/venv && /opt/venv/bin/pip install -q --require-hashes -r /requirements.lock

FROM python AS demo
RUN apt-get update -qq \
 && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    slurmctld=22.05.* slurmd=22.05.* slurm-client=22.05.* munge=0.5.* \
    openssh-server=1:9.2* openssh-client=1:9.2* iproute2=6.1.* tini=0.19.* \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
COPY --from=demo_packages /opt/venv /opt/venv
COPY docker/demo_cluster /usr/local/bin/
COPY demo /app/demo
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
ENTRYPOINT ["tini", "--", "demo_cluster"]
