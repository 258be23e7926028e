# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 25
#
# Issue 4, line 11: hsm-evict and hsm-mark know the same truth as hsm-checkpoint.

load lib/helpers
load lib/tracking

dirty=$TESTS/tools/dirty.py

setup() {
	local i
	tree=$TREES/tmp/dirty-$FS-$BATS_TEST_NUMBER
	mkdir -p "$tree"
	for i in {1..40}; do
		head -c $((i * 977)) /dev/urandom >"$tree/f$i"
	done
	serve_tree "tmp/${tree##*/}"
	hsm-checkpoint -q "$dir" 2>/dev/null || true
	seed=$RANDOM
	echo "seed $seed"
}

teardown() {
	stop_all
	rm -rf "$tree"
}

# Names of a moment ago could be unknown to the next worker or server.
grow_old() {
	sleep 2.7
}

begin() {
	hsm-checkpoint -q "$dir"
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f1)
}

agree() {
	bounded python3 "$dirty" compare "$dir" "$id"
}

@test "4.11 dirty: content changes of the journal are what hsm-mark calls dirty or local" {
	begin
	python3 "$dirty" act "$dir" "$seed" 60 content
	run agree
	echo "$output"
	[[ $status == 0 && ! $output =~ "dirty 0 " ]]
	python3 "$dirty" act "$dir" "$seed" 60 names
	hsm-checkpoint -q "$dir"
	python3 "$dirty" act "$dir" "$((seed + 1))" 60 names
	agree
	# Clean again, and counted from there.
	python3 "$dirty" clean "$dir"
	begin
	agree
	python3 "$dirty" act "$dir" "$((seed + 2))" 60 content
	agree
}

@test "4.11 dirty: so it is when the server is started again, and when its worker is killed" {
	begin
	python3 "$dirty" act "$dir" "$seed" 40 content
	grow_old
	stop "$dir"
	wait_for "the end of the server" gone "$dir"
	serve "$REMOTE"tmp/"${tree##*/}"/ "$dir"
	agree
	python3 "$dirty" act "$dir" "$((seed + 1))" 30 content
	kill -KILL "$(status "$dir" worker_pid)"
	python3 "$dirty" act "$dir" "$((seed + 2))" 30 content
	agree
}
