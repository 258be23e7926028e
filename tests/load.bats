# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 50
#
# Issue 3, line 13: very many readers.  LOAD_WAITERS (default 4000) is how many wait
# at a time; each is a thread, and kernel.pid_max is raised for more than it allows.
# 50,000 work, too, and take four minutes: each answer wakes all who wait for one.

LOAD_WAITERS=${LOAD_WAITERS:-4000}
BATS_TEST_TIMEOUT=$((120 + LOAD_WAITERS / 50))
load lib/helpers
load lib/processes

setup() {
	pids=$(</proc/sys/kernel/pid_max)
	((pids > 2 * LOAD_WAITERS)) || echo $((2 * LOAD_WAITERS)) >/proc/sys/kernel/pid_max
}

teardown() {
	((pids > 2 * LOAD_WAITERS)) || echo "$pids" >/proc/sys/kernel/pid_max
	[ -z "${slow_pid:-}" ] || kill -KILL "$slow_pid"
	stop_all
	rm -rf "$TREES/tmp/faults"
}

# Resident memory of the worker, in KiB.
memory() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(status "$dir" worker_pid)/status"
}

all_right() {
	[ "$(status "$dir" errors)" = 0 ]
	[ "$(status "$dir" waiting)" = 0 ]
	[ "$(status "$dir" worker_restarts)" = 0 ]
	memory
	[ "$(memory)" -lt "$1" ]
}

@test "3.13 load: 200 processes read 2000 placeholders at once, with few descriptors" {
	make_tree faults 2000 3000
	dir=$(new_dir load)
	(
		ulimit -n 1024
		serve "${REMOTE}tmp/faults/" "$dir"
	)
	# Each reads 200 of them, each is read by 20.
	bounded python3 - "$dir" "$TREES/tmp/faults" <<-'EOT'
		import os, sys
		here, there = sys.argv[1:]
		right = [open(f"{there}/{n}", "rb").read() for n in range(2000)]
		children = []
		for reader in range(200):
		    children.append(os.fork())
		    if not children[-1]:
		        mine = [(i * 7 + reader * 10) % 2000 for i in range(200)]
		        os._exit(any(open(f"{here}/{n}", "rb").read() != right[n] for n in mine))
		sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
	EOT
	all_right 100000
}

# Whether all threads of the readers are there; each goes straight to its file.
all_there() {
	local pid threads=0
	for pid in $(pgrep -P "$readers"); do
		threads=$((threads + $(awk '/^Threads/ { print $2 }' "/proc/$pid/status") - 1))
	done
	((threads == LOAD_WAITERS))
}

# LOAD_WAITERS threads read FILES files of a remote that does not answer before all
# of them wait.
wait_in_line() { # FILES [DESCRIPTORS]
	make_tree faults "$1" 3000
	slow_remote 0
	dir=$(new_dir line)
	(
		ulimit -n "${2:-$(ulimit -Hn)}"
		serve "${slow}tmp/faults/" "$dir" --jobs 32 --read-ahead-files 0 --timeout 600
	)
	kill -STOP "$slow_pid"
	"$BUILD/tests/tools/waiters" "$dir" "$TREES/tmp/faults" "$1" "$LOAD_WAITERS" \
		>"$BATS_TEST_TMPDIR/right" 3>&- &
	readers=$!
	wait_long "all readers" all_there
	sleep 1
	echo "$(status "$dir" waiting) events are known, the others in the kernel; $(memory) KiB"
	kill -CONT "$slow_pid"
	wait "$readers"
	[ "$(cat "$BATS_TEST_TMPDIR/right")" = "$LOAD_WAITERS" ]
	all_right $((200000 + LOAD_WAITERS))
}

wait_long() { # WHAT COMMAND...: as wait_for
	local end=$((SECONDS + BATS_TEST_TIMEOUT - 20))
	until "${@:2}"; do
		((SECONDS < end)) || fail "waited in vain for $1"
		sleep 0.3
	done
}

@test "3.13 load: thousands of readers wait for 100 files of a remote that is slow" {
	wait_in_line 100
}

@test "3.13 load: thousands of readers wait for one file" {
	wait_in_line 1
}

@test "3.13 load: thousands of readers wait, with 1024 descriptors" {
	wait_in_line 100 1024
}
