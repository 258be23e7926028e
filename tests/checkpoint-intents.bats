# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 30
#
# Issue 4, line 7, what no file system does in a way of its own: what is on the disk
# when --strict lets somebody open a file, and the stress of checkpoint-stress.bats.

load lib/helpers
load lib/processes
load lib/tracking
load lib/writers

setup() {
	dir=$(new_dir tracked)
}

teardown() {
	untrack_all
	[ ! -d "$BATS_TEST_TMPDIR/own" ] || umount "$BATS_TEST_TMPDIR/own"
	stop_all
}

@test "4.7 intents: who opens for writing goes on when the disk has it, not before" {
	local calls=$BATS_TEST_TMPDIR/calls
	touch "$dir/old"
	track "$dir" --strict
	trace "$(tracker_pid "$dir")" -f -e trace=fdatasync -e inject=fdatasync:delay_enter=1s -o "$calls"
	# What is younger than the period need not be there.
	bash -c ': >"$1/new"; exec 5>>"$1/new"; cp "$2" "$2.new"' - "$dir" "$calls"
	[ ! -s "$calls.new" ] || fail "$(cat "$calls.new")"
	bash -c 'exec 5>>"$1/old"; cp "$2" "$2.old"' - "$dir" "$calls"
	grep -Eq 'fdatasync.* = 0' "$calls.old" || fail "$(cat "$calls.old")"
}

@test "4.7 intents: what is open for writing at a checkpoint is on the disk for the next list" {
	local image=$BATS_TEST_TMPDIR/own.img next
	mkdir "$BATS_TEST_TMPDIR/own"
	truncate -s 64M "$image"
	mkfs.ext4 -q -F "$image"
	mount -o loop "$image" "$BATS_TEST_TMPDIR/own"
	dir=$BATS_TEST_TMPDIR/own/tree
	mkdir "$dir"
	touch "$dir/held" "$dir/closed"
	track "$dir" --strict
	exec 5>>"$dir/held"
	: >>"$dir/closed"
	prints $'closed\nheld'
	cp --sparse=always "$image" "$image.after" # as if the power went now
	exec 5>&-
	next=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f 1)
	next=$((${next##*-} + 1))
	untrack "$dir" KILL
	umount "$BATS_TEST_TMPDIR/own"
	mount -o loop "$image.after" "$BATS_TEST_TMPDIR/own"
	grep -q held "$dir/.hsm/journal/$next.intent"
	! grep -q closed "$dir/.hsm/journal/$next.intent"
}

@test "4.7 intents: many files in one period, each is written down once" {
	local said name
	for name in a b c; do
		echo x >"$dir/$name"
	done
	track "$dir" --strict -v
	# Mapped, and closed again: nothing but the opening tells of them.
	python3 - "$dir" "$SCRATCH/go" <<-'EOT2' 3>&- &
		import mmap, os, sys, time
		maps = []
		for name in "ab":
		    fd = os.open(f"{sys.argv[1]}/{name}", os.O_RDWR)
		    maps.append(mmap.mmap(fd, 2))
		    os.close(fd)
		open(sys.argv[2], "w").close()
		while os.path.exists(sys.argv[2]): time.sleep(0.01)
	EOT2
	local mapper=$!
	wait_for "the mappings" test -e "$SCRATCH/go"
	for name in {1..50}; do
		: >>"$dir/c"
	done
	prints $'a\nb\nc'
	rm "$SCRATCH/go"
	wait "$mapper"
	said=$(grep -o "strict: .* syncs" "$(track_log "$dir")" | tail -n 1)
	[[ $said =~ strict:\ ([0-9]+)\  ]] || fail "$said"
	echo "$said"
	((BASH_REMATCH[1] >= 3 && BASH_REMATCH[1] < 20))
}

@test "4.7 strict: 16 writers, a checkpoint every 50 ms: nothing is lost, and what is open is in each list" {
	storm 8 --strict
	run python3 "$judge" judge "$out" strict
	echo "$output"
	[ "$status" = 0 ]
	[ "$(verdict lost)" = 0 ]
	[ "$(verdict unreported)" = 0 ]
	[ "$(verdict holds)" -gt 20 ]
	[ "$(verdict 'of one list')" -gt 100 ]
}
