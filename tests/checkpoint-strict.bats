# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
# takes: 35
#
# Issue 4, line 7 and the second half of line 2: hsm-checkpoint --watch --strict.

load lib/helpers
load lib/tracking

setup() {
	dir=$(new_dir tracked)
}

teardown() {
	[ -z "${other:-}" ] || ! mountpoint -q "$other" || fsfreeze -u "$other" 2>/dev/null || true
	untrack_all
	[ -z "${other:-}" ] || ! mountpoint -q "$other" || umount "$other"
	stop_all
}

# Open and map $dir/FILE for writing, close it, and store into it until the test
# says no more; never write() anything.
map() { # FILE
	rm -f "$SCRATCH/go"
	python3 - "$dir/$1" "$SCRATCH/go" <<-'EOT' 3>&- &
		import mmap, os, sys, time
		fd = os.open(sys.argv[1], os.O_RDWR)
		m = mmap.mmap(fd, 4096)
		os.close(fd)
		open(sys.argv[2], "w").close()
		while os.path.exists(sys.argv[2]): m[0:1] = b"b"; time.sleep(0.01)
	EOT
	mapper=$!
	wait_for "the mapping" test -e "$SCRATCH/go"
}

unmap() {
	rm "$SCRATCH/go"
	wait "$mapper"
}

# A file system of its own, in $other, of which a copy can be made as a power loss
# would leave it.
own_image() {
	other=$BATS_TEST_TMPDIR/other
	mkdir "$other"
	truncate -s 300M "$other.img"
	case $FS in
	ext4) mkfs.ext4 -q -F "$other.img" ;;
	*) "mkfs.$FS" -q -f "$other.img" >/dev/null ;;
	esac
	mount -o loop "$other.img" "$other"
	dir=$other/tree
	mkdir "$dir"
}

@test "4.2 strict: what is stored through a mapping is in every list, from the first on" {
	head -c 4096 /dev/zero | tee "$dir/a" >"$dir/b"
	track "$dir" --strict
	map a
	prints a
	prints a
	prints a
	unmap
	prints a
	prints ""
	# What was opened and written before is asked about again in the next period.
	echo x >>"$dir/b"
	cat "$dir/b" >/dev/null
	prints b
	map b
	prints b
	prints b
	unmap
	prints b
	prints ""
}

@test "4.7 strict: who opens for writing is told, who reads is not, nor who is outside" {
	local outside
	outside=$(new_dir outside)
	touch "$outside/o"
	for name in append create_over io read trunc write; do
		echo x >"$dir/$name"
	done
	cp /bin/true "$dir/program"
	track "$dir" --strict
	python3 - "$dir" "$outside" <<-'EOT'
		import os, sys
		outside = os.open(sys.argv[2] + "/o", os.O_RDWR)
		os.chdir(sys.argv[1])
		read = os.open("read", os.O_RDONLY)
		exec = os.spawnl(os.P_WAIT, "./program", "program")
		append = os.open("append", os.O_WRONLY | os.O_APPEND)
		write = os.open("write", os.O_WRONLY)
		trunc = os.open("trunc", os.O_RDONLY | os.O_TRUNC)
		new = os.open("new", os.O_RDWR | os.O_CREAT | os.O_EXCL)
		over = os.open("create_over", os.O_RDWR | os.O_CREAT)
		os.link("write", "link")
		linked = os.open("link", os.O_RDWR)
		os._exit(0)
	EOT
	prints $'append\ncreate_over\nlink\nnew\ntrunc\nwrite'
	prints ""
}

