# The shop's page, served by an unprivileged Caddy (deploy/storefront/Caddyfile tells its settings).
ARG NODE_IMAGE=node:20-bookworm-slim
ARG CADDY_IMAGE=caddy:2.11

FROM ${NODE_IMAGE} AS page
WORKDIR /page
COPY services/storefront/package.json services/storefront/package-lock.json services/storefront/.npmrc ./
RUN npm ci --no-progress
COPY services/storefront ./
RUN npm run build

FROM ${CADDY_IMAGE} AS server
# The copy has no file capability for ports below 1024: with all capabilities dropped, a program that
# has one is not started at all.
RUN cp "$(command -v caddy)" /caddy

FROM ${CADDY_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Recompose storefront" \
      org.opencontainers.image.description="The shop's page, with the API behind it under one origin" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=server --chmod=755 /caddy /usr/bin/caddy
COPY --chmod=444 deploy/storefront/Caddyfile /etc/caddy/Caddyfile
COPY --chmod=555 deploy/storefront/serve.sh /usr/bin/serve
COPY --from=page /page/dist /srv/storefront
ENV PORT=8080 \
    STOREFRONT_ROOT=/srv/storefront \
    XDG_CONFIG_HOME=/tmp \
    XDG_DATA_HOME=/tmp
WORKDIR /srv/storefront
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --retries=3 \
    CMD ["/bin/sh", "-c", "wget -q -O /dev/null http://127.0.0.1:$PORT/healthz"]
CMD ["/usr/bin/serve"]
