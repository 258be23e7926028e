# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
# takes: 70
#
# Issue 5: a tree that is served before it is listed.

load lib/helpers

# Directories a01 ... a20, each with b1/c1 and b2/c1, each with a file and "d".
setup_file() {
	local a b
	rm -rf "$TREES/tmp/lazy-$FS"
	for a in $(seq -f 'a%02g' 20); do
		for b in b1 b2; do
			mkdir -p "$TREES/tmp/lazy-$FS/$a/$b/c1/d"
			echo "$a/$b" >"$TREES/tmp/lazy-$FS/$a/$b/c1/file"
			echo deep >"$TREES/tmp/lazy-$FS/$a/$b/c1/d/deep"
			cp /bin/true "$TREES/tmp/lazy-$FS/$a/$b/c1/prog"
		done
	done
	mkdir -p "$TREES/tmp/lazy-$FS-wide"
	(cd "$TREES/tmp/lazy-$FS-wide" && seq -f 's%04g' 1000 | xargs mkdir)
	for a in $(seq -f 's%04g' 100); do
		echo "$a" >"$TREES/tmp/lazy-$FS-wide/$a/file"
	done
}

teardown_file() {
	rm -rf "$TREES/tmp/lazy-$FS" "$TREES/tmp/lazy-$FS-wide"
}

teardown() {
	[ -z "${there:-}" ] || kill "$there"
	there=
	if mountpoint -q "$BATS_TEST_TMPDIR/door"; then
		umount -R "$BATS_TEST_TMPDIR/door"
	fi
	stop_all
}

serve_lazy() { # [OPTION...]
	mark=$(! [[ $REMOTE == http* ]] || log_mark)
	serve_tree "tmp/lazy-$FS" --namespace lazy "$@"
}

