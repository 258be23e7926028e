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

# How many bytes the tracker has read so far: events, as long as there is no cut.
heard() {
	sleep 1
	awk '/^rchar/ { print $2 }' /proc/"$(tracker_pid "$dir")"/io
}

# Ten thousand writes and 2,000 new files.  Not in it: removals and renames, of which each
# outside is an event that cannot be ignored (see hsm-checkpoint(8)).
change_much() { # DIR
	python3 - "$1" <<-'EOT'
		import os, sys, time
		for number in range(10000):
		    path = os.path.join(sys.argv[1], f"file{number % 50}")
		    with open(path, "ab") as file:
		        file.write(b"x")
		    if number % 5 == 0:
		        os.close(os.open(f"{path}.{number}", os.O_CREAT))
		        os.chmod(path, number % 64)
		    if number % 100 == 0:
		        time.sleep(0.001)
	EOT
}

@test "4.5 storms: what is outside is not listed, and costs nothing after the first event" {
	local outside before quiet round
	outside=$(dirname "$dir")/outside
	mkdir "$outside"
	for round in 1 2; do # each period begins without marks
		touch "$outside/first"
		before=$(heard)
		change_much "$outside"
		quiet=$(($(heard) - before))
		echo "outside: $quiet bytes of events"
		[ $quiet -lt 2000 ]
		hsm-checkpoint --json "$dir" >"$list"
		[ ! -s "$list" ] || fail "listed: $(cat "$list")"
	done
	# The measure measures.
	touch "$dir/first"
	before=$(heard)
	change_much "$dir"
	[ $(($(heard) - before)) -gt 100000 ]
	hsm-checkpoint "$dir" >"$list"
	[ "$(grep -c '^file' "$list")" = 2050 ]
}
