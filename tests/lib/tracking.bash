# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Directories that hsm-checkpoint --watch tracks.  A file that loads this one
# calls untrack_all in its teardown, before stop_all.

# Track DIR in the background until untrack DIR; the journal's first list is over.
track() { # DIR [OPTION...]
	track_only "$@"
	hsm-checkpoint -q "$1" 2>/dev/null || true
}

track_only() { # DIR [OPTION...]
	local log
	log=$(track_log "$1")
	: >"$log"
	hsm-checkpoint --watch "${@:2}" "$1" </dev/null >/dev/null 2>"$log" 3>&- &
	echo "$1 $!" >>"$(scope)/tracked"
	wait_for "the tracker of $1" grep -q tracking "$log"
}

track_log() { # DIR
	echo "$SCRATCH/track$(tr / _ <<<"$1").log"
}

tracker_pid() { # DIR
	awk -v dir="$1" '$1 == dir { pid = $2 } END { print pid }' "$(scope)/tracked"
}

untrack() { # DIR [SIGNAL]
	local pid
	pid=$(tracker_pid "$1")
	kill -"${2:-TERM}" "$pid"
	wait "$pid" 2>/dev/null || true
}

untrack_all() {
	local dir pid
	while read -r dir pid; do
		kill -TERM "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
		if [[ -z ${BATS_TEST_COMPLETED:-} && -s $(track_log "$dir") ]]; then
			echo "# the tracker of $dir said:"
			tail -n 5 "$(track_log "$dir")"
		fi
		forget_journal "$dir"
		rm -rf --one-file-system "$(track_log "$dir")" "$dir/.hsm"
	done < <(tac "$(scope)/tracked" 2>/dev/null)
	rm -f "$(scope)/tracked"
}

# A checkpoint of $dir: does it print just these lines?
prints() { # LINES [OPTION...]
	local wanted=$1 shown
	shift
	shown=$(bounded hsm-checkpoint "$@" "$dir") || fail "exit status $?"
	diff <(echo "$wanted") <(echo "$shown") || fail "(<) was wanted"
}

# The same in JSON, as "OP PATH [FROM]".
tells() { # LINES [OPTION...]
	local wanted=$1 shown
	shift
	shown=$(bounded hsm-checkpoint --json "$@" "$dir" |
		jq -r '[.op, .path, (.from // empty)] | join(" ")') || fail "exit status $?"
	diff <(echo "$wanted") <(echo "$shown") || fail "(<) was wanted"
}
