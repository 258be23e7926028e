# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
#
# Issue lines 7 and 8: what is here costs nothing, and mtime stands still.

load lib/helpers

# Nobody answers events now: what still reads raises none.
freeze_server() {
	local pid
	for pid in $(hsm_pids "$dir"); do
		kill -STOP "$pid"
	done
}

thaw_server() {
	local pid
	for pid in $(hsm_pids "$dir"); do
		kill -CONT "$pid"
	done
}

teardown() {
	thaw_server
	stop_all
}

readable_without_server() { # FILE...
	local file result=0
	freeze_server
	for file; do
		bounded -10 cat "$file" >/dev/null || result=1
	done
	thaw_server
	return $result
}

@test "2.7 warm: a file that is complete raises no event" {
	serve_tree files/sizes
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	is online "$dir"/{text,5M,64M}
	readable_without_server "$dir"/{text,5M,64M}
}

@test "2.7 warm: a cold file does need the server (or the test above proves nothing)" {
	serve_tree files/sizes
	freeze_server
	run timeout 2 cat "$dir/text"
	thaw_server
	[ "$status" = 124 ]
	same "$dir/text" "$TREES/files/sizes/text"
}

pread() { # FD: the first page
	bounded -10 python3 -c "import os; assert os.pread($1, 4096, 0)"
}

# The kernel keeps no ordinary ignore mark for it.
@test "2.7 warm: nor does one that is open for writing too, after its first read" {
	local fd
	serve_tree files/sizes
	hsm-prefetch -q "$dir/5M"
	exec {fd}<>"$dir/5M"
	pread $fd
	freeze_server
	pread $fd
	bounded -10 cat "$dir/5M" >/dev/null
	thaw_server
	exec {fd}>&-
	is online "$dir/5M"
	hsm-evict -q "$dir/5M"
	cold "$dir/5M"
	same "$dir/5M" "$TREES/files/sizes/5M"
}

@test "2.7 warm: nor after memory pressure, and nothing is fetched twice" {
	local mark
	serve_tree files/sizes
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	mark=$(log_mark)
	sync -f "$dir"
	echo 3 >/proc/sys/vm/drop_caches
	# The kernel may have forgotten the marks: this read brings them back.
	bounded cmp "$dir/64M" "$TREES/files/sizes/64M"
	bounded cat "$dir"/{text,5M} >/dev/null
	readable_without_server "$dir"/{text,5M,64M}
	[ -z "$(fetches "$mark")" ]
}

@test "2.7 warm: nothing is fetched twice after a restart" {
	local mark
	needs_log
	serve_tree files/sizes
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	stop "$dir"
	mark=$(log_mark)
	serve "${REMOTE}files/sizes/" "$dir"
	is online "$dir"/{text,5M,64M}
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	same "$dir/64M" "$TREES/files/sizes/64M"
	[ -z "$(fetches "$mark")" ]
	readable_without_server "$dir"/{text,5M,64M}
}

@test "2.7 warm: a partial file keeps its ranges over a restart" {
	local mark
	needs_log
	serve_tree files/big
	bounded head -c 8M "$dir/1G" >/dev/null
	stop "$dir"
	mark=$(log_mark)
	serve "${REMOTE}files/big/" "$dir"
	is partial "$dir/1G"
	same_start "$dir/1G" "$TREES/files/big/1G" $((8 << 20))
	[ -z "$(fetches "$mark" | grep "bytes=0-")" ]
	(($(fetched_bytes "$mark") < 64 << 20))
	bounded cmp "$dir/1G" "$TREES/files/big/1G"
}

@test "2.8 warm: mtime does not move when content comes or goes" {
	local name before
	serve_tree files/sizes
	for name in text 5M 64M; do
		before=$(stat -c %y "$dir/$name")
		head -c 100 "$dir/$name" >/dev/null
		[ "$(stat -c %y "$dir/$name")" = "$before" ]
		bounded cat "$dir/$name" >/dev/null
		[ "$(stat -c %y "$dir/$name")" = "$before" ]
		hsm-evict -q "$dir/$name"
		[ "$(stat -c %y "$dir/$name")" = "$before" ]
		hsm-prefetch -q "$dir/$name"
		[ "$(stat -c %y "$dir/$name")" = "$before" ]
	done
}

@test "2.8 warm: make does not rebuild what is up to date" {
	serve_tree source
	cd "$dir"
	bounded make -q
	[ "$(bounded make)" = "make: 'app' is up to date." ]
	bounded cat ./*.c ./*.o app >/dev/null
	bounded make -q
	hsm-evict -q a.c a.o app
	bounded make -q
	touch a.c
	run bounded make
	[ "$status" = 0 ]
	same "$dir/b.o" "$TREES/source/b.o"
	cat "$TREES/source/a.c" "$TREES/source/b.o" | cmp - app
	cd /
}
