# triggerd: build, run and test. `make help` lists the targets.

GO          ?= go
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS      = -X main.version=$(VERSION)
RUN         ?= .
export ONLY QUICK BASE
KILLS       ?= 1000
MINUTES     ?= 30
# Virtual hours of chaos in `make soak`: 24 in the whole soak, none in a shorter one.
HOURS       ?= $(if $(filter filefile,$(origin KILLS)$(origin MINUTES)),24,0)

# The race detector runs where goroutines meet; the lab runs real processes.
UNIT = $(shell $(GO) list ./... | grep -v /testenv)

.PHONY: help build run test compile unit chaos lab soak bench bench-compare lint cross tools fuzz mutants docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## build bin/triggerd
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/triggerd ./cmd/triggerd

run: build ## build and start a whole cluster on this machine, as yourself: triggerd dev
	bin/triggerd dev

test: ## everything: unit, property, in-process clusters, and the lab
	@$(MAKE) --no-print-directory --output-sync=line -j2 tools compile # on a fresh machine one waits for the network, the other computes
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory --output-sync=line -j2 chaos lab # the lab mostly waits

compile: build ## compile what the tests start
	@$(GO) build -race ./cmd/triggerd ./internal/daemon # two, so that nothing is linked

unit: ## tests without network namespaces, with the race detector
	$(GO) test -race -timeout 10m $(UNIT)
	$(GO) test -run 'Hostile|NothingThatAnotherCustomerDoes' ./bgp ./cli

chaos: ## two virtual hours of faults and changes in a cluster, without the race detector; its seed is printed
	$(GO) test -count=1 -v -run 'TestChaos' ./consensus

lab: tools ## scenarios with real routers in network namespaces; RUN=REGEXP chooses
	$(GO) test -timeout 20m -count=1 -run '$(RUN)' ./testenv/...

soak: build ## kill -9 a real cluster KILLS times, break it for MINUTES more; SEED=N repeats a plan; HOURS=N of virtual chaos first
	@[ "$(HOURS)" = 0 ] || CONSENSUS_CHAOS=$(HOURS)h $(GO) test -count=1 -timeout 0 -v -run 'TestChaos' ./consensus
	@$(GO) build -o bin/soak ./testenv/soak/cmd
	@bin/soak -binary bin/triggerd -kills $(KILLS) -minutes $(MINUTES)

bench: tools build ## measure beside FRR, BIRD, ...; ONLY=REGEXP of section/part/row, QUICK=1 in five minutes
	@$(GO) build -o bin/bench ./testenv/bench/cmd
	@bin/bench -binary bin/triggerd -json bin/bench.json -doc docs/performance.md

bench-compare: ## micro-benchmarks beside the newest tag, or BASE=REVISION, by benchstat
	@$(GO) build -o bin/bench ./testenv/bench/cmd
	@bin/bench -compare

lint: cross ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

cross: ## compile for the other platforms
	GOOS=freebsd $(GO) build -o /dev/null ./cmd/triggerd
	GOOS=darwin $(GO) build -o /dev/null ./cmd/triggerd

tools: ## install the Debian packages that the lab needs, as root; else say what is skipped
	@sh testenv/install.sh

fuzz: ## every fuzz target for FUZZTIME (default 20s)
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz'); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(or $(FUZZTIME),20s) $$p || exit 1; \
	  done; done

mutants: ## break each rule of internal/rtbh in turn and see that its tests notice (15 minutes)
	$(GO) run ./testenv/mutants

docs: ## write the generated manual, docs/cli.md, anew
	$(GO) test ./cli -run Manual -update

clean: ## remove what was built
	rm -rf bin
