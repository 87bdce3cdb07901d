# One file, four images: devnet (anvil from npm), contracts (compile and deploy), server (server, facilitator, worker,
# migrations) and agent. Base images can be replaced by build arguments.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS node-packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE} AS devnet
RUN useradd --system --uid 10001 paddock
COPY --from=node-packages /app/node_modules/@foundry-rs /app/node_modules/@foundry-rs
RUN ln -s /app/node_modules/@foundry-rs/anvil-*/bin/anvil /usr/local/bin/anvil
USER paddock
EXPOSE 8545
CMD ["anvil", "--host", "0.0.0.0", "--port", "8545", "--block-time", "1", "--mixed-mining", \
     "--max-persisted-states", "300", "--cache-path", "/tmp/states"]

FROM ${PYTHON_IMAGE} AS python-base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --uid 10001 --create-home paddock
WORKDIR /app

FROM python-base AS contracts
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 && rm -rf /var/lib/apt/lists/*
COPY requirements/contracts.txt requirements/
RUN pip install --require-hashes -r requirements/contracts.txt
COPY --from=node-packages /usr/local/bin/node /usr/local/bin/node
COPY --from=node-packages /app/node_modules node_modules
COPY package.json package-lock.json ape-config.yaml foundry.toml ./
COPY protocol protocol
COPY contracts contracts
COPY scripts scripts
RUN mkdir -p deployments var && chown paddock deployments var
USER paddock
# Compiled here once; the deploy job finds it by its source hash.
RUN python -m scripts.compile
CMD ["python", "-m", "scripts.deploy"]

FROM python-base AS server
# For services that draw documents: nearly 290 MB and its libraries, without those of a desktop.
RUN apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell && rm -rf /var/lib/apt/lists/*
COPY requirements/server.txt requirements/
RUN pip install --require-hashes -r requirements/server.txt
COPY README.md ARCHITECTURE.md SECURITY.md CONTRIBUTING.md networks.toml ./
COPY docs docs
COPY templates templates
COPY protocol protocol
COPY server server
RUN mkdir -p deployments var && chown paddock deployments var
USER paddock
EXPOSE 8402
CMD ["python", "-m", "server.cli", "serve"]

FROM server AS agent
COPY --chown=root scripts scripts
COPY --chown=root agent agent
CMD ["python", "-m", "agent.cli", "--help"]
