# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 120
#
# Issue line 11: readers and evictors, for RACE_SECONDS (default 60).

RACE_SECONDS=${RACE_SECONDS:-60}
BATS_TEST_TIMEOUT=$((RACE_SECONDS + 120))
load lib/helpers

racer=$BUILD/tests/tools/racer

# A remote tree made by racer, served; sets $dir.
serve_race() { # WHAT FILES [OPTION...]
	local what=$1 files=$2
	shift 2
	mkdir -p "$TREES/tmp/race"
	"$racer" "$what" "$TREES/tmp/race" "$files"
	serve_tree tmp/race "$@"
}

teardown() {
	local pid
	for pid in "${loops[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" || true
	done
	stop_all
	rm -rf "$TREES/tmp/race"
}

evict_loop() {
	while :; do
		hsm-evict -q -R "$dir" 2>/dev/null || true
		echo >>"$BATS_TEST_TMPDIR/evictions"
	done
}

prefetch_loop() {
	while :; do
		hsm-prefetch -q -R "$dir" || true
		sleep 0.1
	done
}

# Starts evictions and kills them at random moments.
kill_loop() {
	local victim
	while :; do
		hsm-evict -q -R "$dir" 2>/dev/null &
		victim=$!
		sleep "0.0$((RANDOM % 100))"
		kill -KILL $victim 2>/dev/null
		wait $victim 2>/dev/null || true
	done
}

@test "2.11 race: 8 readers, 2 evictors, 1 prefetcher and killed evictors: no wrong byte, no hang" {
	local n pid readers=() mark
	serve_race make 50 --stream-above 128K
	loops=()
	evict_loop 3>&- & loops+=($!)
	evict_loop 3>&- & loops+=($!)
	prefetch_loop 3>&- & loops+=($!)
	kill_loop 3>&- & loops+=($!)
	mark=$(log_mark)
	for n in 1 2 3 4 5 6 7 8; do
		"$racer" read "$dir" 50 "$RACE_SECONDS" "$n" 3>&- &
		readers+=($!)
	done
	for pid in "${readers[@]}"; do
		wait "$pid"
	done
	echo "$(wc -l <"$BATS_TEST_TMPDIR/evictions") evictions, $(fetches "$mark" | wc -l) fetches"
	# Without evictions this would prove nothing.
	[ "$(wc -l <"$BATS_TEST_TMPDIR/evictions")" -gt 10 ]
	[[ $REMOTE == file:* ]] || [ "$(fetches "$mark" | wc -l)" -gt 100 ]
	[ "$(status "$dir" errors)" = 0 ]
	[ "$(status "$dir" waiting)" = 0 ]
}

# A reader, a writer and an evictor of files that grow.
race_growing() { # OPTION...
	serve_race make-growing 300 "$@"
	loops=()
	evict_loop 3>&- & loops+=($!)
	evict_loop 3>&- & loops+=($!)
	bounded -100 "$racer" grow "$dir" 300
	[ "$(hsm-mark -R --state dirty "$dir" | wc -l)" = 300 ]
}

@test "2.11 race: a reader across the end of 16 KiB, a writer that extends to 20 KiB, an evictor" {
	race_growing
}

@test "2.11 race: the same with files that stream" {
	race_growing --stream-above 0
}

@test "2.11 race: parallel first readers of one file, again and again" {
	local round n pids
	serve_race make 50 --stream-above 128K
	for round in 1 2 3 4 5; do
		hsm-evict -q -R "$dir"
		pids=()
		for n in 1 2 3 4; do
			bounded diff -r -x .hsm "$TREES/tmp/race" "$dir" & pids+=($!)
		done
		for n in "${pids[@]}"; do
			wait "$n"
		done
	done
}
