# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
#
# Whatever of a server is killed, its readers get the right bytes or an error.

load lib/helpers

worker() {
	status "$dir" worker_pid
}

guard() {
	status "$dir" guard_pid
}

# Kill what COMMAND names, again and again, while PID runs.
kill_during() { # PID COUNT COMMAND...
	local pid=$1 count=$2 command
	shift 2
	while ((count-- > 0)) && kill -0 "$pid" 2>/dev/null; do
		for command; do
			kill -KILL "$($command)" 2>/dev/null || true
			sleep 0.1
		done
	done
}

ends_well() {
	stop "$dir"
	[ "$(ls -A "$dir")" = .hsm ]
	[ -z "$(hsm_pids "$dir")" ]
}

@test "3.1 crash: the worker is killed while a large file is read" {
	serve_tree files/big
	bounded -100 cmp "$dir/1G" "$TREES/files/big/1G" &
	kill_during $! 6 worker
	wait $!
	(($(status "$dir" worker_restarts) > 0))
	ends_well
}

@test "3.1 crash: guard and worker are killed in turns while many files are read" {
	serve_tree many
	bounded -100 diff -r "$TREES/many" "$dir" &
	kill_during $! 4 guard worker
	wait $!
	ends_well
}

@test "3.1 crash: the guard is killed, and its standby's standby" {
	local first
	serve_tree files/sizes
	first=$(guard)
	kill -KILL "$first"
	sleep 0.3
	kill -KILL "$(guard)"
	sleep 0.3
	[ "$(guard)" != "$first" ]
	same "$dir/5M" "$TREES/files/sizes/5M"
	ends_well
}

@test "3.5 crash: a worker that does not move is replaced" {
	serve_tree files/sizes --worker-timeout 2
	kill -STOP "$(worker)"
	bounded -30 cmp "$dir/5M" "$TREES/files/sizes/5M"
	(($(status "$dir" worker_restarts) > 0))
}

@test "2.9 crash: what a killed evictor leaves behind hurts nobody" {
	local pid
	serve_tree files/sizes
	bounded cat "$dir/5M" >/dev/null
	for pid in 1 2 3 4 5 6 7 8; do
		timeout -s KILL 0.00$pid hsm-evict -q "$dir/5M" || true
		same "$dir/5M" "$TREES/files/sizes/5M"
	done
}

@test "2.8 change: reading leaves a file clean, touch -m makes it dirty" {
	serve_tree files/sizes
	bounded cat "$dir/text" >/dev/null
	is online "$dir/text"
	touch -m -d "2001-01-01 UTC" "$dir/text"
	is dirty "$dir/text"
}

@test "2.6 streaming: a read of nothing fetches nothing" {
	local mark
	needs_log
	serve_tree files/big
	mark=$(log_mark)
	bounded python3 -c 'import os, sys; f = os.open(sys.argv[1], 0); os.pread(f, 0, 4096)' "$dir/1G"
	[ -z "$(fetches "$mark")" ]
	cold "$dir/1G"
}
