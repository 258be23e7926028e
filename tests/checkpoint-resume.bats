# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 40
#
# Issue 4, line 6, what no file system does in a way of its own: restarts and bad input.

load lib/helpers
load lib/tracking
load lib/restarting
load lib/writers

setup() {
	restart_setup
}

teardown() {
	restart_teardown
}

@test "4.6 restart: a directory whose names changed is rescan DIR in JSON, rescan . in text" {
	track "$dir"
	grow_old
	untrack "$dir"
	rm "$dir/d/sub/x"
	echo more >>"$dir/other/y"
	track_only "$dir"
	needs_all --peek
	needs_all --peek --deleted
	tells $'rescan d/sub\nattrib d/sub\nmodify other/y\nattrib other/y' --peek
	tells $'rescan d/sub' --peek --deleted
	hsm-checkpoint -q --json "$dir"
	prints ""
}

@test "4.6 restart: what was moved away, or over, without a tracker is below a directory to rescan" {
	track "$dir"
	grow_old
	untrack "$dir"
	mv "$dir/d/sub" "$dir/other/moved"
	mv "$dir/d/a" "$dir/d/b"
	track_only "$dir"
	run --separate-stderr hsm-checkpoint --json "$dir"
	[ "$status" = 0 ]
	for wanted in d other; do
		jq -es --arg dir "$wanted" 'any(.op == "rescan" and .path == $dir)' <<<"$output"
	done
	prints ""
}

@test "4.6 restart: a torn tail is dropped, a journal that is none begins anew" {
	track "$dir"
	echo more >>"$dir/d/a"
	hsm-checkpoint -q --peek "$dir"
	grow_old
	untrack "$dir" KILL
	log=$(echo "$dir"/.hsm/journal/*.log)
	head -c 100 /dev/urandom >>"$log"
	track_only "$dir"
	echo more >>"$dir/d/b"
	prints_at_least $'d/a\nd/b' --peek
	untrack "$dir" KILL
	head -c 4096 /dev/urandom >"$log"
	track_only "$dir"
	needs_all
	prints ""
}

@test "4.6 restart: a clock that was set back: rescan ." {
	for signal in TERM KILL; do
		HSM_TEST_CLOCK=7200 track "$dir"
		echo more >>"$dir/d/a"
		HSM_TEST_CLOCK=7200 hsm-checkpoint -q --peek "$dir"
		untrack "$dir" "$signal"
		echo more >>"$dir/d/b"
		track_only "$dir"
		grep "clock was set back" "$(track_log "$dir")"
		needs_all
		prints ""
		untrack "$dir"
	done
}

@test "4.6 restart: a tracker that could not write its journal cannot go on from it" {
	own_file_system
	mkdir "$BATS_TEST_TMPDIR/own/store"
	dir=$(new_dir tracked2)
	touch "$dir/file"
	track "$dir" --store "$BATS_TEST_TMPDIR/own/store/s"
	grow_old
	fill_disk "$BATS_TEST_TMPDIR/own"
	(cd "$dir" && for i in {1..6000}; do : >"name-$i-$i-$i-$i-$i-$i"; done)
	rm "$dir"/name-*
	untrack "$dir" KILL
	rm "$BATS_TEST_TMPDIR/own/ballast"
	track_only "$dir"
	needs_all
	untrack "$dir"
}

fill_disk() { # DIR
	head -c 1G /dev/zero >"$1/ballast" 2>/dev/null || true
}

@test "4.6 restart: 16 writers, and trackers that end and are killed: nothing is lost" {
	track_part
	out=$BATS_TEST_TMPDIR/out
	mkdir "$out"
	python3 "$TESTS/tools/storm.py" "$out/storm.tar" 200 50
	"$BUILD/tests/tools/writers" "$dir" "$out" 9 "$RANDOM" 3>&- |
		python3 "$judge" cut "$out" "$TESTS/lib/until-tracked" "$dir" 3>&- &
	local storm=$!
	for signal in KILL TERM KILL KILL TERM; do
		sleep 1.3
		untrack "$dir" "$signal"
		sleep 0.2
		track_only "$dir"
	done
	wait "$storm"
	run python3 "$judge" judge "$out"
	echo "$output"
	[ "$status" = 0 ]
	[ "$(verdict lost)" = 0 ]
	[ "$(verdict lists)" -gt 9 ]
}
