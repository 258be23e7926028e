# SPDX-License-Identifier: GPL-2.0-or-later
#
# Issue 3, lines 2 to 5: crashes on one file, processes that stop or hang, signals
# of a terminal, readers that go away.

load lib/helpers
load lib/processes

teardown() {
	wake ${stopped:-}
	[ -z "${tracer:-}" ] || kill "$tracer" 2>/dev/null || true
	[ -z "${slow_pid:-}" ] || kill "$slow_pid"
	stop_all
	rm -rf "$TREES/tmp/faults"
}

# A slow server of files 0 to 9 and the file "poison"; its messages go to $log.
serve_poison() { # MILLISECONDS [OPTION...]
	make_tree faults 10 9000
	tr '\0' x <"$TREES/tmp/faults/0" >"$TREES/tmp/faults/poison"
	slow_remote "$1"
	dir=$(new_dir poison)
	log=$BATS_TEST_TMPDIR/log
	serve "${slow}tmp/faults/" "$dir" --log-file "$log" --read-ahead-files 0 "${@:2}"
}

# Readers of all other files; they are waiting when this returns.
start_innocents() {
	local n
	innocents=()
	for n in 0 1 2 3 4 5 6 7 8 9; do
		bounded -60 cmp "$dir/$n" "$TREES/tmp/faults/$n" 3>&- &
		innocents+=($!)
	done
	wait_for "the others to wait" eval '[ "$(status "$dir" waiting)" = 10 ]'
}

innocents_succeed() {
	local pid
	for pid in "${innocents[@]}"; do
		wait "$pid" || fail "a reader of another file failed: $(cat "$log")"
	done
}

gives_eio() { # FILE
	run bounded -60 cat "$1"
	[ "$status" = 1 ]
	[[ $output == *"Input/output error"* ]]
}

@test "3.2 processes: a file that crashes the worker three times gives EIO, the others go on" {
	serve_poison 1000
	start_innocents
	trace "$(status "$dir" guard_pid)" -f -P "$dir/poison" -e trace=flistxattr \
		-e inject=flistxattr:signal=SEGV 3>&-
	# Where the fault is, not in the worker that runs already.
	kill -KILL "$(status "$dir" worker_pid)"
	wait_for "the next worker" eval '[ "$(status "$dir" worker_restarts)" = 1 ]'
	gives_eio "$dir/poison"
	grep "poison: the worker died 3 times on it, last: Segmentation fault; the read fails with EIO" "$log"
	innocents_succeed
	[ "$(status "$dir" worker_restarts)" = 4 ]
	[ "$(status "$dir" errors)" = 1 ]
	untrace
	bounded -20 cmp "$dir/poison" "$TREES/tmp/faults/poison"
}

@test "3.2 processes: so does one that crashes it while it is filled" {
	serve_poison 20
	trace "$(status "$dir" guard_pid)" -f -e trace=sendto -e inject=sendto:signal=BUS 3>&-
	kill -KILL "$(status "$dir" worker_pid)"
	gives_eio "$dir/poison"
	grep "poison: the worker died 3 times on it, last: Bus error" "$log"
	[ "$(status "$dir" errors)" = 1 ]
	untrace
	bounded -20 cmp "$dir/poison" "$TREES/tmp/faults/poison"
}

@test "3.2 processes: so does one on which it is killed, when it was long at it" {
	local reader result=0 n
	serve_poison 3000
	bounded -60 cat "$dir/poison" >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	reader=$!
	wait_for "the reader to wait" eval '[ "$(status "$dir" waiting)" = 1 ]'
	for n in 1 2 3; do
		sleep 0.8
		kill -KILL "$(status "$dir" worker_pid)"
		wait_for "the next worker" eval '[ "$(status "$dir" worker_restarts)" = $n ]'
	done
	wait $reader || result=$?
	[ $result = 1 ]
	grep "Input/output error" "$BATS_TEST_TMPDIR/err"
	grep "poison: the worker died 3 times on it, last: it was killed" "$log"
}

