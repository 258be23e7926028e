# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 30
#
# Issue line 14: after the end no placeholder can be read, and what cannot be
# served is refused and leaves DIR as it was.

load lib/helpers

teardown() {
	[ -z "${slow_pid:-}" ] || kill "$slow_pid"
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
	if mountpoint -q "$BATS_TEST_TMPDIR/over"; then
		umount "$BATS_TEST_TMPDIR/over"
	fi
	stop_all
}

only_store() {
	wait_for "the end of the mount" eval '! mountpoint -q "$dir"'
	[ "$(ls -A "$dir")" = .hsm ]
	[ "$(stat -c %a "$dir/.hsm")" = 700 ]
}

# Serve in the foreground; sets $server.
serve_foreground() { # TREE
	dir=$(new_dir foreground)
	echo "$dir" >>"$(scope)/served"
	hsm-serve "$REMOTE$1/" "$dir" 3>&- 2>>"$(serve_log "$dir")" &
	server=$!
	wait_for "DIR to be served" mountpoint -q "$dir"
}

# A tree whose server answers so late that readers wait; sets $reader.
serve_waiting() {
	slow_remote 1500
	dir=$(new_dir waiting)
	serve "${slow}tmp/one/" "$dir"
	cat "$dir/text" >"$BATS_TEST_TMPDIR/read" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	reader=$!
	wait_for "the reader to wait" eval '[ "$(status "$dir" waiting)" = 1 ]'
}

setup() {
	mkdir -p "$TREES/tmp/one"
	cp -p "$TREES/files/sizes/text" "$TREES/tmp/one/text"
}

right_or_error() {
	local result=0
	wait "$reader" || result=$?
	if ((result == 0)); then
		cmp "$BATS_TEST_TMPDIR/read" "$TREES/files/sizes/text"
	else
		grep "Input/output error" "$BATS_TEST_TMPDIR/err"
		cmp -n "$(stat -c %s "$BATS_TEST_TMPDIR/read")" "$BATS_TEST_TMPDIR/read" "$TREES/files/sizes/text"
	fi
}

