# `make` lists the targets. Those that need something installed call scripts/setup, which is quiet when nothing is missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export CARGO_TARGET_DIR ?= $(CURDIR)/target
# In CI the lock file decides; at a desk a new dependency may be added to it.
locked := $(if $(CI),--locked)
generated := layout-app/src/contract/generated
document := docs/openapi.json
theme_schema := docs/theme.schema.json
print_theme_schema := cargo run $(locked) --quiet -p wallflower-domain --features schema --example theme_schema
pages := layout-app/dist/index.html
page_sources := $(wildcard layout-app/*.html layout-app/*.json layout-app/vite.config.ts) \
	$(shell find layout-app/src layout-app/public -type f -not -name '*.test.ts' 2>/dev/null)

.PHONY: help setup layout-app build demo test check check-rust check-layout-app check-generated generate visual approve sheets bench chaos fleet soak clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing to build, test and record
	@scripts/setup

layout-app: $(pages) ## build the web pages that the binary embeds

$(pages): $(page_sources) | setup
	cd layout-app && npm run --silent build -- --logLevel warn

build: $(pages) ## build the binary, optimised
	cargo build $(locked) --release -p wallflower-cli

demo: build ## record the built-in room: out/demo.mp4 and a contact sheet of it
	"$(CARGO_TARGET_DIR)/release/wallflower" demo -o out/demo.mp4

test: check visual ## everything that CI asks for, media tests included
	cd layout-app && npm test --silent && npm run --silent build:egress -- --logLevel warn
	cargo build $(locked) --workspace --bins
	cargo test $(locked) --workspace -- --show-output

check: check-rust check-layout-app check-generated ## formatting, lints, types, and generated files

check-rust: $(pages)
	cargo fmt --all --check
	cargo clippy $(locked) --workspace --all-targets -- -D warnings

check-layout-app: | setup
	cd layout-app && npm run --silent check

visual: $(pages) ## compare every layout with its approved picture, in a real browser
	cd layout-app && npm run --silent visual

approve: $(pages) ## approve every layout as it looks now: layout-app/visual/
	cd layout-app && npm run --silent visual -- --approve

# The folder that tests write to is named in .cargo/config.toml, which yields to the environment.
check-generated: $(pages)
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	TS_RS_EXPORT_DIR="$$fresh" cargo test $(locked) --quiet -p wallflower-domain --lib export_bindings >/dev/null; \
	diff -ru $(generated) "$$fresh" || { echo "$(generated) is not what the Rust types say: run \`make generate\` and check it in" >&2; exit 1; }
	@cargo run $(locked) --quiet -p wallflower-control --example openapi | diff -u $(document) - || \
	{ echo "$(document) is not what the Rust types say: run \`make generate\` and check it in" >&2; exit 1; }
	@$(print_theme_schema) | diff -u $(theme_schema) - || \
	{ echo "$(theme_schema) is not what the Rust types say: run \`make generate\` and check it in" >&2; exit 1; }

generate: $(pages) ## write the TypeScript twins of the wire types, the API's OpenAPI document, and the schema of themes
	rm -rf $(generated)
	cargo test $(locked) --quiet -p wallflower-domain --lib export_bindings >/dev/null
	cargo run $(locked) --quiet -p wallflower-control --example openapi >$(document).new
	mv $(document).new $(document)
	$(print_theme_schema) >$(theme_schema).new
	mv $(theme_schema).new $(theme_schema)

sheets: build ## contact sheets of a real LiveKit room in every layout and example template: out/sheets
	SHEETS="$(or $(SHEETS),$(CURDIR)/out/sheets)" \
	cargo test $(locked) --release -p wallflower-tests --test sheets -- --ignored --nocapture

bench: build ## measure what the design promises, and print the figures
	IDLE_MACHINE=1 cargo test $(locked) --release -p wallflower-tests --test figures --test look --test outputs -- --nocapture
	cargo test $(locked) --release -p wallflower-tests --test scene -- --ignored --nocapture
	IDLE_MACHINE=1 cargo test $(locked) --release -p wallflower-tests --test warm -- --nocapture --ignored

fleet: build ## follow 10,000 recordings without browsers, kill replicas and stores, and print what that takes: docs/fleet.md
	FLEET_TABLE="$(or $(FLEET_TABLE),$(CURDIR)/docs/fleet.md)" FLEET_AGENTS="$(or $(FLEET_AGENTS),10000)" \
	cargo test $(locked) --release -p wallflower-tests --test fleet -- --nocapture a_fleet

chaos: build ## do to recordings what can be done to them, and print what it costs: docs/chaos-table.md
	CHAOS_TABLE="$(CURDIR)/docs/chaos-table.md" \
	cargo test $(locked) --release -p wallflower-tests --test chaos -- --ignored --nocapture

soak: build ## record for an hour, and print what that did: docs/soak.md
	SOAK_TABLE="$(CURDIR)/docs/soak.md" \
	cargo test $(locked) --release -p wallflower-tests --test soak -- --ignored --nocapture

clean: ## remove what was built and recorded here
	cargo clean
	rm -rf layout-app/dist layout-app/shots out
