# What a developer types. CI types the same.

GO ?= go
export CGO_ENABLED ?= 0

.PHONY: build demo test check race fuzz bench outcomes bench-quick bench-peers bench-code soak screenshots clean

build: ## one static binary
	$(GO) build -trimpath -ldflags "-s -w" -o rota .

demo: ## a leaking server under load, kept small
	$(GO) run . demo

test: ## every test; servers that are not installed are left out
	$(GO) test -count=1 -timeout 20m ./...

check: ## formatting, vet, staticcheck, both architectures, and every test with the race detector
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags soak ./integration
	$(GO) vet -tags screenshots ./integration
	$(GO) vet -tags peers ./integration/bench
	$(GO) tool staticcheck ./...
	GOARCH=arm64 $(GO) vet ./...
	$(GO) mod tidy -diff
	$(MAKE) race

race: export CGO_ENABLED = 1
race: ## the race detector in the tests, and in the rota that they run
	TEST_RACE=1 $(GO) test -race -count=1 -timeout 20m ./...

fuzz: ## all that parses, for a quarter of a minute each
	@set -e; for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime 15s -fuzzminimizetime 10x $$p; done; done

bench: outcomes ## rota beside what others use for the same, in about 40 minutes: tables in dist/bench.md
	$(GO) build -o dist/ ./integration/bench
	dist/bench -o dist/bench.md

outcomes: ## what comes of days of simulated leaks, and of what is none, in a minute
	$(GO) test -run '^$$' -bench '^BenchmarkMemoryOutcomes$$' -benchtime 1x ./policy

bench-quick: ## a shorter look at the same, in less than 5 minutes: tables in dist/bench-quick.md
	$(GO) build -o dist/ ./integration/bench
	dist/bench -quick -o dist/bench-quick.md

bench-peers: ## whether what rota is set beside starts, rolls and ends as it should, as far as it is installed
	$(GO) test -count=1 -tags peers -timeout 20m ./integration/bench

bench-code: ## what rota's own parts take
	$(GO) test -run '^$$' -bench . -benchtime 1x ./integration
	$(GO) test -run '^$$' -bench . ./policy/... ./procstats ./listener/front ./supervisor/...

soak: ## ten minutes of cycles under load that never waits, then leaks in containers: nothing may be lost
	$(GO) test -count=1 -tags soak -run '^(TestSoak|TestLeakInContainer)$$' -timeout 30m -v ./integration

screenshots: ## pictures of the dashboard, at three sizes and in both themes, in dist/screenshots
	SCREENSHOTS=$(CURDIR)/dist/screenshots $(GO) test -count=1 -tags screenshots -run '^TestScreenshots$$' -timeout 10m -v ./integration

clean:
	rm -f rota
