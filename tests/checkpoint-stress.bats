# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 140
#
# Issue 4, line 4: 16 writers and a checkpoint every 50 ms, for STRESS_SECONDS.

STRESS_SECONDS=${STRESS_SECONDS:-$([ "$FS" = ext4 ] && echo 120 || echo 8)}
BATS_TEST_TIMEOUT=$((STRESS_SECONDS * 2 + 120))
load lib/helpers
load lib/tracking
load lib/writers

teardown() {
	untrack_all
	stop_all
}

@test "4.4 stress: 16 writers, a checkpoint every 50 ms: every change is in a list that it has to be in" {
	storm "$STRESS_SECONDS"
	run python3 "$judge" judge "$out" 30
	echo "$output"
	[ "$status" = 0 ]
	[ "$(verdict lost)" = 0 ]
	# Otherwise this would prove little.  (A busy machine makes fewer lists.)
	[ "$(verdict 'of one list')" -gt 1000 ]
	[ "$(verdict lists)" -gt "$STRESS_SECONDS" ]
	[ "$(verdict rescans)" -le $(($(verdict lists) / 10 + 1)) ]
	[ "$(verdict mutations)" -ge 2 ]
	[ "$(verdict noticed)" = "$(verdict mutations)" ]
	for how in append chmod chown copy_file_range direct exited fallocate fifo ftruncate git \
		held io_uring lchown link map mapped mtime open punch pwrite rename reflink removexattr \
		rmdir setxattr socket splice storm symlink tmpfile trunc truncate unlink unmapped utimens \
		writev zero; do
		[ "$how-$FS" != reflink-ext4 ] || continue
		[ "$(verdict "$how")" -gt 0 ] || fail "no $how"
	done
}
