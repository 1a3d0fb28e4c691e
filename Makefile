# Everything that is done with this repository, by name: "make help".
#
# The tools come with Go or through it; ffmpeg is the only program from outside, and
# "make demo" installs it.

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS   += --no-builtin-rules --warn-undefined-variables

GO          ?= go
COMPOSE     ?= docker compose
# What "make demo" encodes; empty for a clip that it makes.
INPUT       ?=
# How long "make fuzz" spends on each target.
FUZZTIME    ?= 20s
# The packages whose tests take longest, in this order: begun first, none of them is left
# to run alone at the end.
SLOW        := $(addprefix ./internal/,e2e chaos) ./pkg/foreign $(addprefix ./internal/,natsqtest apitest storetest) ./pkg/splice ./pkg/ffmpeg
# How many packages are tested at once: one more than there are cores, since some of them
# mostly wait, for leases to run out or for a second try.
AT_ONCE     ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Further flags for the tests, such as TESTFLAGS='-run TestResume -v'.
TESTFLAGS   ?=
# The tag of the images.
VERSION     ?= dev
BENCHFLAGS  ?=
CHAOSFLAGS  ?=
SOAKFLAGS   ?=
export INPUT FUZZTIME

LINT_VERSION := v2.15.0
LINT         := bin/golangci-lint-$(LINT_VERSION)
# The directories of all modules, and the same as patterns of packages.
MODULES       = $(shell $(GO) list -m -f '{{.Dir}}')
SERVICES     := api splitter encoder muxer

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Use it

.PHONY: build
build: ## build bin/reweave and the four services beside it
	$(GO) build -o bin/ ./cmd/reweave
	for s in $(SERVICES); do $(GO) build -o bin/reweave-$$s ./services/$$s/cmd/$$s; done

.PHONY: demo
demo: ## encode a clip (INPUT=…, or one that is made here) and show what came of it
	@scripts/demo.sh

.PHONY: run
run: build ## serve the API at http://127.0.0.1:8080, all in one process
	bin/reweave serve

##@ Check it

.PHONY: test
test: ## run all tests; ends with "N passed, 0 failed", and fails when one is skipped
	$(GO) test -json -count=1 -timeout 13m -p $(AT_ONCE) $(TESTFLAGS) $(SLOW) work | $(GO) run ./internal/testsum

.PHONY: test-short
test-short: ## run the tests that take no real encode
	$(GO) test -json -short $(TESTFLAGS) work | $(GO) run ./internal/testsum -skips

.PHONY: test-race
test-race: ## run all tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -json -count=1 -timeout 40m $(TESTFLAGS) work | $(GO) run ./internal/testsum

.PHONY: lint
lint: $(LINT) ## run golangci-lint over all modules
	$(GO) list -f '{{.Dir}}/...' -m | xargs $(LINT) run --allow-parallel-runners

.PHONY: fmt
fmt: $(LINT) ## format all Go files
	$(GO) list -f '{{.Dir}}/...' -m | xargs $(LINT) fmt

.PHONY: tidy
tidy: ## bring every go.mod and go.sum, and go.work.sum, up to date
	$(GO) work sync
	for m in $(MODULES); do (cd "$$m" && GOWORK=off $(GO) mod tidy); done

.PHONY: tidy-check
tidy-check: ## check each module by itself, as the images build it: tidy, and sound
	for m in $(MODULES); do (cd "$$m" && echo "$$m" && GOWORK=off $(GO) mod tidy -diff && GOWORK=off $(GO) vet ./...); done

.PHONY: cover
cover: ## measure what the tests cover, over all packages; writes coverage.html
	$(GO) test -json -count=1 -timeout 30m -coverpkg=github.com/reweave/reweave/... -coverprofile=coverage.out $(TESTFLAGS) work \
		| $(GO) run ./internal/testsum
	$(GO) tool cover -html=coverage.out -o coverage.html
	$(GO) tool cover -func=coverage.out | tail -1

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (20s)
	scripts/fuzz.sh

.PHONY: bench
bench: build ## measure against ffmpeg alone and print a table (BENCHFLAGS=…)
	$(GO) run ./internal/bench $(BENCHFLAGS)

