# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 140
#
# Whoever of the server is killed or stopped: readers get the right bytes, and
# nothing is left when it ends.

BATS_TEST_TIMEOUT=240
load lib/helpers
load lib/processes

teardown() {
	wake ${stopped:-}
	[ -z "${slow_pid:-}" ] || kill "$slow_pid"
	stop_all
	rm -rf "$TREES/tmp/crash"
}

# Kill who answers to each KEY of the status in turn, as long as PID runs.
kill_while() { # PID KEY...
	local reader=$1 pid kills=0
	shift
	while kill -0 "$reader" 2>/dev/null; do
		pid=$(status "$dir" "$1")
		# It answers, so it lives: a while, or nobody ever gets ahead.
		sleep 0.4
		[[ $pid -le 1 ]] || kill -KILL "$pid"
		kills=$((kills + 1))
		set -- "${@:2}" "$1"
	done
	echo "$kills kills"
	((kills >= 3)) # else this proves nothing
}

ends_cleanly() {
	stop "$dir"
	wait_for "the processes to end" gone "$dir"
	[ "$(ls -A "$dir")" = .hsm ]
}

# Read one large file, then many small ones, while those who serve are killed.
read_while_killing() { # KEY...
	slow_remote 20
	dir=$(new_dir crash)
	serve "${slow}files/" "$dir"
	bounded -80 cmp "$dir/big/1G" "$TREES/files/big/1G" 3>&- &
	kill_while $! "$@"
	wait $!
	ends_cleanly
	dir=$(new_dir crash)
	mkdir -p "$TREES/tmp/crash"
	cp -a "$TREES/many/"d00? "$TREES/tmp/crash"
	serve "${slow}tmp/crash/" "$dir" --jobs 1 --read-ahead-files 0
	bounded -80 tar -C "$dir" --exclude .hsm -cf "$BATS_TEST_TMPDIR/tar" . 3>&- &
	kill_while $! "$@"
	wait $! || [ $? = 1 ] # "file changed as we read it": its ctime
	mkdir "$BATS_TEST_TMPDIR/out"
	tar -C "$BATS_TEST_TMPDIR/out" -xf "$BATS_TEST_TMPDIR/tar"
	same "$BATS_TEST_TMPDIR/out" "$TREES/tmp/crash"
	ends_cleanly
}

@test "2 crash: the worker is killed again and again" {
	read_while_killing worker_pid
}

@test "2 crash: the guard is killed again and again" {
	read_while_killing guard_pid
}

@test "2 crash: both are killed in turn" {
	read_while_killing worker_pid guard_pid
}

@test "2 crash: a worker that does not move is replaced" {
	serve_tree files/sizes --worker-timeout 2
	stopped=$(status "$dir" worker_pid)
	kill -STOP "$stopped"
	bounded -30 cmp "$dir/text" "$TREES/files/sizes/text"
	bounded -30 cmp "$dir/64M" "$TREES/files/sizes/64M"
	[ "$(status "$dir" worker_pid)" != "$stopped" ]
	ends_cleanly
}

# ------------------------------------------------------------- kill points --

# Readers of a small file, one that is fetched whole and one that streams.
start_readers() {
	local file
	readers=()
	for file in text 5M 64M; do
		bounded -40 cmp -n 9000000 "$dir/$file" "$TREES/files/sizes/$file" 3>&- &
		readers+=($!)
	done
}

readers_succeed() {
	local pid
	for pid in "${readers[@]}"; do
		wait "$pid" || fail "$1: a reader failed: $(tail -n 20 "$log")"
	done
}

nothing_is_left() {
	[ "$(status "$dir" waiting)" = 0 ]
	[ "$(status "$dir" errors)" = 0 ]
	ends_cleanly
}

@test "3.1 crash: the worker is killed in each system call of a fill" {
	local call worker
	serve_logged files/sizes --read-ahead-files 0
	for call in read name_to_handle_at newfstatat flistxattr fgetxattr openat sendto recvfrom \
		open_by_handle_at pwrite64 utimensat fallocate fanotify_mark write close; do
		chill "$dir"
		worker=$(status "$dir" worker_pid)
		trace "$worker" -f -e trace="$call" -e inject="$call:signal=KILL"
		start_readers
		readers_succeed "$call"
		was_killed worker_pid "$worker" "$call"
	done
	nothing_is_left
}

@test "3.1 crash: the worker is killed after a system call of a fill, before it goes on" {
	local call worker
	serve_logged files/sizes --read-ahead-files 0
	# read: the kernel has made the descriptor, nobody has seen the event yet.
	# write: the reader has its answer, the slot is still taken.
	for call in read pwrite64 utimensat write close; do
		chill "$dir"
		worker=$(status "$dir" worker_pid)
		trace "$worker" -f -e trace="$call" -e inject="$call:delay_exit=2s"
		start_readers
		sleep 0.3
		kill -KILL "$worker"
		readers_succeed "$call"
		was_killed worker_pid "$worker" "$call"
	done
	nothing_is_left
}

@test "3.1 crash: a hole that is punched while the worker is killed stays" {
	local n worker
	make_tree crash 12 300000
	serve_logged tmp/crash --read-ahead-files 0
	for n in {0..11}; do
		worker=$(status "$dir" worker_pid)
		bounded fallocate -p -o 4096 -l 65536 "$dir/$n" 3>&- &
		sleep "0.00$((RANDOM % 9))"
		[[ $worker -le 1 ]] || kill -KILL "$worker"
		wait $!
		wait_for "$n to be dirty" eval '[ "$(state "$dir/$n")" = dirty ]'
		fallocate -p -o 4096 -l 65536 "$TREES/tmp/crash/$n"
	done
	same "$dir" "$TREES/tmp/crash"
}

