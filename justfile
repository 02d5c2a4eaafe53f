# Shortcuts. The steps themselves are in .ci/run, so that a person and CI run the same commands.

# What there is to run
default:
    @just --list

# Rewrite the sources as rustfmt wants them
fmt:
    cargo fmt --all

# clippy, warnings being errors
lint:
    .ci/run lint

# Documentation, broken links being errors
doc:
    .ci/run doc

# Every test, with the count at the end
test:
    .ci/run test

# The whole network in one process, each behaviour shown and checked
demo:
    .ci/run demo

# Licences, advisories and bans of what comes from outside
deny:
    .ci/run deny

# Everything that must hold before a change goes in
ci:
    .ci/run

# One fuzz target for a while (needs nightly and cargo-fuzz): just fuzz head 300
fuzz target seconds="60":
    cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}
