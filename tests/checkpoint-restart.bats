# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 45
#
# Issue 4, line 6: what happens between one tracker and the next.

load lib/helpers
load lib/tracking
load lib/writers

setup() {
	dir=$(new_dir tracked)
	mkdir -p "$dir/d/sub" "$dir/other"
	for name in d/a d/b d/c d/sub/x other/y; do
		head -c 8192 /dev/zero >"$dir/$name"
	done
}

teardown() {
	untrack_all
	stop_all
	[ ! -d "$BATS_TEST_TMPDIR/own" ] || umount "$BATS_TEST_TMPDIR/own" 2>/dev/null || true
}

# Names that changed less than two seconds ago are not sure to have been heard.
grow_old() {
	sleep 2.7
}

swept() {
	grep -q swept "$(track_log "$dir")"
}

needs_all() { # [OPTION...]
	run --separate-stderr hsm-checkpoint "$@" "$dir"
	[[ $status == 1 && ($output == "rescan ." || $output == '{"op":"rescan","path":"."}') ]] ||
		fail "$status: $output"
}

# After SIGKILL files may be told that changed shortly before it, too: pages of them
# could have been stored into without a fault.
prints_at_least() { # LINES [OPTION...]
	local wanted=$1 shown
	shown=$(bounded hsm-checkpoint "${@:2}" "$dir") || fail "exit status $?"
	[[ -z $(comm -23 <(echo "$wanted") <(echo "$shown")) ]] || fail "not all: $shown"
}

# $dir becomes a directory of a file system of its own, that can be unmounted.
own_file_system() {
	local image=$BATS_TEST_TMPDIR/own.img
	truncate -s 400M "$image"
	case $FS in
	ext4) mkfs.ext4 -q -F "$image" ;;
	xfs) mkfs.xfs -q "$image" ;;
	btrfs) mkfs.btrfs -q "$image" ;;
	esac
	mkdir "$BATS_TEST_TMPDIR/own"
	mount -o loop "$image" "$BATS_TEST_TMPDIR/own"
	cp -a "$dir" "$BATS_TEST_TMPDIR/own/tree"
	dir=$BATS_TEST_TMPDIR/own/tree
}

mount_again() {
	umount "$BATS_TEST_TMPDIR/own"
	mount -o loop "$BATS_TEST_TMPDIR/own.img" "$BATS_TEST_TMPDIR/own"
}

# ---------------------------------------------------------- an end in order --

@test "4.6 restart: after an end in order nothing is looked at again, and what was heard is told" {
	track "$dir"
	# (xfs writes by itself when it is idle, every half a minute.)
	for try in 1 2 3; do
		echo "$try" >"$dir/d/new$try"
		rm "$dir/d/new$try"
		echo more >>"$dir/d/a"
		untrack "$dir"
		track_only "$dir"
		swept || break
		hsm-checkpoint -q "$dir" 2>/dev/null || true
	done
	swept && fail "it looked at everything, three times"
	tells $'modify d/a\n'"delete d/new$try"
	prints ""
	echo more >>"$dir/d/b"
	untrack "$dir"
	track_only "$dir"
	echo more >>"$dir/d/c"
	prints $'d/b\nd/c'
}

@test "4.6 restart: content and attributes that changed after an end in order are told, each file" {
	track "$dir"
	grow_old
	echo more >>"$dir/d/a"
	untrack "$dir"
	python3 - "$dir/d" <<-'EOT2'
		import mmap, os, sys
		os.chdir(sys.argv[1])
		os.pwrite(os.open("b", os.O_WRONLY), b"y", 4000)
		mmap.mmap(os.open("sub/x", os.O_RDWR), 8192)[100:101] = b"z"
		os.utime("../other/y", (1, 1))
	EOT2
	track_only "$dir"
	swept
	prints $'d/a\nd/b\nd/sub/x\nother/y'
	prints ""
	echo more >>"$dir/d/c"
	prints d/c
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

@test "4.6 restart: a mapping that outlives the tracker is told, whenever it is stored into" {
	track "$dir"
	cat >"$BATS_TEST_TMPDIR/store.py" <<-'EOT2'
		import mmap, os, sys
		m = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8192)
		m[0:1] = b"a"
		for line in sys.stdin:
		    if line == "store\n": m[1:2] = b"b"
		    print(line, flush=True)
	EOT2
	coproc python3 "$BATS_TEST_TMPDIR/store.py" "$dir/d/a" 3>&-
	step() { echo "$1" >&"${COPROC[1]}" && read -r _ <&"${COPROC[0]}"; }
	step first
	grow_old
	hsm-checkpoint -q "$dir"
	untrack "$dir"
	step store
	track_only "$dir"
	prints d/a
	exec {COPROC[1]}>&-
	wait "$COPROC_PID"
	prints d/a
	prints ""
}

@test "4.6 restart: mounted and written without the tracker: found by ctime" {
	own_file_system
	track "$dir"
	grow_old
	untrack "$dir"
	mount_again
	track_only "$dir"
	swept
	prints ""
	untrack "$dir"
	mount_again
	echo more >>"$dir/d/a"
	mount_again
	rm "$dir/other/y"
	mount_again
	track_only "$dir"
	tells $'modify d/a\nattrib d/a\nrescan other\nattrib other' --peek
	needs_all
	untrack "$dir"
}

# ---------------------------------------------------------------- and others --

@test "4.6 restart: after SIGKILL the list is completed: what was heard, and what was not" {
	track "$dir"
	echo more >>"$dir/d/a"
	rm "$dir/d/b"
	hsm-checkpoint -q --peek "$dir" # it has heard that
	grow_old
	untrack "$dir" KILL
	echo more >>"$dir/d/c"
	track_only "$dir"
	swept
	prints_at_least $'d/a\nd/b\nd/c' --changed --deleted --peek
	untrack "$dir" KILL
	rm "$dir/d/sub/x"
	track_only "$dir"
	run --separate-stderr hsm-checkpoint --json "$dir"
	jq -es 'any(.op == "rescan" and .path == "d/sub") and any(.op == "delete" and .path == "d/b")' <<<"$output"
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

@test "4.6 restart: killed, and mounted again, as after a power loss: rescan ." {
	own_file_system
	track "$dir"
	untrack "$dir" KILL
	mount_again
	track_only "$dir"
	needs_all
	echo more >>"$dir/d/a"
	prints d/a
	untrack "$dir"
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
