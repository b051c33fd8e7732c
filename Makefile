# anteroom: everything a developer or CI runs. Each target installs what it needs.
GO ?= go
export GOFLAGS := -buildvcs=false
export ANTEROOM_VECTORS ?= $(abspath ../shared/vectors)

.PHONY: soak build test check race demo bench bench-mls bench-room bench-hub deps peers interop mls-client clean

build: ## the one binary, in bin/
	$(GO) build -o bin/anteroom ./cmd/anteroom

deps: ## Debian packages that the tests use; none of their daemons is started
	@scripts/deps.sh

check: ## formatting, vet, staticcheck, layers and purity
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "gofmt: $$bad"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test ./internal/layers

test: deps peers check build ## everything, with real servers and real clients
	@GO="$(GO)" scripts/test.sh

soak: ## thousands of seeded histories of three providers; SEEDS=N of each kind, the first with seed FIRST
	ANTEROOM_SIM_SEEDS=$(or $(SEEDS),2000) ANTEROOM_SIM_FIRST=$(or $(FIRST),0) $(GO) test -count=1 -timeout 3h -run TestSeededHistories ./internal/sim

race: deps ## the packages with goroutines under the race detector
	$(GO) test -race -shuffle=on -timeout 1h ./gateway/... ./store/... ./xmpp/component/... ./mimi/mimihttp/... ./mucmap/... ./mls/

peers: interop/peers/node_modules/.package-lock.json ## the MLS implementations that interop/ talks to, from npm

interop/peers/node_modules/.package-lock.json: interop/peers/package-lock.json interop/peers/package.json
	@command -v npm >/dev/null || { echo "peers: Node.js 20 with npm is needed"; exit 1; }
	cd interop/peers && npm ci --no-audit --no-fund
	@touch $@

interop: peers ## our MLS live against other implementations; docs/interop.md says what works
	$(GO) test -count=1 -v ./interop

mls-client: ## our MLS as the gRPC service mls_client on 127.0.0.1:PORT, for the test runner of mlswg/mls-implementations
	$(GO) run ./interop/mlsclient/cmd -port $(or $(PORT),50051)

demo: SERVER ?= $(if $(FEDERATION),ejabberd,prosody)
demo: build ## an XMPP user and an MLS user meet in one room; ONCE=1 ends after it; FEDERATION=1: two anterooms; SERVER=ejabberd, STORE=redis
	@scripts/deps.sh $(SERVER) $(if $(FEDERATION),prosody) $(if $(filter redis,$(STORE)),redis-server)
	$(GO) run ./internal/demo -anteroom bin/anteroom $(if $(ONCE),-once) $(if $(FEDERATION),-federation) -server $(SERVER) $(if $(STORE),-store $(STORE))

bench: bench-mls bench-room bench-hub ## speeds and sizes, each with the orientation it is compared to
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) run ./interop/bench

bench-room: build ## joins, fan-out and memory of rooms behind a fake XEP-0114 server, and beside Prosody and ejabberd; docs/bench.md
	$(GO) run ./internal/bench/roombench

bench-hub: build ## rooms that several providers share: throughput, latency, a large one; docs/bench.md
	$(GO) run ./internal/bench/hubbench

bench-mls: ## MLS groups of 100 to 10,000 members: one table with goals and growth; SIZES=100,1000 for some of them
	$(GO) run ./internal/bench/mlsbench $(if $(SIZES),-sizes $(SIZES))

clean:
	rm -rf bin dist .demo artefacts
