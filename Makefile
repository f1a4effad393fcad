# Signet's build driver. `make help` lists the targets.
#
# Everything works in a fresh clone with empty caches, as root or not, with or
# without a terminal. Tools are pinned in tools/go.mod, a module of its own, so
# that they never influence what the product is built from.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export GOTOOLCHAIN := local
# We stamp version and commit ourselves; Go's own stamping fails in a clone that
# belongs to another user.
export GOFLAGS := $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false

GO      ?= go
GIT     := git -c safe.directory='*'
DATA    ?= ./signet-data
VERSION ?= $(shell $(GIT) describe --tags --match 'v*' --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell $(GIT) rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

APP     := github.com/signet-scheduler/signet/internal/app
LDFLAGS := -s -w -X $(APP).Version=$(VERSION) -X $(APP).Commit=$(COMMIT)
TOOLS   := bin/tools

# TEST_TIMEOUT bounds the tests of one package, ARGS is handed to go test.
TEST_TIMEOUT ?= 10m
ARGS         ?=

# ------------------------------------------------------------------ everyday

.PHONY: help
help: ## list these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: web/dist/index.html ## build bin/signet: one static program
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/signet ./cmd/signet

# The pages. npm puts nothing of its own into the repository: no script of a package
# runs, and what is installed is what the lock file names.
WEB := $(shell $(GIT) ls-files --cached --others --exclude-standard web | grep -v '^web/dist/')

web/node_modules/.package-lock.json: web/package.json web/package-lock.json web/.npmrc
	@cd web && npm ci --ignore-scripts --no-audit --no-fund --silent
	@echo 'module node_modules // so that ./... leaves out the Go files that some package has' >web/node_modules/go.mod
	@touch $@

web/dist/index.html: web/node_modules/.package-lock.json $(WEB)
	@cd web && npm run --silent build -- --logLevel warn

.PHONY: run
run: build ## build, then play a whole installation on this machine in ./signet-data (DATA=DIR for another)
	@exec bin/signet dev --data '$(DATA)'

.PHONY: test
test: prerequisites build $(TOOLS)/testsum ## run all tests, with the race detector and all invariants checked
	@{ CGO_ENABLED=1 SIGNET_BIN='$(CURDIR)/bin/signet' $(GO) test -json -race -tags invariants -timeout $(TEST_TIMEOUT) $(ARGS) ./... || true; \
	   SIGNET_SIM_SEEDS=2000 CGO_ENABLED=0 $(GO) test -json -tags invariants -timeout $(TEST_TIMEOUT) -run '^Test(Simulation|BugsAreFound|StoryIsRepeatable)$$' ./test/sim/campaign/ || true; \
	   (cd tools && CGO_ENABLED=0 $(GO) test -json -timeout $(TEST_TIMEOUT) ./...) || true; \
   $(call vitest,web); $(call vitest,browser,-c vitest.e2e.config.ts); } 2>&1 | $(TOOLS)/testsum

# vitest reports its tests as go test does; that it couldn't run at all is a failure, too.
vitest = (cd web && SIGNET_BIN='$(CURDIR)/bin/signet' npx --no-install vitest run $(2) --reporter=./build/report.mjs || echo '{"Action":"fail","Package":"vitest: $(1)"}')

.PHONY: test-web
test-web: build $(TOOLS)/testsum ## run the tests of the pages only: units, then a real browser against real parts
	@{ $(call vitest,web); $(call vitest,browser,-c vitest.e2e.config.ts); } 2>&1 | $(TOOLS)/testsum

.PHONY: screenshots
screenshots: build ## take pictures of every page, light and dark, wide and narrow, into bin/screenshots
	@cd web && SIGNET_BIN='$(CURDIR)/bin/signet' npx --no-install vitest run -c vitest.screens.config.ts

.PHONY: test-short
test-short: $(TOOLS)/testsum ## run the quick tests only, without race detector and installed peers
	@{ $(GO) test -json -short -tags invariants -timeout 3m $(ARGS) ./... || true; } 2>&1 | $(TOOLS)/testsum

.PHONY: sim
sim: ## simulate whole clusters with everything going wrong: SEEDS=N worlds from seed FIRST=S on, on all processors
	@mkdir -p bin
	@CGO_ENABLED=0 $(GO) build -tags invariants -o bin/simulate ./test/sim/simulate
	@bin/simulate -seeds $(or $(SEEDS),2000) -first $(or $(FIRST),1) $(ARGS)
	@CGO_ENABLED=0 $(GO) test -count=1 -tags invariants -timeout 120m -run Simulation ./internal/consensus/ -args -seeds=$(or $(SEEDS),2000) -first=$(or $(FIRST),1)

.PHONY: faults
faults: build ## do harm to real processes at length: KILLS=N kills, LEADERS=N leaders lost, CUTS=N cut connections, SEED=S to repeat, RUN=regexp
	SIGNET_BIN='$(CURDIR)/bin/signet' $(GO) test -count=1 -v -timeout 12h -run '$(or $(RUN),.)' $(ARGS) ./test/faults/ -args \
		-kills=$(or $(KILLS),2000) -leaders=$(or $(LEADERS),100) -cuts=$(or $(CUTS),200) -seed=$(or $(SEED),0)

.PHONY: disk
disk: prerequisites build ## try failing and full disks, flipped bits and leaks in full (about an hour); make test has a sample
	CI=1 SIGNET_BIN='$(CURDIR)/bin/signet' $(GO) test -count=1 -timeout 180m -v $(ARGS) ./test/disk/ -args -long

.PHONY: tamper
tamper: ## try a million changed signatures and documents and every confusion of algorithms; make test has a sample
	CGO_ENABLED=0 $(GO) test -count=1 -timeout 120m -v -run '^Test(TamperMatrix|AlgorithmConfusion)$$' $(ARGS) ./internal/trust/ -args -long | grep -v -e '--- PASS' -e '^=== '
	CGO_ENABLED=0 $(GO) test -count=1 -timeout 120m -v -run '^TestOracle$$' $(ARGS) ./internal/policy/ -args -decisions=5000000

.PHONY: mutants
mutants: $(TOOLS)/gremlins ## change the verifiers' code (PKG=./internal/guard: one package) in every small way, and require that the tests notice 95 %
	@ARGS='$(ARGS)' bash tools/mutants.sh '$(CURDIR)/$(TOOLS)/gremlins' $(PKG)

.PHONY: bench
bench: build ## measure the figures of docs/benchmarks.md beside this machine's floor; ARGS=-quick is shorter, ARGS=-full complete
	@$(GO) run ./test/bench -bin bin/signet -dir bin/bench-data $(ARGS)

.PHONY: bench-parts
bench-parts: $(TOOLS)/benchtable ## run the Go benchmarks of all packages, each beside its own floor
	@CGO_ENABLED=0 $(GO) test -run '^$$' -bench . -benchtime 1s -timeout 30m $(ARGS) ./... | $(TOOLS)/benchtable

.PHONY: fmt
fmt: $(TOOLS)/gofumpt ## format all Go files
	@$(GO_FILES) | xargs -0 -r $(TOOLS)/gofumpt -w

.PHONY: clean
clean: ## remove what was built; signet-data stays
	rm -rf bin web/node_modules
	find web/dist -mindepth 1 ! -name .keep -delete

.PHONY: prerequisites
prerequisites: # the programs that the tests talk to
	@bash tools/prerequisites.sh

# ------------------------------------------------------------------- checking

# All Go files, those not yet committed included and the deleted left out.
GO_FILES := $(GIT) ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 -r sh -c 'for f; do test ! -f "$$f" || printf "%s\0" "$$f"; done' sh

.PHONY: check
check: check-format check-vet check-lint check-modules check-house check-generated check-web check-licences check-changes ## check everything that needs no test run
	@echo 'check: all good'

.PHONY: check-format
check-format: $(TOOLS)/gofumpt # gofumpt has nothing to change
	@echo 'check: format'
	@bad=$$($(GO_FILES) | xargs -0 -r $(TOOLS)/gofumpt -l); \
	if [ -n "$$bad" ]; then printf 'not formatted (make fmt does it):\n%s\n' "$$bad" >&2; exit 1; fi

.PHONY: check-vet
check-vet: # go vet, with and without the invariants, and of the tools
	@echo 'check: vet'
	@CGO_ENABLED=0 $(GO) vet ./...
	@CGO_ENABLED=0 $(GO) vet -tags invariants ./...
	@cd tools && CGO_ENABLED=0 $(GO) vet ./...

.PHONY: check-lint
check-lint: $(TOOLS)/golangci-lint # every linter but those that .golangci.yml names with a reason
	@echo 'check: lint'
	@CGO_ENABLED=0 $(TOOLS)/golangci-lint run --allow-parallel-runners ./...
	@cd tools && CGO_ENABLED=0 '$(CURDIR)/$(TOOLS)/golangci-lint' run --allow-parallel-runners --config ../.golangci.yml ./...

.PHONY: check-modules
check-modules: # what is built is what go.sum names, and go.mod names all of it and no more
	@echo 'check: modules'
	@$(GO) mod verify >/dev/null
	@$(GO) mod tidy -diff
	@cd tools && $(GO) mod verify >/dev/null

.PHONY: check-house
check-house: # direction of dependencies, forbidden calls, package comments, links, left-overs
	@echo 'check: house rules'
	@CGO_ENABLED=0 $(GO) test -count=1 ./test/house/

.PHONY: check-generated
check-generated: # go generate would change nothing
	@echo 'check: generated files'
	@bash tools/generated.sh

.PHONY: check-web
check-web: web/node_modules/.package-lock.json # the pages: format, lint, types, and that the API's types are current
	@echo 'check: pages'
	@cd web && npx --no-install prettier --check --log-level warn . && npx --no-install eslint --max-warnings 0 . && npx --no-install tsc --noEmit
	@cd web && npx --no-install openapi-typescript ../api/openapi.yaml --alphabetize --check -o src/api/schema.gen.ts >/dev/null 2>&1 || \
		{ echo 'web/src/api/schema.gen.ts is not current: run "npm run api" in web' >&2; exit 1; }

.PHONY: check-licences
check-licences: web/node_modules/.package-lock.json $(TOOLS)/licences # every module's licence is known and allowed; writes bin/sbom.json
	@echo 'check: licences'
	@$(TOOLS)/licences -check docs/licences.md -sbom bin/sbom.json -texts bin/third-party-licences.txt -version '$(VERSION)'

.PHONY: licences
licences: web/node_modules/.package-lock.json $(TOOLS)/licences ## write docs/licences.md anew, after a dependency changed
	@$(TOOLS)/licences -write docs/licences.md -version '$(VERSION)'

.PHONY: check-changes
check-changes: $(TOOLS)/changes # the fragments in changes/unreleased are well-formed
	@echo 'check: change fragments'
	@$(TOOLS)/changes -check

.PHONY: changelog
changelog: $(TOOLS)/changes ## move changes/unreleased into CHANGELOG.md as release RELEASE=1.2.3
	@$(TOOLS)/changes -release '$(RELEASE)'

# ---------------------------------------------------------------------- tools

$(TOOLS)/golangci-lint: MODULE_CMD = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/gofumpt:       MODULE_CMD = mvdan.cc/gofumpt
$(TOOLS)/gremlins:      MODULE_CMD = github.com/go-gremlins/gremlins/cmd/gremlins
$(TOOLS)/golangci-lint $(TOOLS)/gofumpt $(TOOLS)/gremlins: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	@echo 'building $(notdir $@) (takes a while the first time)'
	@cd tools && CGO_ENABLED=0 $(GO) build -o '$(CURDIR)/$@' $(MODULE_CMD)
	@touch $@

# Our own tools are small; go build itself knows whether anything changed.
.PHONY: $(TOOLS)/testsum $(TOOLS)/licences $(TOOLS)/changes $(TOOLS)/benchtable
$(TOOLS)/testsum $(TOOLS)/licences $(TOOLS)/changes $(TOOLS)/benchtable:
	@mkdir -p $(TOOLS)
	@cd tools && CGO_ENABLED=0 $(GO) build -o '$(CURDIR)/$@' ./$(notdir $@)
