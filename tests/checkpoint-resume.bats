# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 70
#
# Issue 4, line 6, what no file system does in a way of its own: restarts and bad input.

load lib/helpers
load lib/processes
load lib/tracking
load lib/restarting
load lib/writers

setup() {
	restart_setup
}

teardown() {
	restart_teardown
	[ -z "${journal:-}" ] || losetup -d "$journal"
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
	# It cannot either when there is space again, and it ends in order.
	fill_disk "$BATS_TEST_TMPDIR/own"
	(cd "$dir" && for i in {1..6000}; do : >"name-$i-$i-$i-$i-$i-$i"; done)
	rm "$dir"/name-* "$BATS_TEST_TMPDIR/own/ballast"
	grow_old
	untrack "$dir"
	track_only "$dir"
	needs_all
	untrack "$dir"
}

@test "4.6 restart: what changed in the moment when the tracker ended is told: times may be behind" {
	# To the tracker, what follows is a second before its end.
	HSM_TEST_CLOCK=1 track "$dir"
	grow_old
	untrack "$dir"
	echo more >>"$dir/d/a"
	rm "$dir/other/y"
	HSM_TEST_CLOCK=1 track_only "$dir"
	tells $'modify d/a\nattrib d/a\nrescan other\nattrib other'
}

@test "4.6 restart: after SIGKILL: a store into a page that was dirty moved no time, and is told" {
	track "$dir"
	mapper "$dir/d/a"
	step store
	grow_old
	hsm-checkpoint -q "$dir"
	untrack "$dir" KILL
	step store
	end_mapper
	track_only "$dir"
	prints_at_least d/a
}

@test "4.6 restart: killed while it looks at what changed: the next one looks from the beginning" {
	local log=$BATS_TEST_TMPDIR/killed
	track "$dir"
	grow_old
	hsm-checkpoint -q "$dir"
	untrack "$dir" KILL
	rm "$dir/d/sub/x"
	grow_old
	! bounded -20 strace -qq -o /dev/null -e inject=statx:signal=KILL:when=6 \
		hsm-checkpoint --watch "$dir" 2>"$log" || fail "it was not killed"
	! grep -E "swept|tracking" "$log" || fail "it was killed too late"
	track_only "$dir"
	hsm-checkpoint --json "$dir" | jq -es 'any(.op == "rescan" and .path == "d/sub")'
}

@test "4.6 restart: what is moved while it looks is not passed over" {
	local moved
	track "$dir"
	mkdir "$dir"/{d,other}/tree
	touch "$dir"/{d,other}/{tree/f,g}
	for moved in tree/f g; do
		grow_old
		hsm-checkpoint -q "$dir"
		untrack "$dir"
		move_while_it_looks "$moved"
	done
}

# Change NAME in the directory that it looks at last, and move it, or what it is in,
# to the first one when that is done.
move_while_it_looks() { # NAME
	local order pid to
	mapfile -t order < <(ls -U "$dir") # as it will see them
	to=${order[0]}/moved-${1%%/*}
	echo more >>"$dir/${order[1]}/$1"
	bash -c 'kill -STOP $$; exec hsm-checkpoint --watch "$1"' - "$dir" 2>"$(track_log "$dir")" 3>&- &
	pid=$!
	echo "$dir $pid" >>"$(scope)/tracked"
	wait_for "it to stop" grep -q '^State:.*T ' "/proc/$pid/status"
	trace "$pid" -e trace=getdents64 -e inject=getdents64:delay_enter=400ms
	kill -CONT "$pid"
	until [ -n "$(find "/proc/$pid/fd" -lname "*/${order[1]}")" ]; do
		! grep -q tracking "$(track_log "$dir")" || fail "it was too fast"
		kill -0 "$pid"
	done
	mv "$dir/${order[1]}/${1%%/*}" "$dir/$to"
	kill "$tracer"
	wait_for "the tracker" grep -q tracking "$(track_log "$dir")"
	run --separate-stderr hsm-checkpoint --json "$dir"
	echo "$output"
	[ "$status" = 0 ]
	[[ $1 == g ]] || to+=/f
	jq -es --arg path "$to" --arg top "${order[0]}" \
		'any(.op == "modify" and .path == $path or .op == "rescan" and .path == $top)' <<<"$output"
}

@test "4.6 restart: what cannot be looked at is not passed over: rescan ." {
	local limit deep=$dir/d/sub
	for i in {1..60}; do
		deep+=/deep
	done
	mkdir -p "$deep"
	echo x >"$deep/file"
	track "$dir"
	grow_old
	untrack "$dir"
	echo more >>"$deep/file"
	limit=$(ulimit -Sn)
	ulimit -Sn 50
	track_only "$dir"
	ulimit -Sn "$limit"
	grep "Too many open files" "$(track_log "$dir")"
	needs_all
	prints ""
}

@test "4.6 restart: ext4 with its journal on another device: what changed is found all the same" {
	local image=$BATS_TEST_TMPDIR/own.img
	truncate -s 64M "$image" "$image.journal"
	mke2fs -q -F -b 4096 -O journal_dev "$image.journal"
	journal=$(losetup -f --show "$image.journal")
	mkfs.ext4 -q -F -b 4096 -J device="$journal" "$image"
	mkdir "$BATS_TEST_TMPDIR/own"
	mount -o loop "$image" "$BATS_TEST_TMPDIR/own"
	cp -a "$dir" "$BATS_TEST_TMPDIR/own/tree"
	dir=$BATS_TEST_TMPDIR/own/tree
	track "$dir"
	grow_old
	untrack "$dir"
	chmod 600 "$dir/d/a"
	track_only "$dir"
	tells $'modify d/a\nattrib d/a'
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
		python3 "$judge" cut "$out" "$TESTS/lib/consume" "$dir" until 3>&- &
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
