#!/bin/bash -eu
# Builds each fuzz target, and packs its seeds, for ClusterFuzzLite. It runs in the image of the Dockerfile, which sets SRC, OUT and WORK.
cd "$SRC/wirelight"
cargo fuzz build --optimized --debug-assertions
fuzz/seeds "$WORK/seeds"
for source in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    cp "fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    if [ -d "$WORK/seeds/$target" ]; then
        (cd "$WORK/seeds/$target" && zip --quiet --recurse-paths "$OUT/${target}_seed_corpus.zip" .)
    fi
done
