# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
#
# A user without privileges: gets what the modes of the tree give, and nothing else.

load lib/helpers

ANYONE="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all"
OTHER="setpriv --reuid=12345 --regid=12345 --clear-groups --inh-caps=-all"

setup() {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" "$root"
}

teardown() {
	[ -z "${pid:-}" ] || kill "$pid"
	if [ -n "${dead:-}" ]; then
		kill -KILL "$dead"
		umount -l "$BATS_TEST_TMPDIR/fuse"
	fi
	stop_all
}

make_files() { # COUNT BYTES
	python3 - "$root" "$@" <<-'EOT'
		import os, random, sys
		root, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		for n in range(count):
		    with open(os.path.join(root, "f%d" % n), "wb") as file:
		        file.write(random.Random(n).randbytes(size).replace(b"\0", b"z"))
	EOT
}

fault_server() { # sets $pid and $port
	python3 "$TESTS/fault-server.py" --port-file "$BATS_TEST_TMPDIR/port" "$root" \
		</dev/null >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
	pid=$!
	wait_for "the fault server" test -s "$BATS_TEST_TMPDIR/port"
	port=$(<"$BATS_TEST_TMPDIR/port")
}

@test "3.11 users: a file of mode 0600 cannot be read, and the attempt fetches nothing" {
	make_files 3 100000
	chmod 600 "$root/f0"
	mkdir "$root/closed"
	cp "$root/f1" "$root/closed/f1"
	chmod 700 "$root/closed"
	dir=$(new_dir modes)
	serve "file://$root/" "$dir"
	[ "$(stat -c '%a %u' "$dir/f0")" = "600 0" ]
	run $ANYONE cat "$dir/f0"
	[[ $status == 1 && $output == *"Permission denied" ]]
	cold "$dir/f0"
	chmod 700 "$dir/closed"
	run $ANYONE cat "$dir/closed/f1"
	[[ $status == 1 && $output == *"Permission denied" ]]
	cold "$dir/closed/f1"
	run $ANYONE sh -c "echo >>'$dir/f1'; : >'$dir/f1'; rm '$dir/f1'; : >'$dir/new'; truncate -s 0 '$dir/f1'"
	[ "$status" -ne 0 ]
	cold "$dir/f1"
	[ ! -e "$dir/new" ]
	# What everyone may read comes for everyone.
	bounded $ANYONE cmp "$dir/f2" "$root/f2"
	bounded cmp "$dir/f0" "$root/f0"
}

@test "3.11 users: nobody but root sets marks, enters the store or reaches the control socket" {
	local before command store
	make_files 2 100000
	dir=$(new_dir marks)
	store=$(new_dir store)/store
	serve "file://$root/" "$dir" --store "$store"
	install -o 65534 -m 666 /dev/null "$dir/mine"
	before=$(getfattr -d -m - --absolute-names "$dir/f0" "$dir/mine")
	grep -q trusted. <<<"$before"
	for command in "setfattr -n trusted.hsm -v x" "setfattr -n trusted.hsm.origin -v /etc/shadow" \
		"setfattr -x trusted.hsm" "setfattr -n user.hsm -v x"; do
		run ! $ANYONE $command "$dir/f0"
	done
	# Of a file of their own, and with a user namespace of their own.
	run ! $ANYONE setfattr -n trusted.hsm -v x "$dir/mine"
	run ! $ANYONE unshare -Ur setfattr -n trusted.hsm -v x "$dir/mine"
	[ "$(getfattr -d -m - --absolute-names "$dir/f0" "$dir/mine")" = "$before" ]
	[ -z "$($ANYONE getfattr -d -m - --absolute-names "$dir/f0" 2>/dev/null)" ]
	for command in "ls $store" "cat $store/tree/f0" "ls /run/hsm" "hsm-evict $dir/f0" "hsm-prefetch $dir/f0" \
		"hsm-mark --pin $dir/f0" "hsm-mark --refresh $dir/f0" "hsm-serve --stop $dir" \
		"hsm-serve --status $dir" "umount $dir" "hsm-serve -b file:///etc/ $dir"; do
		run $ANYONE env "PATH=$PATH" $command
		[ "$status" -ne 0 ] || fail "$command: $output"
	done
	cold "$dir/f0"
	[ "$(flags "$dir/f0")" = - ]
	[ "$(stat -c '%a %u' /run/hsm)" = "700 0" ]
	[ -z "$(find /run/hsm -type s ! -perm 600)" ]
	bounded cmp "$dir/f0" "$root/f0"
}

