# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
#
# Bad input for the commands, with a real tree: a message per path, the rest is
# done, the exit status says so, and nothing is lost.

load lib/helpers

setup() {
	mkdir -p "$TREES/tmp/bad/sub"
	newline=$'new\nline'
	cp -p "$TREES/files/sizes/4097" "$TREES/tmp/bad/$newline"
	cp -p "$TREES/files/sizes/text" "$TREES/tmp/bad/text"
	cp -p "$TREES/files/sizes/4095" "$TREES/tmp/bad/sub/small"
	serve_tree tmp/bad
}

teardown() {
	stop_all
	rm -rf "$TREES/tmp/bad"
}

COMMANDS="hsm-evict hsm-prefetch hsm-mark"

# COMMAND fails for the path that is wrong, says so, and does the rest.
does_the_rest() { # WRONG-PATH
	local command
	for command in $COMMANDS; do
		run --separate-stderr bounded "$command" "$dir/text" "$1" "$dir/sub/small"
		[ "$status" = 1 ] || fail "$command: exit status $status"
		[[ $stderr == "$command: "*"$(basename "$1")"* ]] || fail "$command: said '$stderr'"
		[ "$(wc -l <<<"$stderr")" = 1 ]
		if [ "$command" != hsm-evict ]; then
			grep -q "$dir/text" <<<"$output"
			grep -q "$dir/sub/small" <<<"$output"
		fi
		run --separate-stderr bounded "$command" < <(printf '%s\n' "$dir/text" "$1" "$dir/sub/small")
		[ "$status" = 1 ] || fail "$command from stdin: exit status $status"
		[ "$(wc -l <<<"$stderr")" = 1 ]
	done
	is online "$dir/text" "$dir/sub/small"
	[ "$(hsm-evict "$dir/text" "$1" "$dir/sub/small" 2>/dev/null)" = "$dir/text"$'\n'"$dir/sub/small" ]
}

@test "2 bad input: a path outside any served tree" {
	echo mine >"$BATS_TEST_TMPDIR/outside"
	does_the_rest "$BATS_TEST_TMPDIR/outside"
	[ "$(cat "$BATS_TEST_TMPDIR/outside")" = mine ]
}

@test "2 bad input: a file of the same file system outside the tree" {
	local outside
	outside=$(new_dir outside)/file
	echo mine >"$outside"
	does_the_rest "$outside"
	[ "$(cat "$outside")" = mine ]
}

@test "2 bad input: a path that vanished" {
	does_the_rest "$dir/vanished"
}

@test "2 bad input: a directory where a file is needed" {
	does_the_rest "$dir/sub"
	does_the_rest "$dir"
}

@test "2 bad input: a fifo, a socket and a symbolic link to nowhere do not hang" {
	mkfifo "$dir/fifo"
	ln -s nowhere "$dir/dangling"
	does_the_rest "$dir/fifo"
	does_the_rest "$dir/dangling"
	bounded hsm-mark -R "$dir" >/dev/null
	bounded hsm-prefetch -q -R "$dir"
}

@test "2 bad input: an empty list" {
	local command
	for command in $COMMANDS; do
		run bounded "$command" </dev/null
		[ "$status" = 0 ]
		[ -z "$output" ]
		run bounded "$command" -0 </dev/null
		[ "$status" = 0 ]
		[ -z "$output" ]
	done
}

@test "2 bad input: a path with a newline under -0" {
	printf '%s\0' "$dir/$newline" | hsm-prefetch -0 | cmp - <(printf '%s\0' "$dir/$newline")
	printf '%s\0' "$dir/$newline" | hsm-evict -0 | cmp - <(printf '%s\0' "$dir/$newline")
	cmp "$dir/$newline" "$TREES/files/sizes/4097"
	find "$dir" -path "$dir/.hsm" -prune -o -type f -print0 | hsm-evict -q -0
	cold "$dir/text"
}

@test "2 bad input: a broken pipe on stdout" {
	local command
	for command in $COMMANDS; do
		[ "$command" != hsm-evict ] || hsm-prefetch -q -R "$dir"
		# Who reads is gone before the first line.
		run bash -c "trap '' PIPE; { sleep 0.5; $command -R '$dir'; echo \$? >&2; } | true"
		[ "${lines[-1]}" = 1 ] || fail "$command: $output"
		[[ $output == *"Broken pipe"* ]] || fail "$command: $output"
		run bash -c "{ sleep 0.5; timeout 20 $command -R '$dir'; } | true"
		[ "$status" = 0 ]
	done
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

@test "2 bad input: stdout is a full disk" {
	local command
	for command in $COMMANDS; do
		[ "$command" != hsm-evict ] || hsm-prefetch -q -R "$dir"
		run bash -c "$command -R '$dir' >/dev/full"
		[ "$status" = 1 ] || fail "$command: exit status $status"
		[[ $output == *"No space left on device"* ]] || fail "$command: said '$output'"
	done
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

@test "2 bad input: a full file system: ENOSPC for the reader, nothing is lost, then it works" {
	local filler free
	stop_all
	serve_tree files/sizes
	filler=$(new_dir filler)/filler
	free=$(df --output=avail -B1 "$MNT" | tail -n 1)
	fallocate -l $((free - (24 << 20))) "$filler"
	run --separate-stderr bounded hsm-prefetch "$dir/64M"
	[ "$status" = 1 ]
	[[ $stderr == *"No space left on device"* ]]
	run bounded cat "$dir/64M"
	[ "$status" -ne 0 ]
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
	rm "$filler"
	sync -f "$MNT"
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
}

@test "2 bad input: no argument at a terminal is wrong usage" {
	local command
	for command in $COMMANDS; do
		run script -qec "$command" /dev/null
		[ "$status" = 2 ] || fail "$command: exit status $status"
	done
}

@test "2 bad input: relative paths, ./.. and double slashes" {
	cd "$dir/sub"
	[ "$(hsm-prefetch ../text .//small | LC_ALL=C sort)" = $'../text\n.//small' ]
	is online "$dir/text" "$dir/sub/small"
	cd /
}
