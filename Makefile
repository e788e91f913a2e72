# make lists the targets. Only Go and make are needed; test-net needs root, race a C compiler.

GO  ?= go
# The node of "make run" lives here, so that trying a clone touches nothing else.
MUSTER_DIR ?= $(CURDIR)/.muster

.PHONY: help run demo build test race test-net bench fmt check

help: ## list the targets
	@echo 'make TARGET, where TARGET is'
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 12

run: build ## build and run a node here, in the foreground; ctrl-C ends it
	@echo
	@echo 'Starting a node in $(MUSTER_DIR); it is ready when it says so. Then, in another terminal:'
	@echo
	@echo '  export MUSTER_DIR=$(MUSTER_DIR) PATH=$(CURDIR)/bin:$$PATH'
	@echo '  muster declare "checkout 500s" --sev 2    open an incident; you command it'
	@echo '  muster                                    who you are, what you owe, what to do next'
	@echo '  muster help first-five-minutes            how others join, and the rest'
	@echo
	@exec ./bin/muster up --dir '$(MUSTER_DIR)'

demo: build ## three nodes, a cut network, the heal: about a minute to watch
	@exec ./bin/muster demo

build: ## build ./bin/muster, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/muster ./cli/muster

test: ## all tests that need no root
	$(GO) test ./...

race: ## the same under the race detector
	CGO_ENABLED=1 $(GO) test -race ./...

test-net: ## real network namespaces: cuts, discovery, changing addresses; needs root
	$(GO) test -count=1 -v ./node/nettest/...

bench: ## measure writes, sync, idle cost, start
	$(GO) test -run '^$$' -bench . ./...

fmt: ## format all Go files
	$(GO) tool gofumpt -l -w .

check: ## format, vet, staticcheck, errcheck, dead code, the rules between packages
	@out=$$($(GO) tool gofumpt -l .) && if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) tool errcheck ./...
	@out=$$($(GO) tool deadcode -test ./...) && if [ -n "$$out" ]; then echo "dead code:"; echo "$$out"; exit 1; fi
	$(GO) test -count=1 ./node/archtest
