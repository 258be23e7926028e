# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 30
#
# Issue line 6: large files stream, directories are read ahead.

load lib/helpers

setup() {
	needs_log
}

teardown() {
	[ -z "${slow_pid:-}" ] || kill "$slow_pid"
	stop_all
}

# Did less than LIMIT bytes leave the web server since MARK, all transfers ended?
cost_less() { # MARK LIMIT
	local bytes
	stop "$dir"
	bytes=$(fetched_bytes "$1")
	((bytes < $2)) || fail "$bytes bytes in $(fetches "$1" | wc -l) requests"
}

@test "2.6 streaming: the first 4 KiB of a cold 1 GiB file cost less than 1 MiB" {
	local mark
	serve_tree files/big
	mark=$(log_mark)
	same_start "$dir/1G" "$TREES/files/big/1G" 4096
	cost_less "$mark" $((1 << 20))
}

@test "2.6 streaming: the last 4 KiB of a cold 1 GiB file cost less than 1 MiB" {
	local mark
	serve_tree files/big
	mark=$(log_mark)
	bounded cmp <(tail -c 4096 "$dir/1G") <(tail -c 4096 "$TREES/files/big/1G")
	cost_less "$mark" $((1 << 20))
}

@test "2.6 streaming: sequential reading continues one transfer" {
	local mark
	serve_tree files/big
	mark=$(log_mark)
	bounded dd if="$dir/1G" of=/dev/null bs=64K status=none
	cost_less "$mark" $(((1 << 30) + 1))
	(($(fetches "$mark" | wc -l) <= 16)) || fail "$(fetches "$mark" | wc -l) requests"
}

@test "2.6 streaming: sequential reading with a round trip of 20 ms" {
	local mark
	slow_remote 20
	dir=$(new_dir slow)
	serve "${slow}files/big/" "$dir"
	mark=$(log_mark)
	bounded head -c 64M "$dir/1G" >/dev/null
	stop "$dir"
	# 512 reads of 128 KiB: not a round trip for each.
	(($(fetches "$mark" | wc -l) <= 8)) || fail "$(fetches "$mark" | wc -l) requests"
}

@test "2.6 streaming: 1000 random reads of 4 KiB fetch at most 128 KiB each" {
	local mark
	serve_tree files/big
	mark=$(log_mark)
	bounded python3 - "$dir/1G" "$TREES/files/big/1G" <<-'EOT'
		import os, random, sys
		here, there = (os.open(path, os.O_RDONLY) for path in sys.argv[1:])
		choose = random.Random(6)
		for _ in range(1000):
		    at = choose.randrange((1 << 30) - 4096)
		    assert os.pread(here, 4096, at) == os.pread(there, 4096, at), at
	EOT
	cost_less "$mark" $((1000 * 131072 + 1))
}

@test "2.6 streaming: two readers of the same range cause one fetch" {
	local mark first second name
	slow_remote 200
	dir=$(new_dir slow)
	serve "${slow}files/" "$dir"
	mark=$(log_mark)
	for name in sizes/5M big/1G; do
		head -c 100000 "$dir/$name" >"$BATS_TEST_TMPDIR/first" & first=$!
		head -c 100000 "$dir/$name" >"$BATS_TEST_TMPDIR/second" & second=$!
		wait $first
		wait $second
		cmp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second"
		cmp -n 100000 "$BATS_TEST_TMPDIR/first" "$TREES/files/$name"
	done
	stop "$dir"
	[ "$(fetches "$mark" | grep -c sizes/5M)" = 1 ]
	# No byte of the large file was asked for twice.
	[ -z "$(fetches "$mark" | grep big/1G | awk '{ print $5 }' | sort | uniq -d)" ]
}

@test "2.6 streaming: a slow reader does not make the server download without bound" {
	local mark
	serve_tree files/big
	mark=$(log_mark)
	exec 7<"$dir/1G"
	bounded head -c 4M <&7 >/dev/null
	sleep 3
	(($(resident "$dir/1G") <= 36 << 20)) || fail "$(resident "$dir/1G") bytes are here"
	exec 7<&-
	cost_less "$mark" $((44 << 20))
}

written() { # sectors of the file system under test, since it is there
	awk '{ print $7 }' "/sys/dev/block/$(mountpoint -d "$MNT")/stat"
}

sent() { # MARK BYTES (--status would look at extents, and flush for that)
	(($(fetched_bytes "$1") >= $2))
}

@test "2.6 streaming: the end of a large file does not wait for the disk" {
	local mark before after
	serve_tree files/sizes
	sync -f "$MNT"
	mark=$(log_mark)
	exec 7<"$dir/64M"
	bounded dd bs=128K count=320 of=/dev/null status=none <&7
	wait_for "the last bytes" sent "$mark" $((64 << 20))
	before=$(written)
	bounded cmp - <(tail -c 24M "$TREES/files/sizes/64M") <&7
	after=$(written)
	exec 7<&-
	((after - before < 16 << 11)) || fail "$((after - before)) sectors were written"
}

@test "2.6 streaming: a directory that is walked is fetched ahead" {
	local copy=$BATS_TEST_TMPDIR/copy
	mkdir "$copy"
	slow_remote 50
	dir=$(new_dir slow)
	serve "${slow}walk/" "$dir" --jobs 8
	bounded tar -cf - -C "$dir" --exclude .hsm . | tar -xf - -C "$copy"
	diff -r "$TREES/walk" "$copy"
	together 3
}

@test "2.6 streaming: --read-ahead-files bounds it, 0 turns it off" {
	local mark bound
	for bound in 0 5; do
		mark=$(log_mark)
		serve_tree walk --read-ahead-files "$bound"
		# As a walker meets them, not sorted.
		find "$dir" -name 'f*' | head -n 4 | xargs cat >/dev/null
		sleep 2
		stop "$dir"
		# A reader that overtakes what is on its way makes it a few more.
		(($(fetches "$mark" | wc -l) >= 4 && $(fetches "$mark" | wc -l) <= 4 + 2 * bound)) ||
			fail "$bound: $(fetches "$mark" | wc -l) files were fetched"
	done
}

@test "2.6 streaming: one file that is read alone causes no read-ahead of others" {
	local mark
	mark=$(log_mark)
	serve_tree walk
	bounded cat "$dir/f200" >/dev/null
	sleep 1
	stop "$dir"
	[ "$(fetches "$mark" | wc -l)" = 1 ]
}
