# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # dir is set by who loads this
#
# For the bats files that break a server: words on top of helpers.bash.

# A server whose messages go to $log.
serve_logged() { # TREE [OPTION...]
	log=$BATS_TEST_TMPDIR/log
	serve_tree "$@" --log-file "$log"
}

# For teardown: nobody who was stopped by a test stays so.
wake() { # [PID...]
	local pid
	for pid; do
		kill -CONT "$pid" 2>/dev/null || true
	done
}

standby_pid() {
	local pid
	for pid in $(hsm_pids "$dir"); do
		[[ $(cat "/proc/$pid/comm") != hsm-standby ]] || echo "$pid"
	done
}

# Attach strace with OPTIONS to PID; sets $tracer.  It ends with what it traces.
trace() { # PID OPTION...
	local pid=$1
	shift
	strace -qq -o /dev/null -p "$pid" "$@" 3>&- &
	tracer=$!
	attached() {
		! grep -L "^TracerPid:.$tracer\$" "/proc/$pid/status" | grep -q . || return
		[[ " $* " != *" -f "* ]] || ! grep -L "^TracerPid:.$tracer\$" "/proc/$pid/task"/*/status | grep -q .
	}
	wait_for "strace" attached "$@"
}

untrace() {
	kill "$tracer"
	wait "$tracer" || true
}

was_killed() { # KEY PID WHERE
	[ "$(status "$dir" "$1")" != "$2" ] && return
	kill "$tracer" || true
	fail "$3: not reached"
}

# A remote tree of its own for this test: FILES of SIZE bytes each, at $TREES/tmp/NAME.
make_tree() { # NAME FILES SIZE
	local n
	mkdir -p "$TREES/tmp/$1"
	for ((n = 0; n < $2; n++)); do
		head -c "$3" /dev/urandom >"$TREES/tmp/$1/$n"
	done
}
