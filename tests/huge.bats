# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 45
#
# Issue line 3: 100,000 files in 1,000 directories.

BATS_TEST_TIMEOUT=240
load lib/helpers

# The largest peak of memory of the processes that serve DIR, in KiB.
peak() { # DIR
	local pid
	for pid in $(hsm_pids "$1"); do
		awk '$1 == "VmHWM:" { print $2 }' "/proc/$pid/status"
	done | sort -n | tail -n 1
}

@test "2.3 huge: 100,000 files in 1,000 directories, in parallel, in bounded memory" {
	local mark small large
	serve_tree walk
	small=$(peak "$dir")
	stop "$dir"

	mark=$(log_mark)
	serve_tree huge --jobs 4
	large=$(peak "$dir")
	echo "peak: $small KiB for 400 files, $large KiB for 100,000"
	((large < small + 16384))
	[ "$(find "$dir" -path "$dir/.hsm" -prune -o -type f -print | wc -l)" = 100000 ]
	[ "$(find "$dir" -mindepth 1 -path "$dir/.hsm" -prune -o -mindepth 1 -type d -print | wc -l)" = 1000 ]
	if [[ $REMOTE == http* ]]; then
		[ "$(requests "$mark" | wc -l)" -le 1010 ]
		connections=$(requests "$mark" | awk '{ print $6 }' | sort -u | wc -l)
		((connections >= 2 && connections <= 5)) || fail "$connections connections"
	fi
	[ "$(cat "$dir/d999/f99")" = 999 ]
}

@test "2.3 huge: listing draws a progress line" {
	dir=$(new_dir many)
	echo "$dir" >>"$(scope)/served"
	bounded hsm-serve -b --progress "${REMOTE}many/" "$dir" 2>"$BATS_TEST_TMPDIR/err" 3>&-
	tr '\r' '\n' <"$BATS_TEST_TMPDIR/err" | grep -E '[0-9]+ .*files'
}

@test "2.3 huge: a walk over 100,000 placeholders by hsm-mark is complete" {
	serve_tree huge
	[ "$(hsm-mark -R --state offline "$dir" | wc -l)" = 100000 ]
	[ "$(status "$dir" offline)" = 100000 ]
}

@test "2 bad input: 100,000 paths on stdin" {
	serve_tree huge
	find "$dir" -path "$dir/.hsm" -prune -o -type f -print0 | sort -z >"$BATS_TEST_TMPDIR/paths"
	[ "$(bounded -120 hsm-mark -0 <"$BATS_TEST_TMPDIR/paths" | tr -cd '\0' | wc -c)" = 100000 ]
	bounded -120 hsm-evict -q -0 <"$BATS_TEST_TMPDIR/paths"
	bounded -120 hsm-evict -n -0 <"$BATS_TEST_TMPDIR/paths" >/dev/null
}
