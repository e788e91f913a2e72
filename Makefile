# make lists the targets. Only Go and make are needed; test-net and faults need root, race a C compiler.

GO  ?= go
# How many simulated bad days, and which one alone; 0: all of them.
SEEDS ?= 5000
SEED ?= 0
# How long each fuzz target runs.
TIME ?= 20s
# The node of "make run" lives here, so that trying a clone touches nothing else.
MUSTER_DIR ?= $(CURDIR)/.muster

.PHONY: help run demo build test race sim test-net faults bench fuzz bounds fmt check

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
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/muster ./cli/muster

test: ## all tests that need no root
	$(GO) test -timeout 20m ./...

# One thread for each package, as many packages at a time as there are processors: in Go 1.26 timers of one bubble of virtual
# time that fire at once on two threads share a context of the race detector, which ends the process.
race: ## the same under the race detector
	CGO_ENABLED=1 GOMAXPROCS=1 $(GO) test -race -p $$(getconf _NPROCESSORS_ONLN) -timeout 45m ./...

sim: ## SEEDS simulated bad days of a team, each drawn from its seed; SEED=n replays one of them, with a transcript
	$(GO) test ./node/sim -count=1 -v -timeout 6h -run TestSeeds -seeds $(SEEDS) -seed $(SEED)

test-net: ## real network namespaces: cuts, discovery, changing addresses; needs root
	$(GO) test -tags netns -count=1 -v -timeout 30m ./node/nettest

# FAULTS='-kills 5 -partitions 1' shortens it; "go doc muster/node/faults" says more.
faults: ## crashes, power cuts, full and rotten disks, clones, partitions on the real program; needs root
	$(GO) test -tags faults -count=1 -timeout 30m ./node/faults -v $(FAULTS)

bench: ## measure writes, sync, idle cost, start
	$(GO) test -run '^$$' -bench . ./...

# One target at a time: go test runs one only. A crasher stays in the testdata of its package, where "make test" tries it.
# When a busy machine is late to stop at TIME, go test calls that a failure too, but writes no input.
fuzz: ## every fuzz target for TIME each (make fuzz TIME=20s)
	@$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./... | while read -r dir; do \
		for target in $$(cat "$$dir"/*_test.go | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do \
			out=$$(cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime '$(TIME)' -fuzzminimizetime 1s -parallel 2 . 2>&1) || \
			{ echo "$$out" | grep -q '^ *context deadline exceeded$$' && ! echo "$$out" | grep -q 'Failing input'; } || { \
				echo "$$out"; echo "FAIL $${dir#$(CURDIR)/} $$target: the input is in $${dir#$(CURDIR)/}/testdata/fuzz/$$target"; exit 1; }; \
			echo "$${dir#$(CURDIR)/} $$target: $$(echo "$$out" | sed -n 's/^fuzz: elapsed: [^,]*, \(execs: [0-9]*\).*/\1/p' | tail -n 1)"; \
		done || exit 1; \
	done

bounds: ## flood a node as an outsider and as a member gone bad, two seconds each, and print what a person then feels
	$(GO) test -count=1 -v ./node/bounds -bounds.span=2s

fmt: ## format all Go files
	$(GO) tool gofumpt -l -w .

check: ## format, vet, staticcheck, errcheck, dead code, the rules between packages
	@out=$$($(GO) tool gofumpt -l .) && if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags netns ./node/nettest
	$(GO) vet -tags faults ./node/faults
	$(GO) tool staticcheck ./...
	$(GO) tool staticcheck -tags netns ./node/nettest
	$(GO) tool staticcheck -tags faults ./node/faults
	$(GO) tool errcheck ./...
	$(GO) tool errcheck -tags netns ./node/nettest
	$(GO) tool errcheck -tags faults ./node/faults
	@out=$$($(GO) tool deadcode -test ./...) && if [ -n "$$out" ]; then echo "dead code:"; echo "$$out"; exit 1; fi
	$(GO) test -count=1 ./node/archtest