@test "3.2 processes: a worker that is killed in quick succession fails nobody" {
	local n
	serve_poison 1000
	start_innocents
	for n in 1 2 3 4 5 6 7 8; do
		kill -KILL "$(status "$dir" worker_pid)"
		wait_for "the next worker" eval '[ "$(status "$dir" worker_restarts)" = $n ]'
	done
	innocents_succeed
	[ "$(status "$dir" errors)" = 0 ]
	[ "$(status "$dir" waiting)" = 0 ]
}

@test "3.5 processes: a thread that hangs is noticed while the others live" {
	serve_poison 20 --worker-timeout 1
	trace "$(status "$dir" guard_pid)" -f -P "$dir/poison" -e trace=flistxattr \
		-e inject=flistxattr:delay_enter=3s 3>&-
	kill -KILL "$(status "$dir" worker_pid)"
	wait_for "the next worker" eval '[ "$(status "$dir" worker_restarts)" = 1 ]'
	gives_eio "$dir/poison"
	grep "worker has not moved for 1 s: replaced" "$log"
	grep "poison: the worker died 3 times on it, last: it hung" "$log"
	[ "$(status "$dir" worker_restarts)" = 4 ]
	bounded cmp "$dir/0" "$TREES/tmp/faults/0"
}

@test "3.5 processes: a stopped guard or standby holds nobody up" {
	local pid
	serve_logged files/sizes
	for pid in "$(status "$dir" guard_pid)" "$(standby_pid)"; do
		chill "$dir"
		stopped=$pid
		kill -STOP "$pid"
		bounded -20 cmp "$dir/5M" "$TREES/files/sizes/5M"
		kill -CONT "$pid"
		kill -KILL "$(status "$dir" worker_pid)"
		bounded -20 cmp "$dir/text" "$TREES/files/sizes/text"
	done
}

@test "3.4 processes: 200 readers that are interrupted leave nothing behind" {
	local n worker before readers=() result
	make_tree faults 200 9000
	slow_remote 2000
	dir=$(new_dir interrupted)
	serve "${slow}tmp/faults/" "$dir" --read-ahead-files 0
	bounded cmp "$dir/0" "$TREES/tmp/faults/0"
	worker=$(status "$dir" worker_pid)
	before=$(find "/proc/$worker/fd" -mindepth 1 | wc -l)
	for ((n = 1; n < 200; n++)); do
		# A background job of bash ignores SIGINT; this one does not.
		env --default-signal=INT cat "$dir/$n" >/dev/null 3>&- &
		readers+=($!)
	done
	wait_for "all to wait" eval '[ "$(status "$dir" waiting)" = 199 ]'
	kill -INT "${readers[@]}"
	for n in "${readers[@]}"; do
		result=0
		wait "$n" || result=$?
		[ $result = 130 ]
	done
	# What had begun is finished; what nobody waits for is not begun.
	wait_for "nobody to wait" eval '[ "$(status "$dir" waiting)" = 0 ]'
	[ "$(status "$dir" requests)" -lt 40 ]
	[ "$(status "$dir" worker_pid)" = "$worker" ]
	[ "$(find "/proc/$worker/fd" -mindepth 1 | wc -l)" -le $((before + 30)) ]
	[ "$(status "$dir" errors)" = 0 ]
	bounded cmp "$dir/199" "$TREES/tmp/faults/199"
}

# ------------------------------------------------------------------- guard --

