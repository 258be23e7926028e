# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
#
# Issue 3, lines 9 and 13: what a disk, limits and a freeze do to readers.

load lib/helpers
load lib/processes

teardown() {
	local pid
	for pid in "${loops[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -z "${box:-}" ] || fsfreeze -u "$box" 2>/dev/null || true
	[ -z "${slow_pid:-}" ] || kill "$slow_pid"
	stop_all
	[ -z "${box:-}" ] || umount -l "$box" || true
	rm -rf "$TREES/tmp/faults"
}

loops=()

# A file system of its own, of SIZE, mounted at $box.
make_box() { # SIZE
	box=$BATS_TEST_TMPDIR/box
	mkdir -p "$box"
	truncate -s "$1" "$BATS_TEST_TMPDIR/img"
	case $FS in
	ext4) mkfs.ext4 -q -F -m 0 "$BATS_TEST_TMPDIR/img" ;;
	xfs) mkfs.xfs -q "$BATS_TEST_TMPDIR/img" ;;
	btrfs) mkfs.btrfs -q "$BATS_TEST_TMPDIR/img" ;;
	esac
	mount -o loop "$BATS_TEST_TMPDIR/img" "$box"
}

# Serve a tree in the box; sets $dir and $log.
serve_box() { # TREE [OPTION...]
	dir=$box/dir log=$BATS_TEST_TMPDIR/log
	serve "$REMOTE$1/" "$dir" --log-file "$log" "${@:2}"
}

fails_with() { # TEXT FILE
	run bounded -30 dd if="$2" of=/dev/null bs=1M
	[ "$status" = 1 ]
	[[ $output == *"$1"* ]] || fail "not '$1': $output"
}

@test "3.9 disk: full: ENOSPC for that file, the others go on, space comes back" {
	make_box 320M
	serve_box files/sizes
	# What is left is enough for 5M and not for 64M.
	fallocate -l $(($(stat -f -c '%a * %S' "$box") - (24 << 20))) "$dir/filler"
	before=$(stat -c %y "$dir/64M")
	fails_with "No space left" "$dir/64M"
	[ "$(resident "$dir/64M")" -lt $((64 << 20)) ]
	[ "$(stat -c %y "$dir/64M")" = "$before" ]
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
	fails_with "No space left" "$dir/64M"
	rm "$dir/filler"
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
	is online "$dir/64M" "$dir/5M"
}

@test "3.9 disk: over quota: EDQUOT for that file, the others go on" {
	# Of the kernels that this runs on only btrfs has quotas without a module.
	FS=btrfs make_box 400M
	btrfs -q quota enable "$box"
	btrfs -q qgroup limit 40M "$box"
	serve_box files/sizes
	fails_with "Disk quota exceeded" "$dir/64M"
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
	fails_with "Disk quota exceeded" "$dir/64M"
	btrfs -q qgroup limit 200M "$box"
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
	is online "$dir/64M" "$dir/5M"
}

@test "3.9 disk: read-only for a while: an error for what is absent, then content" {
	make_box 320M
	serve_box files/sizes
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
	mount -o remount,ro "$box"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
	fails_with "Input/output error" "$dir/5M"
	fails_with "Input/output error" "$dir/64M"
	cold "$dir/5M"
	mount -o remount,rw "$box"
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
	[ "$(status "$dir" worker_restarts)" = 0 ]
}

@test "3.9 disk: no memory for a fill: an error or content, then content" {
	local worker n
	make_tree faults 60 200000
	serve_tree tmp/faults --read-ahead-files 0
	worker=$(status "$dir" worker_pid)
	# No more than it has now: what comes from its heap's rest still works.
	prlimit --pid "$worker" --as=1000000:unlimited
	for ((n = 0; n < 60; n++)); do
		if bounded -30 cat "$dir/$n" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"; then
			cmp "$BATS_TEST_TMPDIR/out" "$TREES/tmp/faults/$n"
		else
			grep "Input/output error" "$BATS_TEST_TMPDIR/err"
		fi
	done
	prlimit --pid "$(status "$dir" worker_pid)" --as=unlimited:unlimited
	same "$dir" "$TREES/tmp/faults"
}

@test "3.9 disk: few descriptors: 300 readers of 300 files, all right" {
	local pids=() n soft
	make_tree faults 300 9000
	dir=$(new_dir few)
	log=$BATS_TEST_TMPDIR/log
	(
		ulimit -n 64
		serve "${REMOTE}tmp/faults/" "$dir" --log-file "$log"
	)
	soft=$(awk '/open files/ { print $4 }' "/proc/$(status "$dir" worker_pid)/limits")
	[ "$soft" = 64 ]
	for ((n = 0; n < 300; n++)); do
		bounded -60 cmp "$dir/$n" "$TREES/tmp/faults/$n" 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n" || fail "a reader failed: $(tail "$log")"
	done
	[ "$(status "$dir" errors)" = 0 ]
}

# Freeze and thaw $box every 100 ms.
freeze_loop() {
	while :; do
		fsfreeze -f "$box" && echo >>"$BATS_TEST_TMPDIR/freezes"
		sleep 0.02
		fsfreeze -u "$box"
		sleep 0.1
	done
}

@test "3.13 disk: frozen and thawed all the time: readers, writers, truncations, evictions go on" {
	local n pid pids=()
	make_tree faults 40 200000
	make_box 400M
	serve_box tmp/faults
	: >"$BATS_TEST_TMPDIR/freezes"
	freeze_loop 3>&- 2>/dev/null &
	loops+=($!)
	(
		while :; do
			hsm-evict -q -R "$dir" 2>/dev/null || true
			sleep 0.05
		done
	) 3>&- &
	loops+=($!)
	for ((n = 0; n < 20; n++)); do
		(
			# Twenty files are only read; of twenty others each is rewritten.
			round=0
			until (((++round > 6) && $(wc -l <"$BATS_TEST_TMPDIR/freezes") > 5)); do
				timeout 30 cmp "$dir/$n" "$TREES/tmp/faults/$n" || exit 1
				timeout 30 bash -c "echo $n-$round >'$dir/$((n + 20))'" || exit 2
				timeout 30 grep -qx "$n-$round" "$dir/$((n + 20))" || exit 3
			done
		) 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "exit status $?: $(tail "$log")"
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/freezes")" -gt 5 ]
	[ "$(status "$dir" errors)" = 0 ]
	[ "$(status "$dir" worker_restarts)" = 0 ]
}

@test "3.13 disk: cold files are rewritten while it is frozen and thawed: nobody waits for a fetch" {
	make_tree faults 200 3000
	make_box 400M
	slow_remote 1000
	dir=$box/dir log=$BATS_TEST_TMPDIR/log
	serve "${slow}tmp/faults/" "$dir" --log-file "$log"
	: >"$BATS_TEST_TMPDIR/freezes"
	freeze_loop 3>&- 2>/dev/null &
	loops+=($!)
	# Whoever truncates holds up the freeze, and that every write of ours.
	bounded -30 python3 - "$dir" "$BATS_TEST_TMPDIR/freezes" <<-'EOT'
		import os, sys, time
		for n in range(200):
		    if n >= 30 and os.path.getsize(sys.argv[2]) >= 10:
		        break
		    with open("%s/%d" % (sys.argv[1], n), ("w", "w+")[n % 2]) as file:
		        file.write("%d\n" % n)
		    time.sleep(0.02)
	EOT
	for n in {0..29}; do
		[ "$(<"$dir/$n")" = "$n" ]
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/freezes")" -ge 10 ]
	[ "$(status "$dir" requests)" = 0 ]
}
