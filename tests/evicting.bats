# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
#
# Issue line 10: eviction gives back space and nothing else; prefetch brings it back.

load lib/helpers

setup() {
	serve_tree files/sizes
}

attributes() { # FILE
	stat -c '%s %y %a %u %g' "$1"
	getfattr -d -m user -- "$1" 2>/dev/null | tail -n +2
}

# hsm-evict refuses FILE with REASON, and FILE stays as it is.
refuses() { # FILE REASON
	local before
	before=$(hsm-mark "$1")
	run --separate-stderr bounded hsm-evict "$1"
	[ "$status" = 1 ]
	[ -z "$output" ]
	[[ $stderr == "hsm-evict: $1: "*"$2"* ]] || fail "said: $stderr"
	[ "$(hsm-mark "$1")" = "$before" ]
}

@test "2.10 evicting: no data blocks are left, and the space is free" {
	local before after path
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	sync -f "$dir"
	before=$(df --output=avail -B1 "$MNT" | tail -n 1)
	hsm-evict "$dir"/{text,5M,64M}
	sync -f "$dir"
	cold "$dir"/{text,5M,64M}
	wait_for "the space" eval \
		'sync -f "$dir"; (($(df --output=avail -B1 "$MNT" | tail -n 1) - before > 30 << 20))'
	(($(stat -c %b "$dir/64M") * 512 <= 4096))
	stop "$dir"
	wait_for "the end of the server" gone "$dir"
	path=$(find "$dir/.hsm" -name 64M -type f)
	[[ $(filefrag "$path") == *": 0 extents found" ]]
}

@test "2.10 evicting: size, mtime, mode, owner and xattrs stay, and it reads right again" {
	local name before
	for name in 1 4095 4096 4097 text 5M 64M; do
		bounded cat "$dir/$name" >/dev/null
		chmod 640 "$dir/$name"
		chown 11:12 "$dir/$name"
		setfattr -n user.colour -v "blue $name" "$dir/$name"
		before=$(attributes "$dir/$name")
		[ "$(hsm-evict "$dir/$name")" = "$dir/$name" ]
		cold "$dir/$name"
		[ "$(attributes "$dir/$name")" = "$before" ]
		bounded cmp "$dir/$name" "$TREES/files/sizes/$name"
		[ "$(attributes "$dir/$name")" = "$before" ]
	done
}

@test "2.10 evicting: a partial file" {
	head -c 100000 "$dir/64M" >/dev/null
	is partial "$dir/64M"
	[ "$(hsm-evict "$dir/64M")" = "$dir/64M" ]
	cold "$dir/64M"
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
}

@test "2.10 evicting: an open file is in use" {
	bounded cat "$dir/text" >/dev/null
	exec 7<"$dir/text"
	refuses "$dir/text" "in use"
	cmp - "$TREES/files/sizes/text" <&7
	exec 7<&-
	hsm-evict "$dir/text"
}

@test "2.10 evicting: a mapped file is in use, also when it is closed" {
	local holder
	bounded cat "$dir/text" >/dev/null
	python3 - "$dir/text" 3>&- >"$BATS_TEST_TMPDIR/mapped" <<-'EOT' &
		import mmap, os, sys, time
		fd = os.open(sys.argv[1], os.O_RDONLY)
		view = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
		os.close(fd)
		for link in os.listdir("/proc/self/fd"):
		    try:
		        if os.readlink(f"/proc/self/fd/{link}") == sys.argv[1]:
		            os.close(int(link))
		    except OSError:
		        pass
		print("mapped", flush=True)
		time.sleep(100)
	EOT
	holder=$!
	wait_for "the mapping" grep -q mapped "$BATS_TEST_TMPDIR/mapped"
	refuses "$dir/text" "in use"
	kill $holder
	wait $holder || true
	hsm-evict "$dir/text"
	cold "$dir/text"
}

@test "2.10 evicting: a binary that runs is in use" {
	local runs
	stop_all
	serve_tree files/programs
	chmod +x "$dir/binary"
	"$dir/binary" -c 'while :; do read -t 1 <> <(:) || :; done' 3>&- &
	runs=$!
	wait_for "the binary" eval '[[ $(readlink /proc/'$runs'/exe) == *binary ]]'
	refuses "$dir/binary" "in use"
	kill $runs
	wait $runs || true
	hsm-evict "$dir/binary"
}

@test "2.10 evicting: a pinned file" {
	bounded cat "$dir/text" >/dev/null
	hsm-mark -q --pin "$dir/text"
	[[ $(flags "$dir/text") == *pinned* ]]
	refuses "$dir/text" pinned
	hsm-mark -q --unpin "$dir/text"
	hsm-evict "$dir/text"
	cold "$dir/text"
}

