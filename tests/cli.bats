# SPDX-License-Identifier: GPL-2.0-or-later
#
# The contract of the commands, mostly on a tree that is not served: operands and
# standard input, output forms, messages, exit statuses, signals.

load lib/helpers

setup_file() {
	export dir odd quote
	odd=$'new\nline'
	quote='q"uo\te'
	mkdir -p "$TREES/tmp/cli/sub"
	cp -p "$TREES/files/sizes/4097" "$TREES/tmp/cli/$odd"
	cp -p "$TREES/files/sizes/4095" "$TREES/tmp/cli/sub/$quote"
	cp -p "$TREES/files/sizes/text" "$TREES/tmp/cli/text"
	serve_tree tmp/cli
	stop "$dir"
}

teardown_file() {
	stop_all
	rm -rf "$TREES/tmp/cli"
}

setup() {
	hsm-prefetch -q -R "$dir"
}

# What COMMAND said on stderr must match PATTERN, and its exit status be 1.
complains() { # PATTERN COMMAND...
	local pattern=$1
	shift
	run --separate-stderr bounded "$@"
	# shellcheck disable=SC2053
	[[ $status == 1 && $stderr == $pattern ]] ||
		fail "$*: exit status $status, stderr '$stderr'"
}

# Checks that stdin has one JSON object a line, and prints EXPRESSION of each.
json() { # EXPRESSION
	python3 -c '
import json, os, sys
for line in sys.stdin.buffer.read().split(b"\n")[:-1]:
    o = json.loads(line)
    path = o["path"].encode("utf-8", "surrogateescape")
    print(eval(sys.argv[1]))' "$1"
}

# ------------------------------------------------------------------- input --

@test "2 cli: - stands for standard input, among the operands" {
	run --separate-stderr hsm-mark /a - /b <<<$'/x\n\n/y'
	[ "$status" = 1 ]
	[ "$(cut -d: -f2 <<<"$stderr" | tr -d ' \n')" = /a/x/y/b ]
}

@test "2 cli: a last line without a newline counts" {
	[ "$(printf %s "$dir/text" | hsm-mark | cut -f5)" = "$dir/text" ]
}

@test "2 cli: 100,000 paths on standard input" {
	local command result
	seq -f "$dir/none/%.0f" 100000 >"$BATS_TEST_TMPDIR/list"
	for command in hsm-mark hsm-evict hsm-prefetch; do
		result=0
		bounded "$command" <"$BATS_TEST_TMPDIR/list" 2>"$BATS_TEST_TMPDIR/said" || result=$?
		[ "$result" = 1 ]
		[ "$(grep -c "^$command: $dir/none/.*: No such file or directory\$" "$BATS_TEST_TMPDIR/said")" = 100000 ]
	done
	yes "$dir/text" | head -n 100000 >"$BATS_TEST_TMPDIR/list"
	[ "$(bounded hsm-mark <"$BATS_TEST_TMPDIR/list" | wc -l)" = 100000 ]
}

@test "2 cli: a NUL byte without -0 is no end of a name" {
	complains "hsm-evict: standard input: *NUL*" hsm-evict < <(printf '%s\0more\n' "$dir/text")
	is online "$dir/text"
}

@test "2 cli: standard input that cannot be read is a failure" {
	for command in hsm-mark hsm-evict hsm-prefetch; do
		complains "$command: standard input: Is a directory" "$command" </
		complains "$command: standard input: Bad file descriptor" bash -c "$command <&-"
	done
}

@test "2 cli: a path that is given twice, and in two ways" {
	hsm-evict -q "$dir/text" "$dir/text" "$dir//text"
	is offline "$dir/text"
	[ "$(hsm-mark "$dir/text" "$dir/text" | wc -l)" = 2 ]
}

@test "2 cli: a directory needs -R" {
	for command in hsm-mark hsm-evict hsm-prefetch; do
		complains "$command: $dir/sub: is a directory (use -R)" "$command" "$dir/sub"
		[ -z "$output" ]
	done
}

# ------------------------------------------------------------------ output --

@test "2 cli: hsm-mark prints state, flags, resident, size and path" {
	[ "$(hsm-mark "$dir/sub/$quote")" = "online"$'\t'-$'\t'4095$'\t'4095$'\t'"$dir/sub/$quote" ]
	hsm-mark -q --pin "$dir/text"
	[ "$(hsm-mark "$dir/text" | cut -f2)" = pinned ]
	[ "$(hsm-mark --json "$dir/text" | json 'o["flags"]')" = "['pinned']" ]
	hsm-mark -q --unpin "$dir/text"
}

