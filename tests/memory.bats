# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 55
#
# Issue 3, line 12: the commands and the unit tests under valgrind: no error, and
# nothing that was lost.  Line 9: allocations that fail.

load lib/helpers
load lib/processes

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

# One of NUMBER (up to 255) allocations of the worker fails from now on; 0: none.
scarce() { # NUMBER
	printf "\\x$(printf %02x "$1")" | dd of="$NO_MEMORY" conv=notrunc status=none
}

@test "3.9 memory: allocations that fail at random for 10 s: right bytes or an error, the service goes on" {
	export NO_MEMORY=$BATS_TEST_TMPDIR/memory
	local pids=() n
	make_tree memory/many 60 200000
	truncate -s 16 "$NO_MEMORY"
	dir=$(new_dir scarce)
	log=$BATS_TEST_TMPDIR/log
	LD_PRELOAD=$BUILD/tests/preload/no_memory.so serve "${REMOTE}tmp/memory/many/" "$dir" \
		--log-file "$log" --stream-above 64K --retries 1 --timeout 5 --refresh 1
	for ((n = 0; n < 4; n++)); do
		bounded -60 python3 - "$dir" "$TREES/tmp/memory/many" "$n" <<-'EOT' >"$BATS_TEST_TMPDIR/reader$n" 3>&- &
			import random, sys, time
			here, there, seed = sys.argv[1:]
			random, end = random.Random(seed), time.monotonic() + 10
			right = failed = 0
			while time.monotonic() < end:
			    name = "/%d" % random.randrange(60)
			    with open(there + name, "rb") as file:
			        wanted = file.read()
			    try:
			        with open(here + name, "rb") as file:
			            file.seek(part := random.choice((0, 0, 100000)))
			            found = file.read()
			    except OSError:
			        failed += 1
			        continue
			    if found != wanted[part:]:
			        sys.exit(name + ": wrong bytes")
			    right += 1
			print(right, failed)
		EOT
		pids+=($!)
	done
	for ((n = 0; n < 20; n++)); do
		scarce $((n % 2 ? 20 : 200))
		sleep 0.5
		hsm-evict -q -R "$dir" || true
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	scarce 0
	cat "$BATS_TEST_TMPDIR"/reader?
	[ "$(awk '{ right += $1 } END { print (right > 100) }' "$BATS_TEST_TMPDIR"/reader?)" = 1 ]
	[ "$(od -An -t u8 -j 8 "$NO_MEMORY")" -gt 100 ]
	wait_for "a worker" eval '[ "$(status "$dir" running)" = true ]'
	same "$dir" "$TREES/tmp/memory/many"
}
