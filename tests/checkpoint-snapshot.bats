# SPDX-License-Identifier: GPL-2.0-or-later
# fs: btrfs
# takes: 10
#
# Issue 4: what only btrfs can do to a tracked directory.

load lib/helpers
load lib/tracking

teardown() {
	untrack_all
	[ -z "${other:-}" ] || ! mountpoint -q "$other" || umount "$other"
	stop_all
}

@test "4.5 snapshots: one that is made in the directory is listed with all that is in it, and heard from then on" {
	dir=$(new_dir tracked)
	btrfs -q subvolume create "$dir/sub"
	mkdir "$dir/sub/d"
	echo x >"$dir/sub/d/x"
	track "$dir"
	btrfs -q subvolume snapshot "$dir/sub" "$dir/snap"
	tells $'create snap\ncreate snap/d\ncreate snap/d/x'
	prints ""
	echo more >>"$dir/snap/d/x"
	mv "$dir/snap/d" "$dir/snap/e"
	tells $'rename snap/e snap/d\nrename snap/e/x snap/d/x\nmodify snap/e/x'
	btrfs -q subvolume delete "$dir/snap" >/dev/null
	tells "delete snap"
	btrfs -q subvolume delete "$dir/sub" >/dev/null
}

@test "4.7 strict: a snapshot, then a full disk: writers go on, and the next list is rescan ." {
	other=$BATS_TEST_TMPDIR/other
	mkdir "$other"
	truncate -s 160M "$other.img"
	mkfs.btrfs -q -f "$other.img"
	mount -o loop "$other.img" "$other"
	dir=$other/tree
	mkdir "$dir"
	(cd "$dir" && touch first second {1..150})
	track "$dir" --strict
	: >>"$dir/first"
	btrfs -q subvolume snapshot "$other" "$other/snapshot"
	head -c 1G /dev/zero >"$other/ballast" 2>/dev/null || true
	sync -f "$other"
	bounded bash -c 'cd "$1" && for i in {1..150}; do : >>"$i"; done' - "$dir"
	kill -0 "$(tracker_pid "$dir")"
	run --separate-stderr bounded hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]] || fail "$status: $output"
	grep "could not be written down" "$(track_log "$dir")"
	rm "$other/ballast"
	btrfs -q subvolume delete "$other/snapshot" >/dev/null
	for try in 1 2 3; do
		hsm-checkpoint -q "$dir" 2>/dev/null || true
	done
	: >>"$dir/second"
	prints second
}
