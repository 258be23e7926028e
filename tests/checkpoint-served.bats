# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
#
# Checkpoints of a served tree: what users do is told, what hsm does is not.

load lib/helpers
load lib/tracking

setup() {
	serve_tree files
	first=$dir/sizes/text
	hsm-checkpoint -q "$dir" 2>/dev/null || true
}

@test "4 served: tracked from the first time that one asks; that time is rescan ." {
	serve_tree files
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	prints ""
}

@test "4 served: filling, evicting, prefetching and marks are no changes" {
	cat "$first" >/dev/null
	cat "$dir"/sizes/* >/dev/null
	hsm-evict -q -R "$dir"
	hsm-prefetch -q -R "$dir/sizes"
	hsm-mark -q --pin "$first"
	hsm-mark -q --unpin "$first"
	hsm-mark -q -R --refresh "$dir"
	hsm-evict -q "$first"
	cat "$first" >/dev/null
	prints ""
	sleep 0.2
	prints ""
}

@test "4 served: what users do is told; dirty is what the list says was modified" {
	other=$dir/sizes/5M
	cat "$other" >/dev/null
	echo more >>"$first"
	touch "$dir/new"
	prints "$(printf '%s\n' new sizes/text | sort)"
	is dirty "$first"
	is local "$dir/new"
	is online "$other"
	rm "$dir/new"
	mv "$first" "$dir/renamed"
	tells "$(printf '%s\n' 'delete new' "rename renamed sizes/text" | sort -k 2)"
	is dirty "$dir/renamed"
}

@test "4 served: a part of a tree has no list of its own" {
	refused 1 hsm-checkpoint "$(dirname "$first")"
}

@test "4 served: what was written after the end of the server is not passed over" {
	exec 5>>"$dir/sizes/4096"
	echo first >&5
	prints sizes/4096
	stop "$dir"
	echo second >&5
	exec 5>&-
	wait_for "the end of the server" gone "$dir"
	serve "$REMOTE"files/ "$dir"
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	prints ""
}

@test "4 served: a worker that is killed: rescan ., and then right again" {
	kill -KILL "$(status "$dir" worker_pid)"
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	touch "$dir/new"
	prints new
}
