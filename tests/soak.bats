# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 200
#
# Issue line 14: SOAK_SECONDS (180) of everything at once, against a model.

SOAK_SECONDS=${SOAK_SECONDS:-180}
BATS_TEST_TIMEOUT=$((SOAK_SECONDS + 240))
load lib/helpers

teardown() {
	[ -z "${remote_pid:-}" ] || kill "$remote_pid"
	stop_all
	rm -rf "$TREES/tmp/soak"
}

@test "3.14 soak: not one wrong byte, no leak" {
	local port seed=${SOAK_SEED:-$RANDOM}
	echo "SOAK_SEED=$seed"
	mkdir -p "$TREES/tmp/soak"
	port=$(free_port)
	python3 "$TESTS/fault-server.py" --port "$port" "$TREES/tmp/soak" \
		</dev/null >/dev/null 2>&1 3>&- &
	remote_pid=$!
	wait_for "the server" eval "(: >/dev/tcp/127.0.0.1/$port) 2>/dev/null"
	dir=$(new_dir soak)
	echo "$dir" >>"$(scope)/served"
	bounded -$((SOAK_SECONDS + 200)) python3 "$TESTS/tools/soak.py" "$dir" \
		"$TREES/tmp/soak" "$port" "$SOAK_SECONDS" "$seed" >"$BATS_TEST_TMPDIR/counts" || {
		tail -n 20 "$SCRATCH/soak.log"
		false
	}
	echo "# $FS: $(cat "$BATS_TEST_TMPDIR/counts")" >&3
}
