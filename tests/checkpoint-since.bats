# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 35
#
# Issue 4, line 8: lists that are joined, by --since and by cursors, while 16 processes
# write; the judge of checkpoint-stress.bats says whether all is there.

load lib/helpers
load lib/tracking
load lib/writers

teardown() {
	untrack_all
	stop_all
}

# Run a command in the background; its standard input ends when the writers do.
meanwhile() { # COMMAND...
	{ tail -s 0.1 --pid="$writers" -f /dev/null | "$@"; } 3>&- &
	followers+=($!)
}

@test "4.8 since: 16 writers, two consumers one of which fails now and then, and --since at any time: nothing is lost" {
	local followers=() writers pid
	track_part
	out=$BATS_TEST_TMPDIR/out
	mkdir "$out" "$out/other"
	: >"$out/ids"
	python3 "$TESTS/tools/storm.py" "$out/storm.tar" 200 50
	"$BUILD/tests/tools/writers" "$dir" "$out" 6 "$RANDOM" 3>&- &
	writers=$!
	meanwhile python3 "$judge" cut "$out" "$TESTS/lib/consume" "$dir" one "$out/ids"
	meanwhile python3 "$judge" cut "$out/other" "$TESTS/lib/consume" "$dir" other /dev/null fails
	meanwhile python3 "$judge" ask "$out" "$dir"
	for pid in "$writers" "${followers[@]}"; do
		wait "$pid"
	done
	for lists in "$out" "$out/other"; do
		run python3 "$judge" judge "$out" 10 in "$lists"
		echo "$output"
		[ "$status" = 0 ]
		[ "$(verdict lost)" = 0 ]
		[ "$(verdict 'of one list')" -gt 100 ]
		[ "$(verdict rescans)" -le $(($(verdict lists) / 10 + 1)) ]
		[ "$(verdict noticed)" = "$(verdict mutations)" ]
	done
	run python3 "$judge" asked "$out" "$dir"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(verdict bad)" = 0 ]
	[ "$(verdict alone)" -gt 1000 ]
	[ "$(verdict rescans)" -le 1 ]
	[ "$(verdict emptied)" -ge 4 ]
	[ "$(verdict noticed)" = "$(verdict emptied)" ]
}