@test "2 cli: -0 ends each line with NUL, in and out" {
	hsm-mark -0R "$dir" | cut -zf5- | sort -z |
		cmp - <(printf '%s\0' "$dir/$odd" "$dir/sub/$quote" "$dir/text" | sort -z)
	printf '%s\0' "$dir/$odd" | hsm-evict -0 | cmp - <(printf '%s\0' "$dir/$odd")
	[ "$(hsm-mark --json "$dir/$odd" | json 'o["state"]')" = offline ]
}

@test "2 cli: --json is well-formed, whatever the names are" {
	[ "$(hsm-mark --json "$dir/$odd" | wc -l)" = 1 ]
	hsm-mark -R --json "$dir" | json 'path, o["state"], o["flags"], o["resident"] == o["size"]' |
		sort >"$BATS_TEST_TMPDIR/list"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/list")" = 3 ]
	[ "$(grep -c "'online', \[\], True" "$BATS_TEST_TMPDIR/list")" = 3 ]
	[ "$(hsm-mark --json "$dir/$odd" | json 'path == os.fsencode(os.environ["dir"] + "/" + os.environ["odd"])')" = True ]
	(($(hsm-evict --json "$dir/text" | json 'o["freed"]') > 0))
	(($(hsm-prefetch --json "$dir/text" | json 'o["bytes"]') > 0))
	hsm-mark --json --pin "$dir/text" | json 'o["flags"] == ["pinned"]' | grep -qx True
	hsm-mark --json --unpin "$dir/text" | json 'o["flags"] == []' | grep -qx True
	[ "$(hsm-serve --status --json "$dir" | json 'o["running"], o["online"]')" = "(False, 3)" ]
}

@test "2 cli: -q prints nothing and does it" {
	run --separate-stderr hsm-evict -q "$dir/text"
	[[ $status == 0 && -z $output && -z $stderr ]]
	is offline "$dir/text"
	run --separate-stderr hsm-prefetch -q "$dir/text"
	[[ $status == 0 && -z $output && -z $stderr ]]
	is online "$dir/text"
}

@test "2 cli: -n says what would be done and does nothing" {
	[ "$(hsm-evict -n "$dir/text")" = "$dir/text" ]
	[ -z "$(hsm-prefetch -n "$dir/text")" ]
	[ "$(hsm-mark -n --pin "$dir/text")" = "$dir/text" ]
	[ "$(hsm-mark "$dir/text" | cut -f1,2)" = online$'\t'- ]
	hsm-evict -q "$dir/text"
	[ "$(hsm-prefetch -n "$dir/text")" = "$dir/text" ]
	is offline "$dir/text"
	run hsm-serve -n --stop "$dir"
	[[ $status == 0 && $output == *"would stop"* ]]
	run hsm-serve -n http://192.0.2.1/ "$BATS_TEST_TMPDIR/new"
	[[ $status == 0 && $output == *"would serve"* && ! -e $BATS_TEST_TMPDIR/new ]]
}

@test "2 cli: standard output that fails is one message and status 1" {
	local command
	for command in "hsm-mark -R" "hsm-prefetch -R" "hsm-serve --help" "hsm-serve --status"; do
		set -- $command
		complains "$1: standard output: No space left on device" bash -c "$command '$dir' >/dev/full"
		complains "$1: standard output: Bad file descriptor" bash -c "$command '$dir' >&-"
		complains "$1: standard output: Broken pipe" \
			bash -c "exec 8> >(exit); wait \$!; $command '$dir' >&8"
	done
	for command in "hsm-mark -qR" "hsm-prefetch -qR"; do
		bash -c "$command '$dir' >/dev/full"
		bash -c "$command '$dir' >&-"
	done
}

@test "2 cli: an action goes on when standard output has failed" {
	complains "hsm-evict: standard output: No space left on device" bash -c "hsm-evict -R '$dir' >/dev/full"
	[ "$(hsm-mark -R --state online "$dir" | wc -l)" = 0 ]
}

@test "2 cli: names in messages are escaped" {
	complains 'hsm-mark: /none\\033\[1mbold\\012line\\351: *' hsm-mark $'/none\e[1mbold\nline\xe9'
	[ "${#stderr_lines[@]}" = 1 ]
}

@test "2 cli: --progress draws a bar on standard error, --no-progress none" {
	run --separate-stderr hsm-prefetch --progress -R "$dir"
	[[ $status == 0 && $stderr == *"3/3 files"* ]]
	run --separate-stderr hsm-prefetch --no-progress -R "$dir"
	[[ $status == 0 && -z $stderr ]]
	run --separate-stderr hsm-prefetch -R "$dir"
	[[ $status == 0 && -z $stderr ]]
}