resumes() {
	serve "${REMOTE}files/sizes/" "$dir"
	is online "$dir/5M"
	cold "$dir/text"
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

@test "2.14 stopping: SIGTERM" {
	local result=0
	serve_foreground files/sizes
	bounded cat "$dir/5M" >/dev/null
	kill -TERM "$server"
	wait "$server" || result=$?
	[ "$result" = 143 ] || [ "$result" = 0 ]
	only_store
	resumes
}

@test "2.14 stopping: SIGINT" {
	local result=0
	dir=$(new_dir foreground)
	echo "$dir" >>"$(scope)/served"
	# A background job of a shell ignores SIGINT; this one does not.
	python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execvp(sys.argv[1], sys.argv[1:])' hsm-serve "${REMOTE}files/sizes/" "$dir" 3>&- 2>>"$(serve_log "$dir")" &
	server=$!
	wait_for "DIR to be served" mountpoint -q "$dir"
	bounded cat "$dir/5M" >/dev/null
	kill -INT "$server"
	wait "$server" || result=$?
	[ "$result" = 130 ] || [ "$result" = 0 ]
	only_store
	resumes
}

@test "2.14 stopping: hsm-serve --stop" {
	serve_tree files/sizes
	bounded cat "$dir/5M" >/dev/null
	stop "$dir"
	gone "$dir"
	only_store
	resumes
}

@test "2.14 stopping: umount DIR" {
	serve_tree files/sizes
	bounded cat "$dir/5M" >/dev/null
	bounded umount "$dir"
	only_store
	resumes
}

@test "2.14 stopping: with a program that sits in the tree" {
	serve_tree files/sizes
	bounded cat "$dir/5M" >/dev/null
	exec 7<"$dir/64M"
	stop "$dir"
	only_store
	# The file that it has open gives right bytes or an error, never zeros.
	if bounded head -c 8M <&7 >"$BATS_TEST_TMPDIR/read" 2>/dev/null; then
		cmp -n $((8 << 20)) "$BATS_TEST_TMPDIR/read" "$TREES/files/sizes/64M"
	fi
	resumes
	exec 7<&-
}

@test "2.14 stopping: SIGTERM while a reader waits" {
	serve_waiting
	kill -TERM "$(status "$dir" guard_pid)"
	right_or_error
	only_store
}

@test "2.14 stopping: --stop while a reader waits" {
	serve_waiting
	stop "$dir"
	right_or_error
	only_store
}

@test "2.14 stopping: umount -l while a reader waits" {
	serve_waiting
	run umount "$dir"
	[ "$status" -ne 0 ]
	umount -l "$dir"
	right_or_error
	only_store
}

@test "2.14 stopping: a reader that waits can be killed" {
	serve_waiting
	kill "$reader"
	run wait "$reader"
	wait_for "nobody to wait" eval '[ "$(status "$dir" waiting)" = 0 ]'
	# The next reader is not held up by it.
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

@test "2.14 starting: -b returns when DIR is served, --ready-fd and --status say so" {
	dir=$(new_dir ready)
	echo "$dir" >>"$(scope)/served"
	mkfifo "$BATS_TEST_TMPDIR/ready"
	hsm-serve --ready-fd 8 "${REMOTE}files/sizes/" "$dir" 3>&- 8>"$BATS_TEST_TMPDIR/ready" 2>>"$(serve_log "$dir")" &
	server=$!
	bounded head -c 1 "$BATS_TEST_TMPDIR/ready" >/dev/null
	mountpoint -q "$dir"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
	[[ $(status "$dir" url) == "${REMOTE}files/sizes/" ]]
	grep -q "$dir" "$(serve_log "$dir")"
}

@test "2.14 starting: DIR is made if it is missing" {
	dir=$(new_dir parent)/a/b
	mkdir "$(dirname "$dir")"
	serve "${REMOTE}files/sizes/" "$dir"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

# ----------------------------------------------------------------- refusals --

# hsm-serve URL DIR ends with STATUS and a sentence, and DIR is as before.
serve_refused() { # STATUS URL DIR [OPTION...]
	local wanted=$1 url=$2 at=$3 before
	shift 3
	before=$(find "$at" -printf '%p %m %s %y\n' 2>&1 | sort)
	refused "$wanted" hsm-serve -b "$@" "$url" "$at"
	[ "$(find "$at" -printf '%p %m %s %y\n' 2>&1 | sort)" = "$before" ] || fail "$at has changed"
	run ! mountpoint -q "$at"
}

@test "2.14 refusing: a second server for one DIR" {
	serve_tree files/sizes
	refused 1 hsm-serve -b "${REMOTE}files/sizes/" "$dir"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

@test "2.14 refusing: a DIR that holds other files" {
	dir=$(new_dir other)
	echo mine >"$dir/mine"
	serve_refused 1 "${REMOTE}files/sizes/" "$dir"
	[ "$(cat "$dir/mine")" = mine ]
}

@test "2.14 refusing: a file instead of a directory" {
	dir=$(new_dir other)
	echo mine >"$dir/mine"
	serve_refused 1 "${REMOTE}files/sizes/" "$dir/mine"
	[ "$(cat "$dir/mine")" = mine ]
}

@test "2.14 refusing: a DIR on tmpfs" {
	dir=$(new_dir other)
	mkdir "$BATS_TEST_TMPDIR/over"
	mount -t tmpfs none "$BATS_TEST_TMPDIR/over"
	mkdir "$BATS_TEST_TMPDIR/over/dir"
	serve_refused 3 "${REMOTE}files/sizes/" "$BATS_TEST_TMPDIR/over/dir"
}

@test "2.14 refusing: a DIR on overlayfs" {
	dir=$(new_dir other)
	mkdir "$dir"/{lower,upper,work} "$BATS_TEST_TMPDIR/over"
	mount -t overlay none "$BATS_TEST_TMPDIR/over" \
		-o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work"
	mkdir "$BATS_TEST_TMPDIR/over/dir"
	serve_refused 3 "${REMOTE}files/sizes/" "$BATS_TEST_TMPDIR/over/dir"
}

@test "2.14 refusing: a kernel without pre-content events" {
	dir=$(new_dir other)
	before=$(ls -A "$dir")
	# A leak sanitizer cannot trace who is traced.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 run bounded \
		strace -f -qq -o /dev/null -e inject=fanotify_mark:error=EINVAL \
		hsm-serve -b "${REMOTE}files/sizes/" "$dir"
	[ "$status" = 3 ]
	[[ $output == hsm-serve:* ]]
	[ "$(ls -A "$dir")" = "$before" ]
	run ! mountpoint -q "$dir"
}

@test "2.14 refusing: no CAP_SYS_ADMIN" {
	dir=$(new_dir other)
	refused 1 setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
		hsm-serve -b "${REMOTE}files/sizes/" "$dir"
	[ -z "$(ls -A "$dir")" ]
	refused 1 setpriv --reuid 65534 --clear-groups hsm-serve -b "${REMOTE}files/sizes/" "$dir"
	[ -z "$(ls -A "$dir")" ]
}

@test "2.14 refusing: an unreachable URL" {
	dir=$(new_dir other)
	serve_refused 4 "http://127.0.0.1:$(free_port)/" "$dir" --retries 0
	serve_refused 4 "http://no-such-host.invalid/" "$dir" --retries 0
	serve_refused 4 "file://$BATS_TEST_TMPDIR/none/" "$dir"
}

@test "2.14 refusing: a DIR that did not exist does not exist afterwards" {
	dir=$(new_dir other)
	serve_refused 4 "http://127.0.0.1:$(free_port)/" "$dir/new" --retries 0
	[ ! -e "$dir/new" ]
}

@test "2.14 refusing: a URL without a listing" {
	dir=$(new_dir other)
	serve_refused 4 "$(server_url nginx-pages)text/" "$dir"
	serve_refused 4 "$(server_url nginx)files/sizes/5M" "$dir"
}

@test "2.14 refusing: a 404" {
	dir=$(new_dir other)
	serve_refused 4 "$(server_url nginx)none/" "$dir"
}

@test "2.14 refusing: a TLS error; --cacert and --insecure mend it" {
	dir=$(new_dir other)
	serve_refused 4 "$(server_url nginx-tls)files/sizes/" "$dir" --retries 0
	serve "$(server_url nginx-tls)files/sizes/" "$dir" --cacert "$SCRATCH/servers/nginx/cert.pem"
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
	stop "$dir"
	serve "$(server_url nginx-tls)files/sizes/" "$dir" --insecure
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
}

@test "2.14 refusing: wrong usage" {
	refused_usage() {
		run --separate-stderr bounded hsm-serve "$@"
		[ "$status" = 2 ]
		[ -z "$output" ]
		[ -n "$stderr" ]
	}
	dir=$(new_dir other)
	refused_usage
	refused_usage "$REMOTE"
	refused_usage gopher://127.0.0.1/ "$dir"
	refused_usage --jobs none "$REMOTE" "$dir"
	refused_usage --no-such-option "$REMOTE" "$dir"
	[ -z "$(ls -A "$dir")" ]
}

@test "2.14 refusing: --stop and --status of a DIR that is not served" {
	dir=$(new_dir other)
	refused 1 hsm-serve --stop "$dir"
	refused 1 hsm-serve --stop "$dir/none"
}
