# Bare `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

GO ?= go
ARGS ?=
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Binaries are static: no libc, one file for any distribution.
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
# Root loads BPF programs; as another user, sudo is asked.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E env "PATH=$$PATH")
# Shows what "go test -json" says: failures, seconds, why tests were skipped, and the numbers.
TALLY := | $(GO) run ./test/tally
# The race detector sleeps for a second before each process ends, unless told not to; the tests end many.
export GORACE ?= atexit_sleep_ms=0
GOLANGCI_LINT := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

##@ Use
.PHONY: run
run: build ## build the sensor and run it with its default rules (ARGS="-o json_output=true" adds flags)
	$(AS_ROOT) bin/sensor $(ARGS)

.PHONY: build
build: ## build bin/sensor; needs Go alone
	$(BUILD) -o bin/sensor ./cmd/sensor

.PHONY: doctor
doctor: build ## say what this kernel and host offer, and what is missing
	$(AS_ROOT) bin/sensor doctor

##@ Work
.PHONY: check
check: build lint ## build, lint, and run the tests that need no root; needs Go alone
	$(GO) test -json $$($(GO) list ./... | grep -v '/test/') ./test/tally ./test/matrix ./test/golden $(TALLY)

.PHONY: test
test: install ## install what the tests need, then run them all with the race detector
	$(AS_ROOT) $(GO) test -race -vet=off -json -timeout 40m $$($(GO) list ./... | grep -v '/test/') $(TALLY)
	$(AS_ROOT) $(GO) test -race -vet=off -json -timeout 40m -p 1 $$($(GO) list ./test/... | grep -v /test/cluster) $(TALLY) # one after the other: each floods, counts or measures the whole machine; the cluster has a target of its own

.PHONY: test-matrix
test-matrix: ## run the kernel tests on Debian's kernels, in QEMU, and on this one (ARGS="-only 6.1")
	$(AS_ROOT) test/matrix/install
	$(AS_ROOT) $(GO) run ./test/matrix $(ARGS)

.PHONY: test-hostile
test-hostile: install ## compare 1,000,000 hostile calls with their records (ARGS="-seed 1 -calls 100000")
	$(AS_ROOT) $(GO) test -count=1 -json -timeout 40m ./test/hostile -calls 1000000 $(ARGS) $(TALLY) -v

.PHONY: test-containers
test-containers: install ## start 1,000 containers that live for a moment, and more (ARGS="-containers 5000")
	$(AS_ROOT) $(GO) test -count=1 -json -timeout 40m ./test/e2e -run 'TestFirstCommand|TestManyContainers' -containers 1000 $(ARGS) $(TALLY) -v

.PHONY: test-deploy
test-deploy: ## check deploy/ without a cluster: manifest, Kustomize, Helm chart (ARGS=-update renews what is rendered)
	(cd test/deploy && CGO_ENABLED=0 $(GO) test -json -trimpath ./... $(ARGS)) $(TALLY)

.PHONY: test-cluster
test-cluster: ## deploy on a real Kubernetes node and kill what the sensor stands on (ARGS="-runtime containerd-1.6 -run TestCluster//chart"); the first build takes long
	$(AS_ROOT) test/install cluster
	$(AS_ROOT) test/cluster/build $(CURDIR)/bin/cluster
	$(AS_ROOT) $(GO) test -count=1 -json -timeout 40m ./test/cluster -bin $(CURDIR)/bin/cluster $(ARGS) $(TALLY) -v

.PHONY: test-flood
test-flood: install ## flood the sensor with opens: no exec is lost, and no open without being counted
	$(AS_ROOT) $(GO) test -count=1 -v ./test/flood

.PHONY: install
install: ## install what the tests need, from Debian's packages
	$(AS_ROOT) test/install

.PHONY: update
update: ## renew the golden files and the generated references
	$(AS_ROOT) $(GO) test ./internal/field ./internal/output/render ./internal/config ./internal/report ./internal/inspect ./cmd/... ./test/golden -update

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (default 1m)
	test/fuzz $(or $(FUZZTIME),1m)

.PHONY: bench
bench: build ## measure; docs/benchmarks.md explains (ARGS=-update renews it, -quick takes 3 minutes)
	$(AS_ROOT) test/bench/install
	$(AS_ROOT) $(GO) run ./test/bench $(ARGS)

.PHONY: lint
lint: ## check style, the import rule and spelling of errors
	$(GO) vet ./...
	$(GOLANGCI_LINT) run

.PHONY: lint-bpf
lint-bpf: ## check the form of bpf/ (bpf/.clang-format)
	$(AS_ROOT) test/install bpf
	git ls-files 'bpf/*.[ch]' | xargs clang-format-19 --dry-run --Werror

##@ Generate
.PHONY: generate
generate: ## compile bpf/ anew with the pinned clang (see test/install)
	$(GO) generate ./internal/bpfgen

.PHONY: generate-proto
generate-proto: ## compile the .proto files of the gRPC services anew
	$(AS_ROOT) test/install proto
	$(GO) generate ./internal/output/falcopb

.PHONY: generate-check
generate-check: ## fail if the committed BPF objects are not what bpf/ compiles to
	test/generate-check

.PHONY: cross
cross: ## build for both architectures
	GOARCH=amd64 $(BUILD) -o bin/sensor-amd64 ./cmd/sensor
	GOARCH=arm64 $(BUILD) -o bin/sensor-arm64 ./cmd/sensor

.PHONY: image
image: cross ## build bin/saker-image.tar, an OCI archive for both architectures; needs no Docker (ARGS="-name REGISTRY/NAME:TAG")
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) $(GO) run ./deploy/image -version $(VERSION) $(ARGS)

##@ Help
.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