@test "3.11 users: the control socket answers root alone, whatever the modes let through" {
	make_files 1 100000
	dir=$(new_dir socket)
	store=$(new_dir store)/store
	serve "file://$root/" "$dir" --store "$store"
	socket=/run/hsm/$(awk '$1 == "id" { print $2 }' "$store/config")
	[ -S "$socket" ]
	bounded -20 python3 - "$socket" <<-'EOT'
		import os, socket, sys
		def ask(capable):
		    """What a user gets: refused, silence, or an answer."""
		    if capable: # modes do not hold for it
		        import ctypes
		        ctypes.CDLL(None).prctl(8, 1, 0, 0, 0) # PR_SET_KEEPCAPS
		    os.setgroups([])
		    os.setresgid(65534, 65534, 65534)
		    os.setresuid(65534, 65534, 65534)
		    if capable:
		        import struct
		        header = struct.pack("Ii", 0x20080522, 0)
		        caps = struct.pack("IIIIII", 2, 2, 0, 0, 0, 0) # CAP_DAC_OVERRIDE
		        assert ctypes.CDLL(None).capset(header, caps) == 0
		    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		    s.settimeout(5)
		    try:
		        s.connect(sys.argv[1])
		    except PermissionError:
		        return 2
		    try:
		        s.send(b"x" * 100)
		        return 4 if s.recv(100000) else 3
		    except (BrokenPipeError, ConnectionResetError):
		        return 3
		def in_child(capable):
		    pid = os.fork()
		    if not pid:
		        os._exit(ask(capable))
		    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
		assert in_child(False) == 2
		assert in_child(True) == 3
	EOT
	hsm-serve --status "$dir" | grep -q running
}

@test "3.11 users: a thousand placeholders of one user do not hold up another's file" {
	local before took waiting reader
	make_files 1010 20000
	fault_server
	dir=$(new_dir fair)
	serve "http://127.0.0.1:$port/" "$dir" --jobs 4 --read-ahead-files 0 --timeout 30
	# Half a second for each of them: two minutes with four at a time.
	curl -sfX POST "http://127.0.0.1:$port/_fault?path=/*&kind=slow&rate=40000"
	cat >"$BATS_TEST_TMPDIR/many.py" <<-'EOT'
		import os, sys, threading
		os.setgroups([])
		os.setresgid(65534, 65534, 65534)
		os.setresuid(65534, 65534, 65534)
		def read(path):
		    with open(path, "rb") as file:
		        file.read()
		threading.stack_size(65536)
		threads = [threading.Thread(target=read, args=(sys.argv[1] + "/f%d" % n,), daemon=True)
		           for n in range(1000)]
		for thread in threads:
		    thread.start()
		for thread in threads:
		    thread.join()
	EOT
	python3 "$BATS_TEST_TMPDIR/many.py" "$dir" 3>&- & reader=$!
	wait_for "them to wait" eval '(($(status "$dir" waiting) > 900))'
	for n in 1001 1002 1003 1004; do
		before=$(date +%s%3N)
		bounded -30 $OTHER cmp "$dir/f$n" "$root/f$n"
		took=$(($(date +%s%3N) - before))
		((took < 2500)) || fail "f$n took $took ms"
	done
	before=$(date +%s%3N)
	bounded -30 cmp "$dir/f1005" "$root/f1005"
	took=$(($(date +%s%3N) - before))
	((took < 2500)) || fail "root's file took $took ms"
	# All that time the first user has not been forgotten either.
	(($(status "$dir" waiting) > 500))
	kill -KILL "$reader"
	wait "$reader" || true
}

# A FUSE file system whose server does not answer any more; sets $dead.  Its files a and
# b are open in a program that opens FILE once a line comes, and $reader compares it.
dead_mount() { # FILE ORIGINAL
	mkdir "$BATS_TEST_TMPDIR/fuse" "$BATS_TEST_TMPDIR/files"
	cp "$root"/f[01] "$BATS_TEST_TMPDIR/files"
	rclone mount --attr-timeout 1ms --dir-cache-time 1ms --config /dev/null \
		"$BATS_TEST_TMPDIR/files" "$BATS_TEST_TMPDIR/fuse" </dev/null >"$BATS_TEST_TMPDIR/rclone" 2>&1 3>&- &
	dead=$!
	wait_for "rclone" mountpoint -q "$BATS_TEST_TMPDIR/fuse"
	mkfifo "$BATS_TEST_TMPDIR/go"
	python3 - "$BATS_TEST_TMPDIR/fuse" "$BATS_TEST_TMPDIR/go" "$@" <<-'EOT' 3>&- &
		import os, sys
		fuse, go, file, original = sys.argv[1:]
		held = [open(fuse + "/f%d" % n) for n in (0, 1)]
		os.chdir(fuse)
		lines = open(go)
		lines.readline()
		with open(file, "rb") as here, open(original, "rb") as there:
		    right = here.read() == there.read()
		lines.readline()
		os._exit(not right)
	EOT
	reader=$!
	exec 7>"$BATS_TEST_TMPDIR/go"
	kill -STOP "$dead"
	sleep 0.1
	run timeout -s KILL 1 stat "$BATS_TEST_TMPDIR/fuse/f0"
	[ "$status" = 137 ] # or it is not dead
}

@test "3.11 users: a program with files on a dead FUSE file system holds nobody up, nor the end" {
	make_files 3 1000000
	dir=$(new_dir dead)
	serve "file://$root/" "$dir" --stream-above 64K --read-ahead-files 0
	dead_mount "$dir/f0" "$root/f0"
	echo >&7
	wait_for "f0" eval '[ "$(state "$dir/f0")" = online ]'
	bounded -20 cmp "$dir/f1" "$root/f1"
	# Who still uses the tree is looked for in all programs.
	bounded -20 hsm-serve --stop "$dir"
	# Its own end waits for the dead one, of course.
	kill -CONT "$dead"
	echo >&7
	wait "$reader"
}