# A server in the foreground, first of a process group; sets $server and $pids.
serve_group() {
	dir=$(new_dir group)
	echo "$dir" >>"$(scope)/served"
	setsid env --default-signal hsm-serve "${REMOTE}files/sizes/" "$dir" \
		3>&- 2>"${1:-$BATS_TEST_TMPDIR/err}" &
	server=$!
	wait_for "DIR to be served" mountpoint -q "$dir"
	wait_for "a standby" eval '[ -n "$(standby_pid)" ]'
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

@test "3.3 processes: a terminal that goes ends the server in order" {
	local signal
	for signal in HUP QUIT INT TERM; do
		serve_group
		kill -$signal -- -"$server"
		wait "$server" || true
		wait_for "the end of all processes" gone "$dir"
		[ "$(ls -A "$dir")" = .hsm ]
	done
}

@test "3.3 processes: other signals and a pipe that nobody reads do not" {
	local signal reader
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	cat 3>&- <"$BATS_TEST_TMPDIR/pipe" >/dev/null &
	reader=$!
	serve_group "$BATS_TEST_TMPDIR/pipe"
	kill $reader
	for signal in ALRM USR1 USR2 PIPE VTALRM PROF TSTP TTIN TTOU XFSZ IO URG WINCH; do
		kill -$signal -- -"$server"
		sleep 0.1
		[ "$(status "$dir" running)" = true ] || fail "SIG$signal"
	done
	# The guard says so, to nobody.
	kill -KILL "$(status "$dir" worker_pid)"
	bounded -20 cmp "$dir/5M" "$TREES/files/sizes/5M"
	[ "$(status "$dir" guard_pid)" = "$server" ]
	[ "$(status "$dir" worker_restarts)" = 1 ]
}

@test "3.1 processes: the guard allocates nothing, has no network, and is not killed for memory" {
	local guard n
	serve_logged files/sizes
	guard=$(status "$dir" guard_pid)
	# CAP_SYS_RESOURCE is what it takes; containers often have it not.
	if ((0x$(awk '/^CapEff/ { print $2 }' /proc/self/status) >> 24 & 1)); then
		[ "$(cat "/proc/$guard/oom_score_adj")" = -1000 ]
		[ "$(cat "/proc/$(standby_pid)/oom_score_adj")" = -1000 ]
	fi
	[ "$(cat "/proc/$(status "$dir" worker_pid)/oom_score_adj")" = 0 ]
	[ "$(find "/proc/$guard/task" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
	strace -qq -p "$guard" -o "$BATS_TEST_TMPDIR/calls" 3>&- &
	tracer=$!
	wait_for "strace" test -s "$BATS_TEST_TMPDIR/calls"
	for n in 1 2 3; do
		chill "$dir"
		bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
		kill -KILL "$(status "$dir" worker_pid)"
		bounded cmp "$dir/text" "$TREES/files/sizes/text"
	done
	sleep 2
	grep -q "^clone" "$BATS_TEST_TMPDIR/calls"
	run ! grep -E "^(brk|mmap|mremap|socket|connect|send|recv|bind)" "$BATS_TEST_TMPDIR/calls"
}

@test "3.3 processes: all killed at once: readers may see zeros, and nobody after the next start" {
	local n pids
	for n in start stop; do
		serve_logged files/sizes
		# At once: nobody who still runs sees that another one is gone.
		mapfile -t pids < <(hsm_pids "$dir")
		kill -STOP "${pids[@]}"
		kill -KILL "${pids[@]}"
		wait_for "their end" eval '[ -z "$(hsm_pids "$dir")" ]'
		run hsm-serve --status "$dir"
		[ "$status" = 1 ]
		[[ $output == *killed* ]]
		[ "$(hsm-serve --status --json "$dir" 2>/dev/null | jq .stale_mount)" = true ]
		if [ $n = stop ]; then
			refused 1 hsm-serve --stop "$dir"
			[ "$(ls -A "$dir")" = .hsm ]
		fi
		serve "${REMOTE}files/sizes/" "$dir"
		[ "$(grep -c " $dir " /proc/self/mountinfo)" = 1 ]
		cold "$dir/text" "$dir/5M"
		same "$dir/text" "$TREES/files/sizes/text"
	done
}

@test "3.1 processes: when no worker can start readers get an error, and content when one can" {
	local guard
	serve_logged files/sizes
	guard=$(status "$dir" guard_pid)
	prlimit --pid "$guard" --as=1000000:unlimited
	kill -KILL "$(status "$dir" worker_pid)"
	run bounded -30 cat "$dir/5M"
	[ "$status" = 1 ]
	grep "no worker can start" "$log"
	prlimit --pid "$guard" --as=unlimited:unlimited
	wait_for "a worker" status "$dir" worker_pid
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
}