# Were exactly these directories listed, each once?  And forget them.
listed() { # PATH...
	[[ $REMOTE == http* ]] || return 0
	diff <((($# == 0)) || printf "/tmp/lazy-$FS/%s\n" "$@" | sort) <(requests "$mark" GET |
		awk '{ print $2 }' | grep '/$' | sort) || fail "other directories were listed (>) than these (<)"
	mark=$(log_mark)
}

# All processes of the server at once, or nearly: one may take another's place.
kill_all() {
	nobody() {
		# shellcheck disable=SC2046 # one word each
		! kill -KILL $(hsm_pids "$dir") 2>/dev/null
	}
	wait_for "the end of all" nobody
}

# A place for binds; sets $door.
new_door() {
	door=$BATS_TEST_TMPDIR/door
	mkdir -p "$door"
}

# Through a bind that the server sees a moment after it is there: until then
# directories that are not listed are locked, and nothing is said not to exist.
through() { # COMMAND...
	local end=$((SECONDS + 20))
	until run bounded "$@" && ((status == 0)); do
		[[ $output == *"Permission denied"* ]] || fail "$*: $output"
		((SECONDS < end)) || fail "locked for ever: $*"
		sleep 0.02
	done
	echo "$output"
}

triggers() { # how many are below $dir
	grep -c " $dir/.* - autofs hsm " /proc/self/mountinfo || true
}

@test "5.1 lazy: the server is ready after one listing" {
	serve_lazy
	listed ""
	[ "$(ls "$dir" | wc -l)" = 20 ]
	listed
}

@test "5.1 lazy: every way in lists what it goes through, once, and nothing else" {
	serve_lazy
	listed ""
	[ "$(bounded stat -c %s "$dir/a01/b1/c1/file")" = 7 ]
	listed a01/ a01/b1/ a01/b1/c1/
	[ "$(bounded cat "$dir/a02/b1/c1/file")" = a02/b1 ]
	listed a02/ a02/b1/ a02/b1/c1/
	# Listings of web servers know no modes.
	run bounded "$dir/a03/b1/c1/prog"
	[[ $REMOTE == http* && $status == 126 || $status == 0 ]]
	listed a03/ a03/b1/ a03/b1/c1/
	[ "$(bounded ls "$dir/a04/b1/c1" | xargs)" = "d file prog" ]
	listed a04/ a04/b1/ a04/b1/c1/
	[ "$(bounded find "$dir/a05" -type f | wc -l)" = 6 ]
	listed a05/ a05/b{1,2}/ a05/b{1,2}/c1/ a05/b{1,2}/c1/d/
	[ "$(cd "$dir/a06/b1/c1" && bounded ls d)" = deep ]
	listed a06/ a06/b1/ a06/b1/c1/ a06/b1/c1/d/
	run ! bounded test -e "$dir/a07/b1/c1/none"
	bounded test -e "$dir/a07/b1/c1/file"
	listed a07/ a07/b1/ a07/b1/c1/
	bounded mkdir "$dir/a08/b1/c1/new"
	listed a08/ a08/b1/ a08/b1/c1/
	bounded ln "$dir/a08/b1/c1/file" "$dir/a09/b1/c1/hard"
	listed a09/ a09/b1/ a09/b1/c1/
	bounded mv "$dir/a08/b1/c1/prog" "$dir/a10/b1/c1/moved"
	bounded cmp "$dir/a10/b1/c1/moved" /bin/true
	listed a10/ a10/b1/ a10/b1/c1/
	# shellcheck disable=SC2016 # for the other shell
	[ "$(bounded bash -c 'echo "$1"/a11/b1/c1/f*' - "$dir")" = "$dir/a11/b1/c1/file" ]
	listed a11/ a11/b1/ a11/b1/c1/
	[ "$(bounded realpath "$dir/a12/b1/c1/file")" = "$dir/a12/b1/c1/file" ]
	listed a12/ a12/b1/ a12/b1/c1/
	(cd "$dir" && ln -s ../a19 a14/away && [ "$(bounded cat a14/away/b1/c1/file)" = a19/b1 ])
	listed a14/ a19/ a19/b1/ a19/b1/c1/
	[ "$(cd "$dir/a12/b1" && bounded cat ../../a13/b1/c1/file)" = a13/b1 ]
	listed a13/ a13/b1/ a13/b1/c1/
	bounded "$TESTS/tools/beneath.py" "$dir" a14/b1/c1/file
	listed a14/b1/ a14/b1/c1/
	ln -s ../a15/b1 "$dir/a14/link"
	[ "$(bounded cat "$dir/a14/link/c1/file")" = a15/b1 ]
	listed a15/ a15/b1/ a15/b1/c1/
	bounded cp /bin/true "$dir/a16/b1/c1"
	listed a16/ a16/b1/ a16/b1/c1/
	bounded touch "$dir/a17/b1/c1/made"
	listed a17/ a17/b1/ a17/b1/c1/
	bounded rm -r "$dir/a18/b1"
	listed a18/ a18/b1/ a18/b1/c1/ a18/b1/c1/d/
	[ "$(ls "$dir/a18")" = b2 ]
	same "$dir" "$TREES/tmp/lazy-$FS" >"$BATS_TEST_TMPDIR/diff" || true
	[ "$(grep -vc 'Only in .*\(a08\|a09\|a10\|a14\|a16\|a17\|a18\)' "$BATS_TEST_TMPDIR/diff")" = 0 ]
}

@test "5.2 lazy: stat lists nothing, ls -l of 1,000 directories one" {
	local before
	mark=$(! [[ $REMOTE == http* ]] || log_mark)
	serve_tree "tmp/lazy-$FS-wide" --namespace lazy
	[ "$(triggers)" = 1000 ]
	bounded stat "$dir"/s0001 "$dir"/s0002 >/dev/null
	[ "$(bounded ls -l "$dir" | grep -c ^d)" = 1000 ]
	[[ $REMOTE != http* ]] || [ "$(requests "$mark" GET | wc -l)" = 1 ]
	[ "$(stat -c '%F %a %U %h' "$dir/s0001")" = "directory 755 root 2" ]
	before=$(date +%s%3N)
	seq -f "$dir/s%04g/file" 100 | xargs -P 100 -n 1 cat | sort | cmp - <(seq -f s%04g 100)
	echo "# 100 directories at once: $(($(date +%s%3N) - before)) ms" >&3
	[ "$(triggers)" = 900 ]
}

@test "5.3 lazy: 100 processes in one directory make one listing" {
	local i readers=()
	slow_remote 100
	mark=$(! [[ $REMOTE == http* ]] || log_mark)
	dir=$(new_dir one)
	serve "${slow}tmp/lazy-$FS/" "$dir" --namespace lazy
	listed ""
	for i in $(seq 100); do
		bounded cat "$dir/a01/b1/c1/file" 3>&- >>"$BATS_TEST_TMPDIR/out" &
		readers+=($!)
	done
	wait "${readers[@]}"
	[ "$(sort "$BATS_TEST_TMPDIR/out" | uniq -c | xargs)" = "100 a01/b1" ]
	listed a01/ a01/b1/ a01/b1/c1/
	kill "$slow_pid"
}

@test "5.3 lazy: many go through one directory to different ones at once" {
	local i readers=() run=
	slow_remote 100
	dir=$(new_dir branches)
	serve "${slow}tmp/lazy-$FS/" "$dir" --namespace lazy
	namespace private
	for i in $(seq 5); do
		for run in "" "nsenter -t $there -m"; do
			bounded $run cat "$dir/a0$i/b1/c1/file" 3>&- >>"$BATS_TEST_TMPDIR/out" &
			readers+=($!)
			bounded $run cat "$dir/a0$i/b2/c1/d/deep" 3>&- >>"$BATS_TEST_TMPDIR/out" &
			readers+=($!)
			(cd "$dir" && bounded $run ls "$dir/a0$i/b1/c1/d" 3>&- >>"$BATS_TEST_TMPDIR/out") &
			readers+=($!)
		done
	done
	for i in "${readers[@]}"; do
		wait "$i"
	done
	kill "$slow_pid"
	[ "$(grep -c deep "$BATS_TEST_TMPDIR/out")" = 20 ]
	[ "$(grep -c b1 "$BATS_TEST_TMPDIR/out")" = 10 ]
}

@test "5 lazy: what walks through many directories has the next ones listed ahead" {
	slow_remote 40
	dir=$(new_dir ahead)
	serve "${slow}tmp/lazy-$FS-wide/" "$dir" --namespace lazy --jobs 16
	[ "$(bounded -100 find "$dir" -path "$dir/s00*" -type f | wc -l)" = 99 ]
	together 5
}

@test "5.3 lazy: different directories are listed in parallel" {
	slow_remote 200
	dir=$(new_dir parallel)
	serve "${slow}tmp/lazy-$FS-wide/" "$dir" --namespace lazy --jobs 20
	seq -f "$dir/s%04g/file" 40 | xargs -P 40 -n 1 stat -c %s >/dev/null
	together 5
}

@test "5.3 lazy: mount namespaces, each with its own triggers, and any user" {
	local run
	namespace slave
	slave=$there
	serve_lazy
	namespace private
	run="bounded nsenter -t $there -m"
	[ "$($run cat "$dir/a01/b1/c1/file")" = a01/b1 ]
	# Listed already, and seen there for the first time.
	[ "$(bounded cat "$dir/a02/b1/c1/file")" = a02/b1 ]
	[ "$($run cat "$dir/a02/b1/c1/file")" = a02/b1 ]
	[ "$($run cat "$dir/a02/b2/c1/d/deep")" = deep ]
	[ "$($run find "$dir/a03" -type f | wc -l)" = 6 ]
	[ "$(bounded cat "$dir/a03/b2/c1/file")" = a03/b2 ]
	[ "$(bounded unshare -m --propagation slave cat "$dir/a04/b1/c1/file")" = a04/b1 ]
	# A copy of a copy.
	[ "$($run unshare -m cat "$dir/a05/b1/c1/file")" = a05/b1 ]
	[ "$(bounded setpriv --reuid 65534 --regid 65534 --clear-groups cat "$dir/a06/b1/c1/file")" = a06/b1 ]
	[ "$(bounded chroot / cat "$dir/a07/b1/c1/file")" = a07/b1 ]
	[ "$(bounded nsenter -t "$slave" -m cat "$dir/a08/b1/c1/file" 2>&1)" = a08/b1 ] ||
		! nsenter -t "$slave" -m mountpoint -q "$dir"
	kill "$slave"
	same "$dir" "$TREES/tmp/lazy-$FS"
	$run diff -rq "$dir" "$TREES/tmp/lazy-$FS"
}

@test "5.4 lazy: a lookup fails with EIO while the remote is away, and is tried again" {
	slow_remote 10
	dir=$(new_dir away)
	serve "${slow}tmp/lazy-$FS/" "$dir" --namespace lazy --retries 0 --timeout 5
	kill "$slow_pid"
	run bounded -20 stat "$dir/a01/b1/c1/file"
	[[ $status == 1 && $output == *"Input/output error" ]]
	run bounded -20 ls "$dir/a01"
	[[ $status == 2 && $output == *"Input/output error" ]]
	run bounded -20 test -e "$dir/a01/none"
	[ "$status" = 1 ]
	python3 "$TESTS/tools/delay.py" "$(sed -E 's,.*:([0-9]+)/,\1,' <<<"$slow")" "$(server_port nginx)" 10 \
		</dev/null >/dev/null 2>&1 3>&- &
	slow_pid=$!
	wait_for "the remote" eval 'bounded stat "$dir/a01/b1/c1/file" 2>/dev/null'
	[ "$(bounded cat "$dir/a01/b1/c1/file")" = a01/b1 ]
	kill "$slow_pid"
}

@test "5.4 lazy: a directory that the remote refuses is EIO, not empty" {
	[[ $REMOTE == http* ]] || skip "needs a web server"
	mkdir -p "$TREES/tmp/lazy-$FS-refused/ok/closed/below"
	chmod 700 "$TREES/tmp/lazy-$FS-refused/ok/closed"
	dir=$(new_dir refused)
	serve "${REMOTE}tmp/lazy-$FS-refused/" "$dir" --namespace lazy --retries 0
	bounded stat "$dir/ok/closed" >/dev/null
	rm -r "$TREES/tmp/lazy-$FS-refused/ok/closed"
	run bounded stat "$dir/ok/closed/below"
	[[ $status == 1 && $output == *"Input/output error" ]]
	rm -r "$TREES/tmp/lazy-$FS-refused"
}

@test "5.4 lazy: the worker is killed while lookups wait" {
	local i reader
	slow_remote 300
	dir=$(new_dir killed)
	serve "${slow}tmp/lazy-$FS/" "$dir" --namespace lazy
	for i in 1 2; do
		bounded -30 cat "$dir/a0$i/b1/c1/file" "$dir/a0$i/b2/c1/file" >"$BATS_TEST_TMPDIR/out" 3>&- &
		reader=$!
		sleep 0.2
		kill -KILL "$(status "$dir" worker_pid)"
		sleep 0.5
		kill -KILL "$(status "$dir" guard_pid)"
		wait $reader
		[ "$(xargs <"$BATS_TEST_TMPDIR/out")" = "a0$i/b1 a0$i/b2" ]
	done
	kill "$slow_pid"
	dir_gone=$dir
	hsm-serve --stop "$dir"
	wait_for "the end of the server" gone "$dir_gone"
}

@test "5.4 lazy: a new server goes on where the one before was, and asks for nothing twice" {
	serve_lazy
	bounded cat "$dir/a01/b1/c1/file" >/dev/null
	listed "" a01/ a01/b1/ a01/b1/c1/
	stop "$dir"
	[ "$(triggers)" = 0 ]
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	listed
	[ "$(bounded cat "$dir/a01/b1/c1/file")" = a01/b1 ]
	listed
	[ "$(bounded cat "$dir/a01/b2/c1/d/deep")" = deep ]
	listed a01/b2/ a01/b2/c1/ a01/b2/c1/d/
	# Everything is killed: the next one takes the stale mounts away.
	kill_all
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	[ "$(bounded cat "$dir/a01/b2/c1/file")" = a01/b2 ]
	[ "$(bounded cat "$dir/a02/b2/c1/file")" = a02/b2 ]
	stop "$dir"
	# What is missing is listed before an eager server serves.
	serve "${REMOTE}tmp/lazy-$FS/" "$dir"
	[ "$(triggers)" = 0 ]
	same "$dir" "$TREES/tmp/lazy-$FS"
}

@test "5.4 lazy: all killed at once, lookups wait or fail, and never say ENOENT" {
	serve_lazy
	kill_all
	run timeout -s KILL 2 stat "$dir/a01/b1"
	[[ $status == 137 && $output != *"No such file"* ]]
	[ -z "$(pgrep -f "stat $dir")" ]
	hsm-serve --stop "$dir" || true
	[ "$(triggers)" = 0 ]
}

@test "5.5 lazy: a crawl takes the triggers away by itself" {
	serve_tree "tmp/lazy-$FS" --namespace crawl
	wait_for "the end of the crawl" eval '[ "$(triggers)" = 0 ]'
	same "$dir" "$TREES/tmp/lazy-$FS"
	wait_for "binds" mount --bind "$dir" "$BATS_TEST_TMPDIR"
	# The server may have a look at it.
	wait_for "its end" umount "$BATS_TEST_TMPDIR"
	stop "$dir"
	mark=$(! [[ $REMOTE == http* ]] || log_mark)
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	listed
	[ "$(triggers)" = 0 ]
}

@test "5.5 lazy: who waits comes before the crawl" {
	slow_remote 100
	dir=$(new_dir first)
	mark=$(log_mark)
	serve "${slow}tmp/lazy-$FS/" "$dir" --namespace crawl --jobs 1
	sleep 0.3
	[ "$(bounded cat "$dir/a20/b2/c1/file")" = a20/b2 ]
	# Of the 141 of the crawl.
	(($(requests "$mark" GET | wc -l) < 70))
	[ "$(triggers)" != 0 ]
	kill "$slow_pid"
}

@test "5.5 lazy: who walks while a crawl takes the triggers away meets no failure" {
	local run
	for run in 1 2 3; do
		dir=$(new_dir race)
		serve "${REMOTE}tmp/lazy-$FS-wide/" "$dir" --namespace crawl
		[ "$(bounded find "$dir" -type f | wc -l)" = 100 ]
		stop "$dir"
	done
}

@test "5.5 lazy: walking everything leaves no trigger, no mount and a tree that can be bound" {
	serve_lazy
	[ "$(status "$dir" triggers)" = 20 ]
	hsm-serve --status "$dir" | grep -qx $'triggers\t20'
	new_door
	mount --rbind "$dir" "$door"
	same "$dir" "$TREES/tmp/lazy-$FS"
	wait_for "the end of the triggers" eval '[ "$(triggers)" = 0 ]'
	[ "$(status "$dir" triggers)" = 0 ]
	# Nor on its binds.
	wait_for "the end of the bind's triggers" eval '! grep -q " $door/" /proc/self/mountinfo'
	[ "$(cat "$door/a01/b1/c1/file")" = a01/b1 ]
	umount "$door"
	mount --bind "$dir" "$door"
	[ "$(cat "$door/a01/b1/c1/file")" = a01/b1 ]
	umount "$door"
}

@test "5.5 lazy: with --max-triggers more is listed ahead" {
	serve_lazy --max-triggers 21
	[ "$(triggers)" = 20 ]
	[ "$(bounded cat "$dir/a01/b1/c1/file")" = a01/b1 ]
	(($(triggers) <= 21))
	same "$dir" "$TREES/tmp/lazy-$FS"
	wait_for "the end of the triggers" eval '[ "$(triggers)" = 0 ]'
	stop "$dir"
	serve_tree "tmp/lazy-$FS" --namespace lazy --max-triggers 0
	[ "$(triggers)" = 0 ]
	same "$dir" "$TREES/tmp/lazy-$FS"
	serve_tree "tmp/lazy-$FS" --namespace lazy --max-triggers 19
	[ "$(triggers)" = 0 ]
	same "$dir" "$TREES/tmp/lazy-$FS"
}

@test "5.5 lazy: a mount table that is full" {
	new_door
	serve_lazy
	# The limit is of each namespace, and so large that mounts of ours take long.
	bounded python3 "$TESTS/tools/fill-mounts.py" "$door" 2
	run bounded cat "$dir/a01/b1/c1/d/deep"
	umount -l "$door"
	[[ $status == 0 && $output == deep ]] || fail "$output"
	# There was no room for its triggers.
	! grep -q " $dir/a01/" /proc/self/mountinfo
	same "$dir" "$TREES/tmp/lazy-$FS"
}

@test "5.6 lazy: what shows of a trigger" {
	serve_lazy
	# Another file system, until it is listed.
	[ "$(stat -c %d "$dir/a01")" != "$(stat -c %d "$dir")" ]
	bounded ls "$dir/a01" >/dev/null
	[ "$(stat -c %d "$dir/a01")" = "$(stat -c %d "$dir")" ]
	[ "$(stat -c %d "$dir/a01/b1")" != "$(stat -c %d "$dir")" ]
	[ "$(find "$dir/a02" -xdev | wc -l)" != 1 ]
	[ "$(find "$dir" -xdev -path "$dir/a03/*" | wc -l)" = 0 ]
	[ "$(df --output=target "$dir/a04/b1" | tail -n 1)" = "$dir" ]
	# A mount point, and sealed: cannot be renamed or removed.
	run mv "$dir/a05" "$dir/a05x"
	[[ $status == 1 && $output == *"Value too large for defined data type" ]]
	run rmdir "$dir/a05"
	[[ $status == 1 && $output == *"Value too large for defined data type" ]]
	bounded ls "$dir/a05" >/dev/null
	mv "$dir/a05" "$dir/a05x"
	# The triggers below have moved with it.
	[ "$(bounded cat "$dir/a05x/b1/c1/file")" = a05/b1 ]
	rm -r "$dir/a05x"
	# Between two listed directories everything is as anywhere.
	bounded ls "$dir/a06/b1/c1" "$dir/a07/b1/c1" >/dev/null
	ln "$dir/a06/b1/c1/file" "$dir/a07/b1/c1/linked"
	rename() { python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$@"; }
	rename "$dir/a06/b1/c1/file" "$dir/a07/b1/c1/renamed"
	[ "$(cat "$dir/a07/b1/c1/linked")" = a06/b1 ]
	# A descriptor of the trigger itself (O_PATH) sees nothing below it.
	run python3 -c 'import os, sys; os.stat("b1", dir_fd=os.open(sys.argv[1], os.O_PATH))' "$dir/a08"
	[[ $status == 1 && $output == *"No such file or directory"* ]]
	python3 -c 'import os, sys; os.stat("b1", dir_fd=os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY))' "$dir/a08"
	bounded rsync -a --exclude /a05 "$dir/" "$BATS_TEST_TMPDIR/out/"
	same "$BATS_TEST_TMPDIR/out/a09" "$TREES/tmp/lazy-$FS/a09"
}

@test "5.1 lazy: mount --bind, as the first access ever, of what nobody has listed" {
	serve_lazy
	listed ""
	new_door
	mount --bind "$dir/a01/b1/c1" "$door"
	listed a01/ a01/b1/ a01/b1/c1/
	[ "$(bounded cat "$door/file")" = a01/b1 ]
	run ! bounded test -e "$door/none"
	[ "$(through ls "$door/d")" = deep ]
	listed a01/b1/c1/d/
	umount "$door"
	# The whole tree: what is below is listed when somebody comes there.
	mount --bind "$dir" "$door"
	[ "$(ls "$door" | wc -l)" = 20 ]
	[ "$(through cat "$door/a02/b1/c1/file")" = a02/b1 ]
	listed a02/ a02/b1/ a02/b1/c1/
	run bounded stat "$door/a02/b1/none"
	[[ $status == 1 && $output == *"No such file"* ]]
	# Where a trigger is known to be already, DIR has another one.
	[ "$(bounded cat "$dir/a03/b1/c1/file")" = a03/b1 ]
	[ "$(bounded cat "$door/a03/b1/c1/file")" = a03/b1 ]
	[ "$(bounded find "$door/a04" -type f | wc -l)" = 6 ]
	bounded mkdir "$door/a05/b1/c1/new"
	[ -d "$dir/a05/b1/c1/new" ]
	(($(status "$dir" triggers_elsewhere) > 0))
	umount -R "$door"
	same "$dir/a06" "$TREES/tmp/lazy-$FS/a06"
}

@test "5.1 lazy: mount --rbind takes the triggers along" {
	serve_lazy
	new_door
	mount --rbind "$dir" "$door"
	listed ""
	[ "$(bounded cat "$door/a01/b1/c1/file")" = a01/b1 ]
	[ "$(bounded cat "$door/a01/b2/c1/d/deep")" = deep ]
	[ "$(bounded cat "$dir/a01/b2/c1/d/deep")" = deep ]
	listed a01/ a01/b1/ a01/b1/c1/ a01/b2/ a01/b2/c1/ a01/b2/c1/d/
	umount -R "$door"
	mount --rbind "$dir/a02/b1" "$door"
	[ "$(bounded cat "$door/c1/d/deep")" = deep ]
	umount -R "$door"
}

@test "5.3 lazy: where no trigger is, what is not listed is locked, and never said not to exist" {
	local run at
	serve_lazy
	new_door
	namespace private
	run="bounded nsenter -t $there -m"
	# A bind in another namespace.
	$run mount --bind "$dir" "$door"
	[ "$($run ls "$door" | wc -l)" = 20 ]
	for at in "stat $door/a01/b1" "stat $door/a01/none" "ls $door/a01" "cat $door/a01/b1/c1/file" "mkdir $door/a01/new"; do
		run $run $at
		[[ $status != 0 && $output == *"Permission denied"* ]] || fail "$at: $output"
	done
	run $run rmdir "$door/a01"
	[[ $status == 1 && $output == *"Value too large"* ]] || fail "$output"
	listed ""
	# It opens when it is listed, wherever that is asked for.
	[ "$($run cat "$dir/a01/b1/c1/file")" = a01/b1 ]
	[ "$($run cat "$door/a01/b1/c1/file")" = a01/b1 ]
	hsm-prefetch -q --tree "$dir/a02"
	[ "$($run cat "$door/a02/b1/c1/d/deep")" = deep ]
	$run umount "$door"
	$run mount --rbind "$dir" "$door"
	[ "$($run cat "$door/a03/b1/c1/file")" = a03/b1 ]
	# Root unmounts a trigger.
	umount -l "$dir/a04"
	run bounded stat "$dir/a04/b1"
	[[ $status == 1 && $output == *"Permission denied"* ]] || fail "$output"
	# An overlay file system.
	mkdir "$BATS_TEST_TMPDIR"/{upper,work,over}
	mount -t overlay -o "lowerdir=$dir,upperdir=$BATS_TEST_TMPDIR/upper,workdir=$BATS_TEST_TMPDIR/work" none "$BATS_TEST_TMPDIR/over"
	run bounded stat "$BATS_TEST_TMPDIR/over/a05/b1"
	umount "$BATS_TEST_TMPDIR/over"
	[[ $status == 1 && $output == *"Permission denied"* ]] || fail "$output"
	# Another user namespace: its triggers cannot be removed, or bound without.
	run unshare -rm mount --bind "$dir" "$door"
	[ "$status" != 0 ]
	run unshare -rm stat "$dir/a06/b1"
	[[ $status == 0 || $output != *"No such file"* ]]
}

@test "5.3 lazy: binds that are there when a server starts over, or a worker" {
	serve_lazy
	new_door
	mount --bind "$dir" "$door"
	[ "$(through cat "$door/a01/b1/c1/file")" = a01/b1 ]
	kill -KILL "$(status "$dir" worker_pid)"
	[ "$(bounded cat "$door/a02/b1/c1/file")" = a02/b1 ]
	[ "$(bounded cat "$dir/a02/b2/c1/file")" = a02/b2 ]
	stop "$dir"
	# Nobody can list: locked, or EIO where a trigger is.
	run bounded stat "$door/a03/b1"
	[[ $status == 1 && $output == *"Input/output error" ]] || fail "$output"
	umount -R "$door"
}

@test "5.6 lazy: owner and permissions of a directory that is not listed are kept" {
	serve_lazy
	chmod 750 "$dir/a01" "$dir/a02"
	chown 65534:65533 "$dir/a02"
	listed ""
	[ "$(stat -c '%a %u %g' "$dir/a02")" = "750 65534 65533" ]
	bounded ls "$dir/a01" "$dir/a02" "$dir/a03" >/dev/null
	[ "$(stat -c '%a %u' "$dir/a01" "$dir/a02" "$dir/a03" | xargs)" = "750 0 750 65534 755 0" ]
	# What was set at the directory itself stays, whoever opens it elsewhere.
	namespace private
	chmod 700 "$dir/a03/b1" && bounded ls "$dir/a03/b1" >/dev/null && chmod 711 "$dir/a03/b1"
	[ "$(bounded nsenter -t "$there" -m ls "$dir/a03/b1")" = c1 ]
	[ "$(stat -c %a "$dir/a03/b1")" = 711 ]
	stop "$dir"
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	[ "$(stat -c '%a %u' "$dir/a01" "$dir/a02" "$dir/a04" | xargs)" = "750 0 750 65534 755 0" ]
}

@test "5.6 lazy: without user namespaces the tree is unbindable until all is listed, and that is said" {
	dir=$(new_dir unsealed)
	new_door
	mkdir "$BATS_TEST_TMPDIR/root"
	cat >"$BATS_TEST_TMPDIR/inside" <<-'EOT'
		hsm-serve -b --namespace lazy "$1" "$2" 3>&- || exit
		for how in --bind --rbind; do
			! mount $how "$2" "$3" 2>/dev/null || exit
		done
		cat "$2/a01/b1/c1/file"
		hsm-prefetch -q --tree "$2"
		for n in $(seq 100); do
			! mount --bind "$2" "$3" 2>/dev/null || break
			sleep 0.1
		done
		umount "$3" && hsm-serve --stop "$2" && echo stopped
	EOT
	# Who has a root of his own may not make them.
	# shellcheck disable=SC2016 # for the other shell
	run bounded unshare -m --propagation private bash -c '
		mount --rbind / "$1" && shift && exec chroot "$0" bash "$@"' \
		"$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR/inside" \
		"${REMOTE}tmp/lazy-$FS/" "$dir" "$door"
	[ "$status" = 0 ] || fail "$output"
	[[ $output == *"cannot be bound elsewhere before all is listed"* && $output == *$'\na01/b1'*stopped ]]
}

@test "5.7 lazy: the end while lookups wait" {
	local how reader
	for how in umount TERM; do
		slow_remote 2000
		dir=$(new_dir end)
		serve "${slow}tmp/lazy-$FS/" "$dir" --namespace lazy
		bounded -40 stat "$dir/a01/b1/c1/file" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		reader=$!
		# Else it may find no tree at all.
		wait_for "the walker" pgrep -fx "stat $dir/a01/b1/c1/file"
		sleep 0.5
		case $how in
		umount) umount -l "$dir" ;;
		TERM) kill -TERM "$(status "$dir" guard_pid)" ;;
		esac
		! wait $reader
		[[ $(<"$BATS_TEST_TMPDIR/out") != *"No such file"* ]] || fail "$how: $(<"$BATS_TEST_TMPDIR/out")"
		wait_for "the end of the server" gone "$dir"
		[ "$(triggers)" = 0 ]
		kill "$slow_pid"
	done
}

@test "5.7 lazy: a namespace that outlives the server gets EIO from its triggers" {
	serve_lazy
	namespace private
	[ "$(bounded nsenter -t "$there" -m cat "$dir/a01/b1/c1/file")" = a01/b1 ]
	stop "$dir"
	run bounded -20 nsenter -t "$there" -m stat "$dir/a02/b1"
	[[ $status == 1 && $output == *"Input/output error" ]]
	run bounded -20 nsenter -t "$there" -m stat "$dir/a01/b2/c1"
	[[ $status == 1 && $output == *"Input/output error" ]]
	kill "$there"
	there=
}

@test "5.7 lazy: a server that ends under load leaves nothing" {
	local reader
	serve_lazy
	(while bounded find "$dir" -name none; do :; done) >/dev/null 2>&1 3>&- &
	reader=$!
	sleep 0.05
	stop "$dir"
	kill $reader || true
	wait_for "the end of the server" gone "$dir"
	[ "$(triggers)" = 0 ]
}

@test "5.8 lazy: without autofs everything is listed first, and that is said" {
	dir=$(new_dir none)
	# shellcheck disable=SC2016 # for the other shell
	run bounded unshare -m --propagation private bash -c '
		mount --bind /dev/null /dev/autofs &&
		hsm-serve -b --namespace lazy "$1" "$2" 3>&- &&
		cat "$2/a01/b1/c1/file" && hsm-serve --stop "$2"' - "${REMOTE}tmp/lazy-$FS/" "$dir"
	[ "$status" = 0 ]
	[[ $output == *"everything is listed first: this kernel has no autofs"* && $output == *$'\na01/b1'* ]]
}

@test "5.9 lazy: a directory that is listed again gains and loses names" {
	local remote=$TREES/tmp/lazy-$FS-again name
	rm -rf "$remote"
	mkdir -p "$remote/x/"{gone,kept,full}
	for name in offline online dirty open pinned deleted; do
		echo $name >"$remote/x/$name"
	done
	echo below >"$remote/x/gone/file"
	echo content >"$remote/x/full/file"
	echo file >"$remote/x/becomes-dir"
	mkdir "$remote/x/becomes-file"
	dir=$(new_dir again)
	serve "${REMOTE}tmp/lazy-$FS-again/" "$dir" --namespace lazy --read-ahead-files 0
	bounded cat "$dir/x/"{online,dirty,full/file} "$dir/x/gone/file" >/dev/null
	hsm-evict -q "$dir/x/gone/file"
	bounded ls "$dir/x/kept" "$dir/x/becomes-file" >/dev/null
	echo more >>"$dir/x/dirty"
	echo mine >"$dir/x/local"
	hsm-mark -q --pin "$dir/x/pinned"
	rm "$dir/x/deleted"
	rm -r "$remote/x/"{offline,online,dirty,gone,full,pinned,becomes-file,becomes-dir}
	mkdir "$remote/x/becomes-dir"
	echo new >"$remote/x/becomes-dir/new"
	echo other >"$remote/x/becomes-file"
	echo new >"$remote/x/new"
	[ "$(hsm-mark --refresh "$dir/x")" = "$dir/x" ]
	[ ! -e "$dir/x/offline" ]
	[ ! -e "$dir/x/gone" ]
	[ ! -e "$dir/x/deleted" ]
	is lost "$dir/x/online" "$dir/x/full/file" "$dir/x/pinned"
	[ "$(cat "$dir/x/online")" = online ]
	is dirty "$dir/x/dirty"
	is local "$dir/x/local"
	# What is new is here at once, and is listed when somebody comes there.
	[ "$(bounded cat "$dir/x/open" "$dir/x/new" "$dir/x/becomes-dir/new" "$dir/x/becomes-file" | xargs)" = "open new new other" ]
	# One that nobody has walked into goes as well, with its trigger.
	mkdir "$remote/x/unseen"
	hsm-mark -q --refresh "$dir"
	[ "$(stat -c %a "$dir/x/unseen")" = 755 ]
	rmdir "$remote/x/unseen"
	hsm-mark -q --refresh "$dir"
	[ ! -e "$dir/x/unseen" ]
	[ "$(triggers)" = "$(status "$dir" triggers)" ]
	hsm-prefetch -q --tree "$dir"
	wait_for "the end of the triggers" eval '[ "$(triggers)" = 0 ]'
	hsm-mark -q --refresh "$dir"
	[ ! -e "$dir/x/deleted" ]
	[ "$(bounded cat "$dir/x/open" "$dir/x/new" "$dir/x/becomes-dir/new" "$dir/x/becomes-file" | xargs)" = "open new new other" ]
	# It comes back when the remote has it again.
	echo offline >"$remote/x/offline"
	echo online >"$remote/x/online"
	hsm-mark -q --refresh "$dir/x"
	[ "$(bounded cat "$dir/x/offline")" = offline ]
	[[ $(state "$dir/x/online") != lost ]]
	# One that is open is not taken away from its reader.
	exec 5<"$dir/x/new"
	rm "$remote/x/new"
	hsm-mark -q --refresh "$dir/x"
	[ "$(cat <&5)" = new ]
	exec 5<&-
	is lost "$dir/x/new"
	rm -r "$remote"
}

@test "5.9 lazy: hsm-prefetch lists what it walks, with a server and without" {
	serve_lazy
	[ "$(hsm-prefetch -R "$dir/a01" | wc -l)" = 6 ]
	hsm-prefetch -q --tree "$dir/a02"
	# --tree lists again what was listed, by going there if not before.
	listed "" a02/ a0{1,2}/ a0{1,2}/b{1,2}/ a0{1,2}/b{1,2}/c1/ a0{1,2}/b{1,2}/c1/d/
	is online "$dir/a01/b1/c1/d/deep"
	cold "$dir/a02/b1/c1/d/deep"
	# The commands know directories that are not listed.
	[ "$(hsm-mark "$dir/a03/b1/c1/file" | cut -f1)" = offline ]
	hsm-mark -q --hydrate=full "$dir/a04/b1"
	stop "$dir"
	[ "$(hsm-prefetch -R "$dir/a05" | wc -l)" = 6 ]
	hsm-prefetch -q --tree "$dir"
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	mark=$(! [[ $REMOTE == http* ]] || log_mark)
	same "$dir" "$TREES/tmp/lazy-$FS"
	listed
}

@test "5.9 lazy: a tree that was listed lazily is refreshed like any other" {
	mkdir -p "$TREES/tmp/lazy-$FS-new/x/y"
	echo old >"$TREES/tmp/lazy-$FS-new/x/y/file"
	dir=$(new_dir new)
	serve "${REMOTE}tmp/lazy-$FS-new/" "$dir" --namespace lazy --refresh 1
	[ "$(bounded cat "$dir/x/y/file")" = old ]
	wait_for "the end of the triggers" eval '[ "$(triggers)" = 0 ]'
	mkdir "$TREES/tmp/lazy-$FS-new/x/z"
	echo new >"$TREES/tmp/lazy-$FS-new/x/z/other"
	wait_for "the new name" test -e "$dir/x/z/other"
	[ "$(bounded cat "$dir/x/z/other")" = new ]
	rm -r "$TREES/tmp/lazy-$FS-new"
}

@test "5.9 lazy: new directories are found at once, by --refresh and by hsm-mark, and listed when somebody comes" {
	local remote=$TREES/tmp/lazy-$FS-grow
	rm -rf "$remote"
	mkdir -p "$remote/x/y" "$remote/z"
	dir=$(new_dir grow)
	mark=$(! [[ $REMOTE == http* ]] || log_mark)
	serve "${REMOTE}tmp/lazy-$FS-grow/" "$dir" --namespace lazy
	new_door
	mount --bind "$dir" "$door"
	bounded ls "$dir/x/y" >/dev/null
	mkdir -p "$remote/x/y/new/deep" "$remote/x/other"
	echo new >"$remote/x/y/new/deep/file"
	echo other >"$remote/x/other/file"
	hsm-mark -q --refresh "$dir/x"
	[ -d "$dir/x/y/new" ]
	# Seen, and not listed yet.
	! requests_all nginx | grep -q "lazy-$FS-grow/x/y/new/"
	[ "$(triggers)" = 3 ]
	[ "$(status "$dir" triggers)" = 3 ]
	[ "$(through cat "$door/x/other/file")" = other ]
	[ "$(bounded cat "$dir/x/y/new/deep/file")" = new ]
	[ "$(bounded cat "$dir/x/other/file")" = other ]
	[ "$(through cat "$door/x/y/new/deep/file")" = new ]
	# Below a directory that nobody has walked into there is nothing to find.
	mkdir "$remote/z/later"
	hsm-mark -q --refresh "$dir"
	[ "$(bounded ls "$dir/z")" = later ]
	umount -R "$door"
	stop "$dir"
	serve "${REMOTE}tmp/lazy-$FS-grow/" "$dir" --namespace lazy --refresh 1
	mkdir "$remote/x/third" "$remote/fourth"
	echo third >"$remote/x/third/file"
	wait_for "the new directories" test -d "$dir/x/third" -a -d "$dir/fourth"
	[ "$(through cat "$dir/x/third/file")" = third ]
	# A copy of the namespace that is older has no trigger there.
	namespace private
	mkdir "$remote/x/fifth"
	wait_for "the new directory" test -d "$dir/x/fifth"
	run bounded nsenter -t "$there" -m stat "$dir/x/fifth/file"
	[[ $status == 1 && $output == *"Permission denied"* ]] || fail "$output"
	rm -r "$remote"
}

@test "5.9 lazy: content that the remote no longer has is never evicted, in each kind of tree" {
	local remote=$TREES/tmp/lazy-$FS-lost kind name
	for kind in eager lazy crawl; do
		rm -rf "$remote"
		mkdir -p "$remote/sub/deep"
		for name in whole pinned cold; do
			echo $name >"$remote/sub/$name"
			echo "deep $name" >"$remote/sub/deep/$name"
		done
		head -c 4M /dev/urandom >"$remote/sub/part"
		head -c 64K "$remote/sub/part" >"$BATS_TEST_TMPDIR/part"
		dir=$(new_dir "$kind")
		serve "${REMOTE}tmp/lazy-$FS-lost/" "$dir" --namespace $kind --read-ahead-files 0 --stream-above 1M
		bounded cat "$dir/sub/"{,deep/}{whole,pinned} >/dev/null
		bounded head -c 64K "$dir/sub/part" >/dev/null
		hsm-mark -q --pin "$dir/sub/"{,deep/}pinned
		rm -r "$remote/sub"
		hsm-mark -q --refresh "$dir"
		# Without content: gone.  With it, all or a part: lost, and kept.
		[ ! -e "$dir/sub/cold" ] && [ ! -e "$dir/sub/deep/cold" ]
		is lost "$dir/sub/"{,deep/}{whole,pinned} "$dir/sub/part"
		[ "$(resident "$dir/sub/whole")" = 6 ]
		refused 1 hsm-evict "$dir/sub/whole"
		run hsm-evict -R "$dir"
		[[ $status == 1 && $output == *whole* ]]
		run hsm-evict -R --until-free 100% "$dir"
		hsm-mark -q --unpin "$dir/sub/"{,deep/}pinned
		run hsm-evict -R "$dir"
		[ "$(cat "$dir/sub/"{,deep/}{whole,pinned} | xargs)" = "whole pinned deep whole deep pinned" ]
		cmp "$BATS_TEST_TMPDIR/part" <(bounded head -c 64K "$dir/sub/part")
		# Neither does a new server, or another listing.
		stop "$dir"
		serve "${REMOTE}tmp/lazy-$FS-lost/" "$dir" --namespace $kind
		hsm-mark -q --refresh "$dir"
		run hsm-evict -R "$dir"
		is lost "$dir/sub/whole"
		[ "$(cat "$dir/sub/whole")" = whole ]
		# The remote has it again: it can be fetched, and evicted.
		mkdir -p "$remote/sub"
		echo whole >"$remote/sub/whole"
		touch -d "@$(modified "$dir/sub/whole")" "$remote/sub/whole"
		echo other >"$remote/sub/pinned"
		hsm-mark -q --refresh "$dir"
		[[ $(state "$dir/sub/whole") != lost ]]
		# Another version there: what is here is still the only copy.
		[[ $(flags "$dir/sub/pinned") == *stale* && $(state "$dir/sub/pinned") == online ]]
		refused 1 hsm-evict "$dir/sub/pinned"
		stop "$dir"
	done
	rm -rf "$remote"
}

@test "5 lazy: directories that were moved are found again by the next server" {
	serve_lazy
	bounded ls "$dir/a01" "$dir/a02" >/dev/null
	mkdir -p "$dir/mine/deeper"
	mv "$dir/a01" "$dir/mine/deeper/"
	bounded find "$dir/a03" >/dev/null
	mv "$dir/a02" "$dir/a03/b1/c1/d/"
	stop "$dir"
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	[ "$(bounded cat "$dir/mine/deeper/a01/b1/c1/file")" = a01/b1 ]
	[ "$(bounded cat "$dir/a03/b1/c1/d/a02/b2/c1/file")" = a02/b2 ]
	stop "$dir"
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace crawl
	wait_for "the end of the triggers" eval '[ "$(triggers)" = 0 ]'
	[ "$(cat "$dir/mine/deeper/a01/b2/c1/file")" = a01/b2 ]
	[ "$(cat "$dir/a03/b1/c1/d/a02/b1/c1/file")" = a02/b1 ]
}

@test "5 lazy: a file where a directory was, and a directory that was removed here" {
	serve_lazy
	# It is a trigger: removing it lists it first.
	bounded rm -r "$dir/a01"
	echo mine >"$dir/a01"
	stop "$dir"
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	[ "$(cat "$dir/a01")" = mine ]
	bounded ls "$dir/a02" >/dev/null
	rm -r "$dir/a02/b1"
	mkdir "$dir/a02/b1"
	echo here >"$dir/a02/b1/c1"
	[ "$(ls "$dir/a02/b1")" = c1 ]
	stop "$dir"
	serve "${REMOTE}tmp/lazy-$FS/" "$dir" --namespace lazy
	[ "$(bounded ls "$dir/a02/b1")" = c1 ]
}