@test "3.1 crash: a worker that is killed leaves no descriptor behind" {
	local guard round
	# Where a worker finds numbers that are free between those of the guard.
	dir=$(new_dir holes)
	serve "${REMOTE}files/sizes/" "$dir" --strict --ready-fd 9 9>"$BATS_TEST_TMPDIR/ready"
	guard=$(status "$dir" guard_pid)
	for round in 1 2 3 4; do
		hsm-checkpoint -q "$dir" || true
		bounded cat "$dir/text" >/dev/null
		hsm-evict -q "$dir/text"
		kill -KILL "$(status "$dir" worker_pid)"
		wait_for "a new worker" eval '[ "$(status "$dir" worker_restarts)" = $round ]'
		wait_for "its journal" eval '[[ $(hsm-checkpoint "$dir" 2>&1) != *"cannot be read"* ]]'
		[ "$(find "/proc/$guard/fd" -lname '*/journal/lock' | wc -l)" = 1 ]
	done
}

@test "3.1 crash: the guard is killed in each system call of a takeover" {
	local call guard worker
	serve_logged files/sizes --read-ahead-files 0
	for call in wait4 openat write close_range clone pidfd_open dup3 poll; do
		chill "$dir"
		guard=$(status "$dir" guard_pid) worker=$(status "$dir" worker_pid)
		trace "$guard" -e trace="$call" -e inject="$call:signal=KILL"
		kill -KILL "$worker"
		start_readers
		readers_succeed "$call"
		was_killed guard_pid "$guard" "$call"
	done
	nothing_is_left
}

@test "3.1 crash: two of the three are killed at once, in every order" {
	local guard worker standby victims
	serve_logged files/sizes --read-ahead-files 0
	# Guard and standby together are the end: nobody starts the next one.
	for victims in "guard worker" "worker guard" "standby worker" "worker standby" standby; do
		chill "$dir"
		wait_for "a standby" eval '[ -n "$(standby_pid)" ]'
		# shellcheck disable=SC2034 # expanded below
		guard=$(status "$dir" guard_pid) worker=$(status "$dir" worker_pid) standby=$(standby_pid)
		start_readers
		sleep "0.0$((RANDOM % 10))"
		# shellcheck disable=SC2086 # names of variables
		eval kill -KILL $(printf '$%s ' $victims)
		readers_succeed "$victims"
	done
	nothing_is_left
}

@test "2 crash: an evictor that sleeps on its lease holds a reader up, no longer" {
	local evictor reader
	serve_tree files/sizes
	bounded cat "$dir/5M" >/dev/null
	# It stops itself in the call that makes the hole.
	strace -qq -o /dev/null -e inject=fallocate:signal=STOP hsm-evict "$dir/5M" 3>&- >/dev/null &
	evictor=$!
	holds_lease() {
		stopped=$(pgrep -P $evictor hsm-evict) && grep -q '^State:.*[Tt] ' "/proc/$stopped/status"
	}
	wait_for "the evictor to stop" holds_lease
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M" 3>&- &
	reader=$!
	sleep 3
	kill -CONT "$stopped"
	wait $evictor || true
	wait $reader
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
	is online "$dir/5M"
}

@test "2 crash: a file whose lease is not given up holds up no other" {
	local holder late name pid readers=() worker
	serve_tree files/sizes
	worker=$(status "$dir" worker_pid)
	python3 - "$dir/64M" >"$BATS_TEST_TMPDIR/held" 3>&- <<-'EOT' &
		import fcntl, os, signal, sys
		signal.signal(signal.SIGIO, signal.SIG_IGN)
		file = os.open(sys.argv[1], os.O_RDONLY)
		fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
		print("held", flush=True)
		signal.pause()
	EOT
	holder=$!
	wait_for "the lease" grep -q held "$BATS_TEST_TMPDIR/held"
	# Let all the events be there when they are read.
	kill -STOP "$worker"
	for name in 1 4095 4096 4097 text 5M; do
		bounded -20 cat "$dir/$name" >/dev/null 3>&- &
		readers+=($!)
	done
	sleep 0.5
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M" 3>&- &
	late=$!
	sleep 0.5
	kill -CONT "$worker"
	for pid in "${readers[@]}"; do
		wait "$pid"
	done
	kill "$holder"
	wait "$late"
}

@test "2 crash: only a user's change of mtime makes a file dirty, not a fill" {
	serve_tree files/sizes
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	hsm-evict -q "$dir/5M"
	bounded cat "$dir/5M" >/dev/null
	sleep 1
	is online "$dir"/{text,5M,64M}
	touch -m -d 2001-02-03 "$dir/text"
	is dirty "$dir/text"
	is online "$dir"/{5M,64M}
	same "$dir/text" "$TREES/files/sizes/text"
}

@test "2 crash: a read of nothing fetches nothing" {
	local mark
	needs_log
	serve_tree files/sizes
	mark=$(log_mark)
	bounded -10 python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
assert os.pread(fd, 0, 0) == os.pread(fd, 0, 4096) == os.read(fd, 0) == b""' "$dir/64M"
	[ -z "$(fetches "$mark")" ]
	cold "$dir/64M"
}

@test "2.14 starting: --ready-fd with a high number is told" {
	dir=$(new_dir ready)
	echo "$dir" >>"$(scope)/served"
	exec 99>"$BATS_TEST_TMPDIR/ready"
	timeout 60 hsm-serve --ready-fd 99 "${REMOTE}files/sizes/" "$dir" </dev/null 2>/dev/null 3>&- &
	exec 99>&-
	wait_for "the word on the descriptor" test -s "$BATS_TEST_TMPDIR/ready"
	stop "$dir"
}