@test "4.7 strict: the opening is on the disk before it is allowed: power loss" {
	own_image
	touch "$dir/early" "$dir/late"
	track "$dir" --strict
	sync -f "$dir"
	exec 5>>"$dir/late"
	cp --sparse=always "$other.img" "$other.after" # as if the power went now
	exec 5>&-
	untrack "$dir" KILL
	umount "$other"
	mount -o loop "$other.after" "$other"
	grep -q late "$dir"/.hsm/journal/*.intent
	! grep -q early "$dir"/.hsm/journal/*.intent
	track_only "$dir" --strict
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $output == "rescan ." || $output == *late* ]]
}

@test "4.7 strict: after a kill of the tracker right after an opening, the list says so" {
	touch "$dir/file"
	track "$dir" --strict
	exec 5>>"$dir/file"
	untrack "$dir" KILL
	grep -q file "$dir"/.hsm/journal/*.intent
	echo more >&5 # nobody waits for who is not there
	exec 5>&-
	bounded touch "$dir/another"
	track_only "$dir" --strict
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $output == "rescan ." && $status == 1 || $output == *file* ]]
	touch "$dir/new"
	prints new
}

@test "4.7 strict: whoever opens waits while the tracker is stopped, and goes on when it is killed" {
	touch "$dir/file"
	track "$dir" --strict
	kill -STOP "$(tracker_pid "$dir")"
	bash -c 'exec 5>>"$1"; touch "$2"' - "$dir/file" "$SCRATCH/opened" 3>&- &
	local opener=$!
	sleep 0.5
	[ ! -e "$SCRATCH/opened" ]
	untrack "$dir" KILL
	wait_for "the opener" test -e "$SCRATCH/opened"
	wait "$opener"
	rm "$SCRATCH/opened"
}

@test "4.7 strict: sixteen at a time share their syncs" {
	(cd "$dir" && touch {0..15}-{0..39})
	track "$dir" --strict -v
	bounded python3 - "$dir" <<-'EOT'
		import os, sys
		os.chdir(sys.argv[1])
		for writer in range(16):
		    if os.fork() == 0:
		        for number in range(40):
		            os.close(os.open(f"{writer}-{number}", os.O_WRONLY))
		        os._exit(0)
		while True:
		    try: assert os.wait()[1] == 0
		    except ChildProcessError: break
	EOT
	[[ $(hsm-checkpoint "$dir" | wc -l) == 640 ]]
	said=$(grep -o "strict: .* syncs" "$(track_log "$dir")" | tail -n 1)
	[[ $said =~ strict:\ ([0-9]+)\ .*\ ([0-9]+)\ syncs ]] || fail "$said"
	echo "$said"
	((BASH_REMATCH[1] >= 640 && BASH_REMATCH[2] > 0 && BASH_REMATCH[2] < BASH_REMATCH[1] / 2))
}

@test "4.7 strict: a freeze is not in its way, nor it in the way of a freeze" {
	own_image
	track "$dir" --strict
	touch "$SCRATCH/go"
	for i in 1 2 3 4; do
		while [ -e "$SCRATCH/go" ]; do : >"$dir/$i"; : >>"$dir/$i.more"; done 3>&- &
	done
	for i in {1..10}; do
		bounded -20 fsfreeze -f "$other"
		bounded -20 fsfreeze -u "$other"
		hsm-checkpoint -q "$dir"
	done
	rm "$SCRATCH/go"
	bounded tail --pid=$! -f /dev/null
	untrack "$dir"
}

@test "4.7 strict: a journal elsewhere on the same file system is not waited for" {
	store=$(new_dir store)
	track "$dir" --strict --store "$store/s"
	for i in 1 2 3; do
		touch "$dir/$i"
		prints "$i"
	done
}

@test "4.7 strict: a full disk: writers go on, and the next list is rescan ." {
	other=$BATS_TEST_TMPDIR/other
	mkdir "$other"
	truncate -s 16M "$other.img"
	mkfs.ext4 -q -F "$other.img"
	mount -o loop "$other.img" "$other"
	mkdir "$other/store"
	track "$dir" --strict --store "$other/store/s"
	touch "$dir/before"
	prints before
	head -c 20M /dev/zero >"$other/ballast" || true
	for round in 1 2 3; do
		(cd "$dir" && for i in {1..300}; do : >"name-$round-$i"; done)
		run --separate-stderr bounded hsm-checkpoint "$dir"
		[[ $status == 1 && $output == "rescan ." ]]
	done
	rm "$other/ballast"
	for round in 1 2 3; do
		hsm-checkpoint -q "$dir" 2>/dev/null || true
	done
	touch "$dir/after"
	prints after
	untrack "$dir"
}

@test "4.7 strict: sqlite, with its log mapped, and git" {
	track "$dir" --strict
	bounded sqlite3 "$dir/db" "PRAGMA journal_mode = WAL; CREATE TABLE t(x);
		WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000)
		INSERT INTO t SELECT x FROM c;" >/dev/null
	prints db
	bounded sqlite3 "$dir/db" "DELETE FROM t WHERE x % 2; VACUUM;"
	prints db
	[[ $(sqlite3 "$dir/db" "PRAGMA integrity_check; SELECT count(*) FROM t;") == $'ok\n2500' ]]
	hsm-checkpoint -q "$dir"
	bounded git -c init.defaultBranch=main init -q "$dir/git"
	echo x >"$dir/git/x"
	bounded git -C "$dir/git" add x
	hsm-checkpoint "$dir" | grep -qx git/.git/index
}

@test "4.7 strict: a served tree: what users open for writing is told, what the server does is not" {
	serve_tree files --strict
	run --separate-stderr hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]]
	# Many readers at the same time, most of whom meet the server as a writer.
	local readers=()
	for i in {1..8}; do
		cat "$dir"/sizes/* >/dev/null 3>&- &
		readers+=($!)
		bash -c 'head -c 3M "$1/big/1G" >/dev/null; tail -c 1M "$1/big/1G" >/dev/null' - "$dir" 3>&- &
		readers+=($!)
	done
	wait "${readers[@]}"
	prints ""
	same "$dir/sizes" "$TREES/files/sizes"
	# It may still be writing what was asked for ahead.
	wait_for "the server to be done" hsm-evict -q -R "$dir"
	hsm-prefetch -q "$dir/sizes/text"
	prints ""
	map sizes/5M
	prints sizes/5M
	prints sizes/5M
	unmap
	echo more >>"$dir/sizes/text"
	touch "$dir/new"
	prints $'new\nsizes/5M\nsizes/text'
	is dirty "$dir/sizes/text"
	exec 5>>"$dir/sizes/4096"
	kill -KILL "$(status "$dir" worker_pid)"
	bounded touch "$dir/more"
	exec 5>&-
	told() { # the new worker may not be there yet
		output=$(hsm-checkpoint "$dir") || [ -n "$output" ]
	}
	wait_for "a list" told
	[[ $output == "rescan ." || $output == *4096* ]] || fail "$output"
	touch "$dir/last"
	prints last
}
