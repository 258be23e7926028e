# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the bats files share.  From the runner: $BUILD (also first in PATH), $TESTS,
# $TOP, $SCRATCH, $TREES (the remote), $REMOTE (its URL), $MNT and $FS (the file
# system under test).

bats_require_minimum_version 1.5.0
. "$TESTS/lib/servers.bash"
. "$TESTS/lib/scratch.bash"

teardown() {
	stop_all
}

# ------------------------------------------------------------------ hanging --

# The processes below PID, the lowest first.
descendants() { # PID
	local child
	for child in $(pgrep -P "$1"); do
		descendants "$child"
		echo "$child"
	done
}

# bats kills only the children of a test that takes too long, and a reader that
# hangs is often further down: be a second earlier, and thorough.  A file sets
# BATS_TEST_TIMEOUT before it loads this one.
watch_test() {
	local end=$((SECONDS + BATS_TEST_TIMEOUT - 1)) pid
	while ((SECONDS < end)); do
		sleep 1
		kill -0 $$ 2>/dev/null || return
	done
	echo "the test takes longer than $BATS_TEST_TIMEOUT s" >>"$BATS_OUT"
	for pid in $(descendants $$); do
		[ "$pid" = "$BASHPID" ] || kill -KILL "$pid"
	done
	kill -ABRT $$ # bats' own way to say that time is over
}

if [ -n "${BATS_TEST_NAME:-}" ]; then
	watch_test </dev/null >/dev/null 2>&1 3>&- &
	disown
fi

# ------------------------------------------------------------------ serving --

scope() {
	echo "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}"
}

# A directory of this test on the file system under test; it is gone afterwards.
new_dir() { # NAME
	local dir
	dir=$(mktemp -d "$MNT/$1.XXXXXX")
	chmod 755 "$dir"
	echo "$dir" >>"$(scope)/made"
	echo "$dir"
}

# Serve URL in DIR until the test (in setup_file: the file) ends.
serve() { # URL DIR [OPTION...]
	local url=$1 dir=$2
	shift 2
	echo "$dir" >>"$(scope)/served"
	timeout -k 5 100 hsm-serve -b "$@" "$url" "$dir" </dev/null 2>>"$(serve_log "$dir")" 3>&-
}

serve_log() { # DIR: what the server of DIR printed
	echo "$SCRATCH/$(tr / _ <<<"$1").log"
}

stop() { # DIR
	timeout -k 5 60 hsm-serve --stop "$1"
}

# Serve a remote tree in a new directory; sets $dir.
serve_tree() { # TREE [OPTION...]
	local tree=$1
	shift
	dir=$(new_dir "${tree//\//-}")
	serve "$REMOTE$tree/" "$dir" "$@"
}

# A process with a mount namespace of its own; sets $there.
namespace() { # PROPAGATION
	unshare -m --propagation "$1" sleep 300 3>&- &
	there=$!
	wait_for "the namespace" eval \
		'[ "$(readlink /proc/$there/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ]'
}

# End what serve() began, by force where it must be, and remove what new_dir() made.
stop_all() {
	local at dir pid result=0
	at=$(scope)
	cd /
	while read -r dir; do
		if mountpoint -q "$dir"; then
			stop "$dir" || result=1
		fi
		wait_for "the end of the server" gone "$dir" || result=1
		for pid in $(hsm_pids "$dir"); do
			echo "# still running for $dir: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
			kill -KILL "$pid"
			result=1
		done
		while mountpoint -q "$dir"; do
			echo "# still mounted: $dir"
			umount -l "$dir" || break
			result=1
		done
		if [[ -s $(serve_log "$dir") && (-z ${BATS_TEST_COMPLETED:-} || $result -ne 0) ]]; then
			echo "# the server of $dir said:"
			tail -n 20 "$(serve_log "$dir")"
		fi
		rm -f "$(serve_log "$dir")"
	done < <(sort -u "$at/served" 2>/dev/null)
	while read -r dir; do
		forget_journal "$dir"
		rm -rf --one-file-system "$dir" || result=1
	done < <(cat "$at/made" 2>/dev/null)
	rm -f "$at/served" "$at/made"
	return $result
}

# A journal that goes with its tree: what it left for its next tracker goes, too.
forget_journal() { # DIR
	local id
	id=$(sed -n 's/^id //p' "$1/.hsm/journal/state" 2>/dev/null) || true
	[ -z "$id" ] || rm -f "/run/hsm/$id" "/run/hsm/$id.still"
}

gone() { # DIR: nobody serves it
	! mountpoint -q "$1" && [ -z "$(hsm_pids "$1")" ]
}

status() { # DIR KEY: a value of hsm-serve --status --json
	hsm-serve --status --json "$1" | jq -r ".$2"
}

# -------------------------------------------------------------------- files --

state() { # FILE
	hsm-mark "$1" | cut -f1
}

flags() { # FILE
	hsm-mark "$1" | cut -f2
}

resident() { # FILE
	hsm-mark "$1" | cut -f3
}

is() { # STATE FILE...
	local wanted=$1 file
	shift
	for file; do
		[[ $(state "$file") == "$wanted" ]] ||
			fail "$file is $(state "$file"), not $wanted"
	done
}

cold() { # FILE...
	is offline "$@"
}

