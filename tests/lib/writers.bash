# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Tracked directories in which much happens; goes with tracking.bash.

judge=$TESTS/tools/judge.py

# Track a new directory that is not a file system of its own; sets $dir.
track_part() { # [OPTION...]
	dir=$(new_dir tracked)/tree
	mkdir "$dir"
	track "$dir" "$@"
}

# Let 16 processes write for SECONDS, and take lists; sets $out, where these are.
storm() { # SECONDS [OPTION...]
	local result
	track_part "${@:2}"
	out=$BATS_TEST_TMPDIR/out
	mkdir "$out"
	python3 "$TESTS/tools/storm.py" "$out/storm.tar" 200 50
	"$BUILD/tests/tools/writers" "$dir" "$out" "$1" "$RANDOM" |
		python3 "$judge" cut "$out" hsm-checkpoint --json "$dir"
	result=("${PIPESTATUS[@]}")
	[ "${result[*]}" = "0 0" ]
}

verdict() { # KEY: a number of what the judge said, in $output
	# shellcheck disable=SC2154 # set by run
	sed -nE "s/(^|.* )$1 ([0-9]+).*/\2/p" <<<"$output" | tail -n 1
}
