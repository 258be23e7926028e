# SPDX-License-Identifier: GPL-2.0-or-later
# fs: none
#
# The test house itself: what fails is seen, and nothing is left.

load lib/helpers

# Run a bats file of TEXT (with TEST for @test) in a house of its own, beside another.
house() { # TEXT
	mkdir -p "$BATS_TEST_TMPDIR"/{build,scratch}
	printf '# fs: none\n%s\n' "${1//TEST/@test}" >"$BATS_TEST_TMPDIR/one.bats"
	printf '# fs: none\n@test "fine" { :; }\n' >"$BATS_TEST_TMPDIR/two.bats"
	run env -u CI -u RACE_SECONDS BUILD="$BATS_TEST_TMPDIR/build" \
		TMPDIR="$BATS_TEST_TMPDIR/scratch" timeout -k 5 60 \
		"$TESTS/run" "$BATS_TEST_TMPDIR"/{one,two}.bats
	[ -z "$(ls "$BATS_TEST_TMPDIR/scratch")" ] || fail "left: $(ls "$BATS_TEST_TMPDIR/scratch")"
}

@test "3 house: all is well" {
	house 'TEST "well" { :; }'
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "2 passed, 0 failed" ]
}

@test "3 house: a failure is told, with what the test said" {
	house 'TEST "bad in 2 parts" { echo the reason; false; }
TEST "good" { :; }'
	[ "$status" = 1 ]
	[ "${lines[-2]}" = "failed: - one: bad in 2 parts" ]
	[ "${lines[-1]}" = "2 passed, 1 failed" ]
	[[ $output == *"- one: # the reason"* ]]
}

@test "3 house: a file that ends in the middle has failed" {
	house 'TEST "first" { :; }
TEST "second" { kill -KILL $PPID; sleep 1; }
TEST "third" { :; }'
	[ "$status" = 1 ]
	[[ ${lines[-1]} != *" 0 failed" ]]
}

@test "3 house: what a sanitizer reports is a failure, even when nobody looked" {
	house 'TEST "well" { echo "a data race" >"${TSAN_OPTIONS##*log_path=}.1"; }'
	[ "$status" = 1 ]
	[[ $output == *"- one: # a data race"* ]]
	[ "${lines[-1]}" = "2 passed, 1 failed" ]
}

@test "3 house: a skipped test has failed in CI" {
	mkdir "$BATS_TEST_TMPDIR/scratch"
	printf '# fs: none\n@test "not now" { skip; }\n' >"$BATS_TEST_TMPDIR/one.bats"
	CI=1 TMPDIR=$BATS_TEST_TMPDIR/scratch run "$TESTS/run" "$BATS_TEST_TMPDIR/one.bats"
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "0 passed, 1 failed" ]
}

@test "3 house: Ctrl-C ends all and leaves nothing" {
	local pid nap=1$$
	mkdir "$BATS_TEST_TMPDIR/scratch"
	printf '# fs: none\n@test "slow" { timeout 100 sleep %s; }\n' $nap >"$BATS_TEST_TMPDIR/one.bats"
	TMPDIR=$BATS_TEST_TMPDIR/scratch setsid python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$TESTS/run" "$BATS_TEST_TMPDIR/one.bats" 3>&- &
	pid=$!
	slow() { pgrep -fx "sleep $nap"; }
	wait_for "the slow test" slow
	kill -INT -- "-$pid"
	wait $pid || [ $? = 130 ]
	! slow
	[ -z "$(ls "$BATS_TEST_TMPDIR/scratch")" ]
}