# Evict FILE..., or everything below DIR, and see that it is cold (an empty file
# has nothing that could be absent).
chill() {
	hsm-evict -q -R "$@"
	local warm
	warm=$(hsm-mark -R --state partial,online,dirty "$@" | awk -F '\t' '$4 > 0')
	[[ -z $warm ]] || fail "not evicted: $warm"
}

# Is FILE (or whole tree) the same as the remote's?
same() { # FILE ORIGINAL
	bounded diff -rq "$2" "$1" || fail "$1 differs from $2"
}

# Are the first BYTES the same?  (cmp -n ends with a read of 0 bytes, which the
# kernel reports like one "to the end of the file".)
same_start() { # FILE ORIGINAL BYTES
	bounded cmp <(head -c "$3" "$1") <(head -c "$3" "$2")
}

modified() { # FILE: its mtime in seconds
	stat -c %Y "$1"
}

# ----------------------------------------------------------------- requests --

needs_log() {
	[[ $REMOTE == http* ]] || skip "needs a web server's log"
}

log_mark() { # [SERVER]: a moment in its log
	local before=-1 now tries
	# A server writes the line after the answer, a busy one much later.
	for ((tries = 0; tries < 10; tries++)); do
		now=$(requests_all "${1:-nginx}" | wc -l)
		((now != before)) || break
		before=$now
		sleep 0.2
	done
	echo "$now"
}

# The requests since a moment: METHOD URI STATUS BYTES RANGE [CONNECTION]
# (lighttpd writes its log too late for that.)
requests() { # MARK [METHOD [SERVER]]
	sleep 0.2
	requests_all "${3:-nginx}" | tail -n +$(($1 + 1)) |
		awk -v method="${2:-}" 'method == "" || $1 == method'
}

# GET requests for files since a moment.
fetches() { # MARK [SERVER]
	requests "$1" GET "${2:-nginx}" | awk '$2 !~ /\/(\?.*)?$/'
}

fetched_bytes() { # MARK [SERVER]
	fetches "$@" | awk '{ sum += $4 } END { print sum + 0 }'
}

# Start a proxy that adds MS milliseconds of round trip to the server; sets $slow.
slow_remote() { # MS [SERVER]
	local port
	port=$(free_port)
	python3 "$TESTS/tools/delay.py" "$port" "$(server_port "${2:-nginx}")" "$1" \
		"$BATS_TEST_TMPDIR/flight" </dev/null >/dev/null 2>&1 3>&- &
	slow_pid=$!
	slow=http://127.0.0.1:$port/
	wait_for "the proxy" eval "(: >/dev/tcp/127.0.0.1/$port) 2>/dev/null"
}

# End the proxy: at least MANY requests were under way at a time, in the mean.
together() { # MANY
	local mean
	kill "$slow_pid"
	wait "$slow_pid" || true
	slow_pid=
	mean=$(<"$BATS_TEST_TMPDIR/flight")
	((mean >= $1)) || fail "$mean requests at a time"
}

# ------------------------------------------------------------------ waiting --

# Run a command (or an exported function) that must not hang.
bounded() { # [-SECONDS] COMMAND...
	local seconds=60 result=0 shell=()
	if [[ $1 =~ ^-[0-9]+$ ]]; then
		seconds=${1#-}
		shift
	fi
	! declare -F "$1" >/dev/null || shell=(bash -c '"$@"' -)
	timeout -k 5 "$seconds" "${shell[@]}" "$@" || result=$?
	((result != 124 && result != 137)) || echo "hangs for more than $seconds s: $*" >&2
	return $result
}

wait_for() { # WHAT COMMAND...: until it succeeds
	local what=$1 end=$((SECONDS + 20))
	shift
	while ((SECONDS < end)); do
		"$@" && return
		sleep 0.1
	done
	fail "waited in vain for $what"
}

fail() {
	echo "$*" >&2
	return 1
}

# Does COMMAND end with exit status STATUS, one sentence on stderr and none on stdout?
refused() { # STATUS COMMAND...
	local wanted=$1
	shift
	run --separate-stderr bounded -60 "$@"
	# shellcheck disable=SC2154 # set by run
	if [[ $status != "$wanted" || -n $output || $(wc -l <<<"$stderr") != 1 || -z $stderr ]]; then
		fail "$*: exit status $status (not $wanted), stdout '$output', stderr '$stderr'"
	fi
	[[ $stderr == hsm-*:* ]] || fail "no 'prog: what: why' in '$stderr'"
}

# Every file below DIR: path, size, mtime cut to PRECISION seconds; sorted, NUL-separated.
listing() { # DIR PRECISION
	(cd "$1" && find . -path ./.hsm -prune -o -type f -printf '%P\t%s\t%T@\0') |
		awk -v RS='\0' -v ORS='\0' -F '\t' -v OFS='\t' -v cut="$2" \
			'{ $NF = int($NF / cut) * cut; print }' | sort -z
}

# Does DIR show the tree ORIGINAL, with times as exact as PRECISION seconds?
shows() { # DIR ORIGINAL PRECISION
	listing "$2" "$3" >"$SCRATCH/wanted"
	listing "$1" 1 >"$SCRATCH/shown"
	cmp -s "$SCRATCH/wanted" "$SCRATCH/shown" ||
		fail "$1 shows another tree: $(diff -a <(tr '\0' '\n' <"$SCRATCH/wanted") <(tr '\0' '\n' <"$SCRATCH/shown") | head -n 20)"
}
