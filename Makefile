# make run    the daemon up, with the default configuration (or with ARGS="--config FILE …")
# make test   every check: format, lints, docs, tests, examples
#
# Both install first what is missing here, and may be repeated.

.PHONY: run test rust
export PATH := $(PATH):$(HOME)/.cargo/bin:$(CURDIR)/target/tools/bin
WITHOUT = --no-default-features

# Property tests try the same cases each time here, so that a failure can be had again;
# `cargo test` tries others each time.
test: export PROPTEST_RNG_SEED ?= 1

run: rust
	@.ci/install run && without= || without=$(WITHOUT); \
	test -z "$$without" || echo 'Building without Kerberos: GSSAPI is advertised, and fails.'; \
	exec cargo run $$without -- serve $(ARGS)

test: rust
	@.ci/install test
	cargo fmt --check
	cargo clippy --all-targets --all-features -- -D warnings
	cargo clippy --all-targets $(WITHOUT) -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps
	cargo build $(WITHOUT)
	cargo test
	cargo test --features otlp --test otlp
	@for example in $(basename $(notdir $(wildcard examples/*.rs))); do \
	  echo "cargo run --example $$example"; \
	  timeout 300 cargo run -q --example $$example </dev/null || exit 1; \
	done
	@echo 'All is well.'

rust:
	@command -v cargo >/dev/null || { \
	  echo 'Rust is missing: install it from https://rustup.rs, then try again.' >&2; exit 1; }