# ----------------------------------------------------------------- options --

@test "2 cli: hsm-mark --state lists only those states" {
	hsm-evict -q "$dir/text"
	[ "$(hsm-mark -R --state offline "$dir" | cut -f5)" = "$dir/text" ]
	[ "$(hsm-mark -R --state online,dirty --json "$dir" | wc -l)" = 2 ]
	[ "$(hsm-mark -R --state offline,online --json "$dir" | wc -l)" = 3 ]
	[ -z "$(hsm-mark -R --state lost "$dir")" ]
}

@test "2 cli: hsm-mark has one policy for a tree, and one for a file" {
	[ "$(hsm-mark --hydrate=full "$dir/sub" "$dir/text")" = "$dir/sub"$'\n'"$dir/text" ]
	[ "$(hsm-mark --hydrate=default -R "$dir/sub" "$dir/text")" = "$dir/sub"$'\n'"$dir/text" ]
}

@test "2 cli: hsm-mark refuses what makes no sense" {
	complains "hsm-mark: $dir/text: has another size *" hsm-mark --copy-from "$dir/$odd" "$dir/text"
	complains "hsm-mark: $dir/none: No such file or directory" hsm-mark --copy-from "$dir/none" "$dir/text"
}

@test "2 cli: hsm-evict --min-size leaves smaller files" {
	hsm-evict -qR --min-size 5K "$dir"
	[ "$(hsm-mark -R --state offline "$dir" | cut -f5)" = "$dir/text" ]
}

@test "2 cli: hsm-evict --until-free stops there, and says when it is not reached" {
	hsm-evict -R --until-free 4K "$dir"
	[ "$(hsm-mark -R --state online --json "$dir" | wc -l)" = 3 ]
	complains "hsm-evict: --until-free: not reached" hsm-evict -qR --until-free 100% "$dir"
	[ "$(hsm-mark -R --state online "$dir" | wc -l)" = 0 ]
}

@test "2 cli: hsm-evict -v sums up" {
	run --separate-stderr hsm-evict -vqR "$dir"
	[[ $stderr == *"hsm-evict: 3 files, "*" freed"* ]]
}

@test "2 cli: hsm-prefetch --range and --tree" {
	hsm-evict -q "$dir/text"
	[ "$(hsm-prefetch --range 0+4K "$dir/text")" = "$dir/text" ]
	[ "$(hsm-prefetch --tree "$dir")" = "$dir" ]
	complains "hsm-prefetch: $dir/text: Not a directory" hsm-prefetch --tree "$dir/text"
}

# ----------------------------------------------------------------- signals --

@test "2 cli: a signal ends the list with 130 or 143, and what was done was said" {
	local command signal pid result
	mkfifo "$BATS_TEST_TMPDIR/list"
	for command in hsm-mark hsm-evict hsm-prefetch; do
		for signal in INT TERM; do
			hsm-prefetch -q "$dir/text"
			# Not "&" alone: bash has background jobs ignore SIGINT.
			python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' $command <"$BATS_TEST_TMPDIR/list" >"$BATS_TEST_TMPDIR/out" 3>&- &
			pid=$!
			exec 8>"$BATS_TEST_TMPDIR/list"
			echo "$dir/text" >&8
			wait_for "the first line" grep -q text "$BATS_TEST_TMPDIR/out"
			kill -$signal $pid
			result=0
			wait $pid || result=$?
			exec 8>&-
			[ $result = $((128 + $(kill -l $signal))) ] || fail "$command: $signal: exit status $result"
		done
	done
}

# ------------------------------------------------------------------ server --

@test "2 cli: hsm-serve tells who waits, logs to a file, and hides passwords" {
	local pid log=$BATS_TEST_TMPDIR/log
	exec 8>"$BATS_TEST_TMPDIR/ready"
	serve "$REMOTE"tmp/cli/ "$dir" --ready-fd 8 --log-file "$log" --user me:secret --header "X-Secret: secret"
	exec 8>&-
	[ "$(cat "$BATS_TEST_TMPDIR/ready")" = READY ]
	grep -q "^20.*Z hsm-serve: serving .* on $dir\$" "$log"
	for pid in $(hsm_pids "$dir"); do
		run ! grep -qa secret "/proc/$pid/cmdline"
		[ "$(readlink "/proc/$pid/fd/2")" = "$log" ]
	done
	stop "$dir"
	complains "hsm-serve: $dir: *" hsm-serve --stop "$dir"
}
