# What there is to do here; each recipe only calls a script, which can be called without just as well.

# List the recipes.
default:
    @just --list

# Bring the lab's hypervisor up (see tests/lab/up for the flags).
lab-up name="lab" *flags:
    tests/lab/install
    tests/lab/image
    tests/lab/up {{name}} {{flags}}

# Take a lab down with everything in it.
lab-down name="lab":
    tests/lab/down {{name}}

# Install, build, and deploy three nodes on a lab hypervisor that stays up; flags go to `irs virsh`.
demo *flags:
    tests/demo {{flags}}

# Take the demo down, with its nodes and its workspace.
demo-down:
    tests/lab/down demo
    rm -rf .cache/demo

# Make the reference in docs anew from the code.
reference:
    IRS_WRITE_REFERENCE=1 cargo test --quiet --test reference
    IRS_WRITE_README=1 cargo test --quiet --test topology_reference

# Build the book into .cache/book.
book:
    docs/build

# Run the commands of the tutorial and the how-tos in the lab, as they stand there; pages are names in docs.
howtos *pages:
    tests/howtos {{pages}}

# Draw docs/3_nets.svg anew.
graph:
    cargo run --quiet -- topology graph --topology-nodes undercloud:1,controller:3,compute:2 --format svg > docs/3_nets.svg

# Record sessions in the lab and draw docs/run.svg and docs/picture/*.svg from them.
picture:
    docs/picture/record

# Pass all tests.
test:
    tests/run

# Format, clippy, shellcheck, licences.
lint:
    tests/run lint

# Hold all crates against the database of advisories, which must be there.
advisories:
    tests/deny advisories

# Only the tests that need no hypervisor.
unit:
    tests/run unit

# Only the tests on real hypervisors.
lab:
    tests/run lab

# Faults of docs/faults.md, with fifty random moments of killing irs; names are parts of tests' names.
faults *names:
    tests/faults {{names}}

# Measure irs beside the same work by hand and by its peers (docs/benchmarks.md); parts: see tests/bench.
bench *parts:
    tests/bench {{parts}}

# Build the packages into target/packages (docs/packages.md).
packages:
    docs/packages/build

# Install, run and remove the packages.
package-test:
    tests/package

# What CI runs.
ci:
    .ci/run
