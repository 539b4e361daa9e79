# Short names for npm scripts; package.json says what each does. ARGS goes on to it: make producer ARGS="--events 500"
.DEFAULT_GOAL := help
.PHONY: help install start dev producer test test-unit test-integration check format lint build bench verify pack \
	docker-up docker-down docker-logs clean

ARGS ?=
# npm takes what follows `--` as the script's own.
PASS = $(if $(ARGS),-- $(ARGS))

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install the dependencies as the lock file has them
	npm ci

start: ## Run all of Sluice on this machine: gateway on 8001, analytics API on 8002
	npm start $(PASS)

dev: start ## The same: it builds what has changed first

producer: ## Send believable traffic: make producer ARGS="--events 500 --rate 50"
	npm run generate $(PASS)

test: ## Everything: types, lint, format, unit and integration tests
	npm test $(PASS)

test-unit: ## Unit tests: offline, fast
	npm run test:unit $(PASS)

test-integration: ## Integration tests, on the real engines
	npm run test:integration $(PASS)

check: ## Types, lint and format
	npm run check

format: ## Format all files
	npm run format

lint: ## Lint alone
	npm run lint

build: ## Build the workspaces
	npm run build

bench: ## Benchmarks: make bench ARGS="sdk-size"
	npm run bench $(PASS)

verify: ## Send, then check through the public API that nothing is lost or doubled
	npm run verify:delivery $(PASS)

pack: ## Make the tarballs that are published, in .cache/packages
	npm run pack $(PASS)

docker-up: ## Run Sluice as services, with stores; then Grafana is on port 3000, Kafka UI on 8080
	npm run docker:up $(PASS)

docker-down: ## Stop the services; their data stays (ARGS=--volumes deletes it)
	npm run docker:down $(PASS)

docker-logs: ## Follow the logs of the services
	npm run docker:logs $(PASS)

clean: ## Remove builds; data and dependencies stay
	npm run clean
