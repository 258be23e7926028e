# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 40
#
# Issue 3, line 12: the commands and the unit tests under valgrind: no error, and
# nothing that was lost.

load lib/helpers

# Fails when valgrind finds something, in COMMAND itself.
checked() { # COMMAND...
	local log=$BATS_TEST_TMPDIR/valgrind
	bounded -100 valgrind -q --leak-check=full --show-leak-kinds=definite \
		--errors-for-leak-kinds=definite --num-callers=20 --log-file="$log.%p" \
		"$@" || fail "exit status $?: $*"
	cat "$log".*
	[ -z "$(cat "$log".*)" ]
}

# Valgrind and a sanitizer cannot both have the memory.
setup() {
	! grep -q __sanitizer_ "$BUILD/hsm-mark" || skip "this build checks itself"
	mkdir -p "$TREES/tmp/memory/sub"
	cp -p "$TREES"/files/sizes/{text,5M,4097} "$TREES/tmp/memory"
	cp -p "$TREES"/files/sizes/4095 "$TREES/tmp/memory/sub"
	serve_tree tmp/memory
}

teardown() {
	stop_all
	rm -rf "$TREES/tmp/memory"
}

@test "3 memory: hsm-prefetch, hsm-mark and hsm-evict of a served tree" {
	checked "$BUILD/hsm-prefetch" -R "$dir"
	same "$dir/5M" "$TREES/tmp/memory/5M"
	checked "$BUILD/hsm-mark" -R --json "$dir"
	checked "$BUILD/hsm-mark" --pin "$dir/text"
	checked "$BUILD/hsm-evict" -v -R "$dir" || true
}

@test "3 memory: the same without a server, with eight threads" {
	stop "$dir"
	checked "$BUILD/hsm-prefetch" -R --jobs 8 "$dir"
	checked "$BUILD/hsm-evict" -R "$dir"
	checked "$BUILD/hsm-mark" -R "$dir"
}

# The others: valgrind 3.19 has no openat2(2), no long double of 80 bits and not the
# time; with the sanitizers all of them run.
@test "3 memory: unit tests of what reads foreign input" {
	local unit
	for unit in decide event http_answer mark url; do
		checked "$BUILD/tests/test_$unit"
	done
}