@test "2.10 evicting: a dirty file" {
	echo more >>"$dir/text"
	refuses "$dir/text" dirty
}

@test "2.10 evicting: a local file" {
	echo mine >"$dir/mine"
	refuses "$dir/mine" local
}

@test "2.10 evicting: what is refused does not keep the others" {
	bounded cat "$dir"/{text,5M,4097} >/dev/null
	echo mine >"$dir/mine"
	hsm-mark -q --pin "$dir/4097"
	run --separate-stderr hsm-evict "$dir/mine" "$dir/text" "$dir/4097" "$dir/none" "$dir/5M"
	[ "$status" = 1 ]
	[ "$output" = "$dir/text"$'\n'"$dir/5M" ]
	[ "$(wc -l <<<"$stderr")" = 3 ]
	cold "$dir/text" "$dir/5M"
	is online "$dir/4097"
}

@test "2.10 evicting: the pipelines of the contract" {
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	find "$dir" -path "$dir/.hsm" -prune -o -size +1M -print0 | hsm-evict -0 >"$BATS_TEST_TMPDIR/null"
	[ "$(tr '\0' '\n' <"$BATS_TEST_TMPDIR/null" | sort)" = "$(printf '%s\n' "$dir"/{5M,64M})" ]
	is online "$dir/text"
	find "$dir" -name text | hsm-evict | tee "$BATS_TEST_TMPDIR/list"
	cold "$dir"/{text,5M,64M}
	hsm-prefetch <"$BATS_TEST_TMPDIR/list"
	is online "$dir/text"
	[ "$(hsm-mark -R --state partial,online "$dir" | cut -f5 | grep -c /text)" = 1 ]
}

@test "2.10 evicting: without a running server, and the file reads right afterwards" {
	bounded cat "$dir"/{text,64M} >/dev/null
	stop "$dir"
	run hsm-evict "$dir/text" "$dir/64M"
	[ "$status" = 0 ]
	serve "${REMOTE}files/sizes/" "$dir"
	cold "$dir/text" "$dir/64M"
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
}

# As a power loss leaves it: the mtime has moved, the hole has not been made.
@test "3.6 evicting: broken off before its hole, the file is not dirty" {
	local mtime f
	hsm-prefetch -q "$dir/text" "$dir/5M"
	mtime=$(stat -c %y "$dir/text")
	stop "$dir"
	for f in "$dir"/.hsm/tree/{text,5M}; do
		setfattr -n trusted.hsm.evict "$f"
		setfattr -n trusted.hsm.empty "$f"
		touch "$f"
	done
	serve "${REMOTE}files/sizes/" "$dir"
	is online "$dir/text" "$dir/5M"
	hsm-evict -q "$dir/5M"
	is offline "$dir/5M"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
	[ "$(stat -c %y "$dir/text")" = "$mtime" ]
	! getfattr -d -m trusted.hsm. "$dir/text" | grep . || fail "still marked"
	echo more >>"$dir/text"
	is dirty "$dir/text"
}

@test "2.10 prefetching: without a running server" {
	local mark
	stop "$dir"
	hsm-prefetch -q "$dir/text" "$dir/64M"
	serve "${REMOTE}files/sizes/" "$dir"
	is online "$dir/text" "$dir/64M"
	mark=$(log_mark)
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
	[ -z "$(fetches "$mark")" ]
}

@test "2.10 prefetching: whole files, trees and ranges" {
	[ "$(hsm-prefetch "$dir/text")" = "$dir/text" ]
	is online "$dir/text"
	hsm-prefetch -q --range 30M+1M "$dir/64M"
	is partial "$dir/64M"
	(($(resident "$dir/64M") >= 1 << 20 && $(resident "$dir/64M") <= 4 << 20))
	hsm-prefetch -R "$dir" | sort >"$BATS_TEST_TMPDIR/list"
	grep -qx "$dir/64M" "$BATS_TEST_TMPDIR/list"
	is online "$dir"/{1,4095,4096,4097,text,5M,64M}
	same "$dir/64M" "$TREES/files/sizes/64M"
}

@test "2.10 prefetching: many small files" {
	stop_all
	serve_tree walk
	[ "$(hsm-prefetch -R --jobs 4 "$dir" | wc -l)" = 400 ]
	[ "$(hsm-mark -R --state online "$dir" | wc -l)" = 400 ]
	diff -r -x .hsm "$TREES/walk" "$dir"
	[ "$(hsm-evict -R "$dir" | wc -l)" = 400 ]
	[ "$(hsm-mark -R --state offline "$dir" | wc -l)" = 400 ]
}
