# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 90
#
# Issue line 6: the power goes at any moment, POWER_ROUNDS (15) times on each file
# system; what is allowed then is written in tools/power.py.

POWER_ROUNDS=${POWER_ROUNDS:-15}
BATS_TEST_TIMEOUT=$((POWER_ROUNDS * 20 + 120))
load lib/helpers
load lib/tracking
load lib/restarting

teardown() {
	restart_teardown
	rm -rf "$TREES/tmp/power"
}

# All of the server ends at once, and the file system is mounted again.
crash() {
	local pids
	mapfile -t pids < <(hsm_pids "$dir")
	kill -STOP "${pids[@]}"
	kill -KILL "${pids[@]}"
	wait_for "their end" eval '[ -z "$(hsm_pids "$dir")" ]'
	umount "$dir"
	mount_again
}

@test "3.6 power: everything that was synced is there, everything else is the remote's" {
	local seed=${POWER_SEED:-$RANDOM}
	echo "POWER_SEED=$seed"
	mkdir -p "$TREES/tmp/power"
	bounded -$((POWER_ROUNDS * 20 + 60)) unshare -m --propagation private python3 "$TESTS/tools/power.py" "$FS" \
		"$BATS_TEST_TMPDIR/image" "$BATS_TEST_TMPDIR" "${REMOTE}tmp/power/" \
		"$TREES/tmp/power" "$POWER_ROUNDS" "$seed" >"$BATS_TEST_TMPDIR/counts"
	echo "# $FS: $(cat "$BATS_TEST_TMPDIR/counts")" >&3
}

@test "3.6 power: strict: what was open for writing at a crash is dirty, once" {
	local fd
	dir=$(new_dir strict)
	own_file_system
	serve "${REMOTE}files/sizes/" "$dir" --strict
	hsm-prefetch -q "$dir"/{text,4096,4097}
	exec {fd}<>"$dir/text" {fd}>&-
	hsm-checkpoint -q "$dir" || true
	exec {fd}>>"$dir/4096" {fd}>&-
	bounded cat "$dir/4097" >/dev/null
	is online "$dir"/{text,4096,4097}
	crash
	serve "${REMOTE}files/sizes/" "$dir"
	is dirty "$dir"/{text,4096}
	is online "$dir/4097"
	run hsm-evict "$dir/text"
	[ "$status" = 1 ]
	hsm-mark --clean "$dir"/{text,4096}
	crash
	serve "${REMOTE}files/sizes/" "$dir"
	is online "$dir"/{text,4096,4097}
	same "$dir/text" "$TREES/files/sizes/text"
	stop "$dir"
}

# What can be on disk before the store is complete: made in this order.
@test "3.6 power: a store that was being made is begun again" {
	local made
	for made in "" tree "tree listed" "tree listed config.new"; do
		dir=$(new_dir unfinished)
		mkdir "$dir/.hsm"
		for name in $made; do
			mkdir "$dir/.hsm/$name"
		done
		! [ -d "$dir/.hsm/config.new" ] || { rmdir "$dir/.hsm/config.new"; echo "form" >"$dir/.hsm/config.new"; }
		serve "${REMOTE}files/sizes/" "$dir"
		bounded cmp "$dir/text" "$TREES/files/sizes/text"
		stop "$dir"
	done
	# The same with a store elsewhere: with the link, and without.
	dir=$(new_dir unfinished)
	ln -s "$dir.store" "$dir/.hsm"
	serve "${REMOTE}files/sizes/" "$dir" --store "$dir.store"
	stop "$dir"
	rm -r "$dir.store"
	mkdir "$dir.store"
	rm "$dir/.hsm"
	serve "${REMOTE}files/sizes/" "$dir" --store "$dir.store"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
	echo "$dir.store" >>"$(scope)/made"
}

@test "3.6 power: what is no store of ours is neither used nor removed" {
	dir=$(new_dir foreign)
	mkdir -p "$dir/.hsm/tree"
	echo mine >"$dir/.hsm/tree/file"
	refused 1 hsm-serve -b "${REMOTE}files/sizes/" "$dir"
	[ "$(cat "$dir/.hsm/tree/file")" = mine ]
	mkdir "$dir.data"
	echo "$dir.data" >>"$(scope)/made"
	echo mine >"$dir.data/file"
	rm -r "$dir/.hsm"
	refused 1 hsm-serve -b --store "$dir.data" "${REMOTE}files/sizes/" "$dir"
	[ "$(cat "$dir.data/file")" = mine ]
	[ "$(ls -A "$dir")" = "" ]
}
