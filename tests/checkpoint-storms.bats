# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 20
#
# Issue 4, line 5: many new directories at once, and the rest of the file system.

load lib/helpers
load lib/tracking
load lib/writers

setup() {
	track_part
	list=$BATS_TEST_TMPDIR/list
	: >"$list"
}

teardown() {
	untrack_all
	stop_all
}

# Run a command while checkpoints are taken one after the other; $list has them all.
while_listing() { # COMMAND...
	local pid
	"$@" 3>&- &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		hsm-checkpoint -0 "$dir" >>"$list"
	done
	wait $pid
	hsm-checkpoint -0 "$dir" >>"$list"
}

# Is everything that is in DIR in $list, and nothing that is not?
all_listed() {
	sort -zu "$list" >"$list.sorted"
	(cd "$dir" && find . -mindepth 1 -path ./.hsm -prune -o -printf '%P\0' | grep -zvFx '' |
		sort -z) >"$list.wanted"
	[ "$(tr -dc '\0' <"$list.wanted" | wc -c)" -ge "$1" ]
	cmp "$list.sorted" "$list.wanted" || fail "$(diff -a <(tr '\0' '\n' <"$list.sorted") \
		<(tr '\0' '\n' <"$list.wanted") | head -n 20)"
}

@test "4.5 storms: tar x of deep trees" {
	python3 "$TESTS/tools/storm.py" "$list.tar" 500 4
	while_listing tar -xf "$list.tar" -C "$dir"
	all_listed 2500
}

@test "4.5 storms: git checkout" {
	local repository=$BATS_TEST_TMPDIR/repository
	git -c init.defaultBranch=main init -q "$repository"
	python3 "$TESTS/tools/storm.py" "$list.tar" 100 5
	tar -xf "$list.tar" -C "$repository"
	git -C "$repository" add .
	git -C "$repository" -c user.name=a -c user.email=a@example.org commit -qm all
	while_listing git -C "$repository" --work-tree="$dir" checkout -q main -- .
	all_listed 600
}

@test "4.5 storms: cp -a, and a move of what it made" {
	local from=$BATS_TEST_TMPDIR/from
	mkdir "$from"
	python3 "$TESTS/tools/storm.py" "$list.tar" 300 4
	tar -xf "$list.tar" -C "$from"
	while_listing cp -a "$from/storm" "$dir/"
	all_listed 1500
	mv "$dir/storm" "$dir/moved"
	hsm-checkpoint -0 "$dir" >"$list"
	all_listed 1500
}
