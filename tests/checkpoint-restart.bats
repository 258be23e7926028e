# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 25
#
# Issue 4, line 6: what happens between one tracker and the next.

load lib/helpers
load lib/tracking
load lib/restarting

setup() {
	restart_setup
}

teardown() {
	restart_teardown
}

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

@test "4.6 restart: a mapping that outlives the tracker is told, whenever it is stored into" {
	track "$dir"
	mapper "$dir/d/a"
	step store
	grow_old
	hsm-checkpoint -q "$dir"
	untrack "$dir"
	step store
	track_only "$dir"
	prints d/a
	end_mapper
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
