# One image for every part of the service; the command says which part a container runs:
#
#   docker build --tag holdfast .
#   docker run --init --env REDIS_URL --env DATABASE_URL holdfast migrate
#   docker run --init --env REDIS_URL --env DATABASE_URL holdfast keys create --name shop --scopes reservations:write
#   docker run --init --env REDIS_URL --env DATABASE_URL --publish 3000:3000 holdfast
#
# docker-compose.yml runs them together, with the servers they need.
#
# Node 22 is the oldest that all production dependencies support.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json vite.config.ts ./
COPY scripts scripts
COPY prisma prisma
COPY src src
RUN npm run build
# Prisma's command line and TypeScript are optional peers of Prisma's client, so that leaving out the
# development dependencies alone would keep them and two thirds of the size.
RUN npm prune --omit=dev --omit=optional

FROM node:22-bookworm-slim
WORKDIR /app
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY lua lua
COPY prisma/migrations prisma/migrations

# A container is reached from outside only when the service listens beyond loopback, and then it
# refuses to start until there is an API key. Commands that do not listen (worker, migrate) need none.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
EXPOSE 3000

# The files above belong to root: the service cannot change its own code.
USER node

# For the api; switch it off (--no-healthcheck) for what does not listen.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# Without a shell between, so that SIGTERM reaches node, which finishes the calls in flight.
ENTRYPOINT ["node", "dist/main.js"]
CMD ["api"]
