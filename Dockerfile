# The image of mxcp: docker build -t mxcp .
#
# A project is mounted at /mxcp-site, or copied there by the Dockerfile that `mxcp init --docker` writes. Everything that a
# server can be told is a variable or an option; docs/operations/deployment.md has the details.
#
# A tag of the official images may be built again with newer packages. To pin the bytes, append `@sha256:…` to both.
ARG NODE_IMAGE=docker.io/library/node:24.22.3-bookworm-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:12.15-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /packages
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE} AS build
WORKDIR /build
# The packages first: they change seldom, so their layer is mostly found in the cache.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# What runs, and nothing else.
RUN npm run build && mkdir /opt/mxcp && mv package.json LICENSE bin dist templates /opt/mxcp/

FROM ${DEBIAN_IMAGE}
# curl for health checks over the admin socket, tini to forward signals and to reap what Python code leaves behind.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl libstdc++6 python3 python3-venv tini \
 && rm -rf /var/lib/apt/lists/*

# Python endpoints run in this environment unless the project has its own `.venv`. Packages for them, separated by spaces:
# docker build --build-arg PYTHON_PACKAGES='numpy pandas' …
ARG PYTHON_PACKAGES=""
RUN python3 -m venv /opt/python \
 && if [ -n "$PYTHON_PACKAGES" ]; then /opt/python/bin/pip install --no-cache-dir $PYTHON_PACKAGES; fi

# The numbers are part of the interface: volumes belong to them. They are the ones that images of the Python implementation use.
RUN groupadd --gid 1000 mxcp \
 && useradd --uid 1000 --gid mxcp --create-home --home-dir /home/mxcp --shell /usr/sbin/nologin mxcp \
 # A new named volume takes owner and mode from here, so the server can create its sockets in it.
 && install -d -o mxcp -g mxcp -m 0755 /run/mxcp /run/mxcp-probe /mxcp-site /mxcp-site/data /data

COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /packages/node_modules /opt/mxcp/node_modules
COPY --from=build /opt/mxcp /opt/mxcp
RUN ln -s /opt/mxcp/bin/mxcp /usr/local/bin/mxcp

ENV PATH=/opt/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    MXCP_HOST=0.0.0.0 \
    MXCP_ADMIN_ENABLED=true \
    MXCP_ADMIN_SOCKET=/run/mxcp/mxcp.sock \
    MXCP_ADMIN_PROBE_SOCKET=/run/mxcp/probe.sock \
    MXCP_ADMIN_PROBE_SOCKET_MODE=0666

USER mxcp:mxcp
WORKDIR /mxcp-site
# A small project, so that the image answers at once. A mounted project hides it. One that is copied here brings its own
# `mxcp-site.yml`, and then nothing of the hidden folder is read.
RUN mxcp init --project welcome . && mv tools .welcome && rm .gitignore && printf 'paths:\n  tools: .welcome\n' >> mxcp-site.yml

EXPOSE 8000
STOPSIGNAL SIGTERM
# Healthy means ready: calls would be served now.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["mxcp", "admin", "ready"]
ENTRYPOINT ["tini", "--"]
CMD ["mxcp", "serve"]

# Last, because they change with every build.
ARG MXCP_VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="mxcp" \
      org.opencontainers.image.description="Serve a folder of SQL and Python endpoints over embedded DuckDB to AI clients" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$MXCP_VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