.PHONY: chaos
chaos: build ## kill, freeze, cut and damage everything, and print what came of it (CHAOSFLAGS='-run NATS')
	$(GO) run ./internal/chaos -bin bin $(CHAOSFLAGS)

.PHONY: fairness
fairness: build ## measure how long small jobs wait beside long ones and urgent ones (CHAOSFLAGS='-run 1,500')
	$(GO) run ./internal/chaos -bin bin -fairness $(CHAOSFLAGS)

.PHONY: soak
soak: build ## mix all those faults at random for half an hour (SOAKFLAGS='-for 2m -seed 7')
	$(GO) run ./internal/chaos -bin bin -soak $(SOAKFLAGS)

.PHONY: remote-test
remote-test: ## have a worker in another network namespace encode through TLS (needs root and iproute2)
	$(GO) test -count=1 -tags netns -run TestRemoteWorker ./internal/natsqtest

.PHONY: test-big
test-big: ## patch films of more than 4 GiB, which are mostly holes
	$(GO) test -count=1 -tags big -run TestBeyondFourGiB ./pkg/foreign

.PHONY: docs
docs: build ## write docs/configuration.md anew from the configuration structs
	bin/reweave config --markdown > docs/configuration.md

VULN_VERSION := v1.8.0
VULN         := bin/govulncheck-$(VULN_VERSION)
# A database other than vuln.go.dev, such as file:///srv/vulndb, a copy of it on this
# machine (https://go.dev/security/vuln/database).
VULNDB       ?=
# What is shipped.
VULN_MODULES ?= cmd/reweave pkg $(addprefix services/,$(SERVICES))

.PHONY: vulncheck
vulncheck: $(VULN) ## look for known holes in what the programs call (asks vuln.go.dev, or VULNDB=file:///…)
	for m in $(VULN_MODULES); do \
		(cd $$m && echo "$$m" && GOWORK=off '$(CURDIR)/$(VULN)' $(if $(VULNDB),-db '$(VULNDB)') ./...); done

.PHONY: vulncheck-test
vulncheck-test: $(VULN) ## check that vulncheck finds a hole, with a database that the test makes (half a minute)
	$(GO) test -count=1 -tags vulncheck -run TestVulncheck ./internal/deploytest

.PHONY: sbom
sbom: build ## write sbom/PROGRAM.cdx.json, what each built program is made of (CycloneDX)
	$(GO) run ./internal/sbom sbom bin/reweave $(addprefix bin/reweave-,$(SERVICES))

.PHONY: pin
pin: ## put the digests of the base images into the Dockerfiles and deploy/ (asks the registries; needs docker)
	scripts/pin.sh

##@ Deploy it

.PHONY: compose-env
compose-env: ## write deploy/.env with new secrets, unless it is there
	deploy/env.sh

.PHONY: compose-up
compose-up: compose-env ## build the images and start everything with Docker Compose
	$(COMPOSE) -f deploy/docker-compose.yml up -d --build

.PHONY: compose-down
compose-down: ## stop what compose-up started; the volumes stay
	$(COMPOSE) -f deploy/docker-compose.yml down

.PHONY: images
images: ## build the images of the command and of the four services (VERSION=dev)
	DOCKER_BUILDKIT=1 docker build -f cmd/reweave/Dockerfile --build-arg VERSION=$(VERSION) -t reweave/reweave:$(VERSION) .
	for s in $(SERVICES); do \
		DOCKER_BUILDKIT=1 docker build -f services/$$s/Dockerfile --build-arg VERSION=$(VERSION) -t reweave/$$s:$(VERSION) .; done

.PHONY: k8s-validate
k8s-validate: ## check deploy/ and the Dockerfiles strictly, without a cluster or a daemon
	$(GO) test -count=1 ./internal/deploytest

##@ Clear up

.PHONY: clean
clean: ## remove all that was made here: bin, demo, coverage
	rm -rf bin demo sbom coverage.out coverage.html

# golangci-lint is built with the versions of its libraries that it was tested with, so
# it is no tool of one of our modules.
$(LINT):
	GOWORK=off GOBIN='$(CURDIR)/bin' $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $@

$(VULN):
	GOWORK=off GOBIN='$(CURDIR)/bin' $(GO) install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
	mv bin/govulncheck $@
