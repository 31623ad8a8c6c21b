# `make help` lists the targets.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# Time limit of one package's tests, time of each fuzz target, repetitions of
# `make race`.
TIMEOUT  ?= 20m
FUZZTIME ?= 60s
COUNT    ?= 5

# Simulated schedules of five minutes, and real ones, with that much time for
# faults.
SEEDS     ?= 2000
SCHEDULES ?= 5
DURATION  ?= 20s

LINT_VERSION := v2.15.0
LINT         := bin/golangci-lint-$(LINT_VERSION)

.DEFAULT_GOAL := help
.PHONY: help build generate demo test race lint fuzz sim chaos scenarios leak bench pooling drivers pins stack-up stack-down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/sluice and bin/loadgen
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/sluice ./cmd/node
	$(GO) build -trimpath -o bin/loadgen ./cmd/loadgen

generate: ## write docs/configuration.md from the code
	$(GO) generate ./configs

demo: ## run a node with two embedded SQL servers behind it; needs nothing else
	$(GO) run ./cmd/node demo

# Sessions use other system calls, and reuse more memory, without the race
# detector: their tests run both ways.
test: ## run go vet and all tests with the race detector
	$(GO) vet ./...
	$(GO) test -race -shuffle=on -timeout $(TIMEOUT) ./...
	$(GO) test -shuffle=on -timeout $(TIMEOUT) ./actors/session

race: ## run all tests COUNT times over, for races that show up rarely
	$(GO) test -race -shuffle=on -count=$(COUNT) -timeout $(TIMEOUT) ./...

lint: $(LINT) ## run golangci-lint
	$(LINT) run ./...

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $@

# go test -list prints the targets of a package and then a line "ok <package>".
# Go fuzzes one target at a time.
fuzz: ## run every fuzz target for FUZZTIME each
	@set -e; \
	$(GO) test -list '^Fuzz' ./... > bin/.fuzz-targets || { cat bin/.fuzz-targets; exit 1; }; \
	awk '/^Fuzz/ { t[n++] = $$1 } /^(ok|\?)/ { for (i = 0; i < n; i++) print $$2, t[i]; n = 0 }' bin/.fuzz-targets | \
	while read -r package target; do \
		echo "== $$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$package" < /dev/null; \
	done

fuzz: | bin
bin:
	mkdir -p $@

sim: ## simulate SEEDS schedules of faults of the slot protocol
	$(GO) test -count=1 -timeout 0 -run TestSimulation -v ./limits -sim.seeds=$(SEEDS)

leak: ## compare a million answers through shared backends with those of a client alone
	scripts/leak/run.sh

chaos: ## run SCHEDULES random schedules, DURATION each, of faults against real processes
	scripts/chaos/run.sh --schedules $(SCHEDULES) --duration $(DURATION)

scenarios: ## run the nine scenarios in their short form and write docs/results/scenarios.md
	scripts/scenarios/run.sh all --short

bench: ## compare with a direct connection and with HAProxy, a local grant with a call to Redis, and count those calls
	scripts/bench/run.sh
	$(GO) test -run '^$$' -bench 'GrantLocalSlot|Sync1Bucket' -benchtime 2s ./actors/bucket ./limits/redisledger
	$(GO) test -run '^$$' -bench FleetAcquire -benchtime 10s ./cmd/node

pooling: ## measure transaction pooling and write docs/results/pooling.md
	scripts/bench/pooling.sh

drivers: ## run real SQL Server drivers through a node, and the same without it
	$(GO) test -count=1 -timeout $(TIMEOUT) -run TestDrivers -v ./cmd/node

pins: ## count what keeps a backend for each driver and write docs/results/pins.md
	scripts/drivers/pins.sh

stack-up: ## start 3 nodes, 3 SQL Servers, Redis, HAProxy and Grafana in Docker (ACCEPT_EULA=Y)
	docker/stack.sh up

stack-down: ## end them; their data stays
	docker/stack.sh down

clean: ## remove what was built
	rm -rf bin
