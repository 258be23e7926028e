# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
#
# Issue 3: an open with O_TRUNC that we let in and that another program, which is
# asked after us (a virus scanner), holds up before it truncates.

load lib/helpers
load lib/processes

teardown() {
	[ -z "${tracer:-}" ] || kill "$tracer" 2>/dev/null || true
	let_go
	stop_all
	rm -rf "$TREES/tmp/truncation"
}

# Hold the next open of FILE, until let_go.
hold() { # FILE
	mkfifo "$BATS_TEST_TMPDIR/hold"
	"$BUILD/tests/tools/censor" "$1" <"$BATS_TEST_TMPDIR/hold" \
		>"$BATS_TEST_TMPDIR/censor" 3>&- &
	censor=$!
	exec 7>"$BATS_TEST_TMPDIR/hold"
	wait_for "the censor" grep -q watching "$BATS_TEST_TMPDIR/censor"
}

let_go() {
	[ -n "${censor:-}" ] || return 0
	exec 7>&-
	wait "$censor" || true
	rm "$BATS_TEST_TMPDIR/hold"
	censor=
}

# A writer that truncates FILE in its open, when it is let through; sets $writer.
truncating() { # FILE
	hold "$1"
	bounded -40 bash -c 'echo new >"$1"' - "$1" 3>&- 7>&- &
	writer=$!
	wait_for "the open to be held" grep -q held "$BATS_TEST_TMPDIR/censor"
}

# What a reader got is all of the old file, or of the new one.
old_or_new() { # READ ORIGINAL
	[ ! -s "$1" ] || cmp "$1" "$2" || cmp "$1" <(echo new)
}

# FILE, of which a truncation is held up, is read: its fill is in the middle of a
# write when the truncation is let go.
read_meanwhile() { # FILE
	local file=$dir/$1 original=$TREES/tmp/truncation/$1 reader
	trace "$(status "$dir" worker_pid)" -f -e trace=pwrite64 \
		-e inject=pwrite64:delay_enter=2s 7>&-
	bounded -40 cat "$file" >"$BATS_TEST_TMPDIR/read" 3>&- 7>&- &
	reader=$!
	# Now the fill has looked at the file and writes, if nothing holds it up.
	sleep 1
	let_go
	wait "$writer"
	wait "$reader" || fail "a reader failed"
	untrace
	old_or_new "$BATS_TEST_TMPDIR/read" "$original"
	[ "$(cat "$file")" = new ]
}

# FILE is truncated while a fill of it is in the middle of a write.
truncated_while_filled() { # FILE
	truncating "$dir/$1"
	read_meanwhile "$1"
	is dirty "$dir/$1"
}

@test "3 truncation: held up before it truncates a file that nobody knew: nothing comes back" {
	make_tree truncation 2 300000
	serve_tree tmp/truncation --read-ahead-files 0
	truncated_while_filled 0
	[ "$(status "$dir" errors)" = 0 ]
}

@test "3 truncation: nor to a file of which a part is here" {
	make_tree truncation 2 3000000
	serve_tree tmp/truncation --read-ahead-files 0 --stream-above 64K
	same_start "$dir/1" "$TREES/tmp/truncation/1" 4096
	truncated_while_filled 1
}

@test "3 truncation: held up for ever: EIO or EBUSY after the bound, others go on" {
	local file result=0 before=$SECONDS
	make_tree truncation 3 300000
	serve_tree tmp/truncation --read-ahead-files 0 --timeout 1 --retries 0
	file=$dir/0
	truncating "$file"
	bounded -20 cat "$file" >"$BATS_TEST_TMPDIR/read" 2>"$BATS_TEST_TMPDIR/err" 3>&- 7>&- &
	reader=$!
	bounded -10 cmp "$dir/1" "$TREES/tmp/truncation/1"
	wait "$reader" || result=$?
	[ $result = 1 ]
	grep -E "Device or resource busy" "$BATS_TEST_TMPDIR/err"
	[ ! -s "$BATS_TEST_TMPDIR/read" ]
	((SECONDS - before < 10))
	let_go
	wait "$writer"
	[ "$(cat "$file")" = new ]
	bounded cmp "$dir/2" "$TREES/tmp/truncation/2"
}

@test "3 truncation: 600 placeholders are rewritten while one is held up: it is remembered" {
	local n
	make_tree truncation 2 300000
	for ((n = 2; n < 602; n++)); do
		echo $n >"$TREES/tmp/truncation/$n"
	done
	serve_tree tmp/truncation --read-ahead-files 0
	truncating "$dir/0"
	bounded bash -c 'for ((n = 2; n < 602; n++)); do echo new >"$1/$n"; done' - "$dir" 7>&-
	read_meanwhile 0
	for ((n = 2; n < 602; n++)); do
		[ "$(<"$dir/$n")" = new ]
	done
}
