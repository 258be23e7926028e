# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Trackers that end and start again; goes with tracking.bash.

restart_setup() {
	dir=$(new_dir tracked)
	mkdir -p "$dir/d/sub" "$dir/other"
	for name in d/a d/b d/c d/sub/x other/y; do
		head -c 8192 /dev/zero >"$dir/$name"
	done
}

restart_teardown() {
	untrack_all
	stop_all
	[ ! -d "$BATS_TEST_TMPDIR/own" ] || umount "$BATS_TEST_TMPDIR/own" 2>/dev/null || true
}

# Names that changed less than two seconds ago are not sure to have been heard.
grow_old() {
	sleep 2.7
}

# Another process maps FILE for writing; step "store" has it store, and end_mapper ends it.
mapper() { # FILE
	cat >"$BATS_TEST_TMPDIR/mapper.py" <<-'EOT'
		import mmap, os, sys
		m = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8192)
		for line in sys.stdin:
		    if line == "store\n": m[0:1] = bytes([m[0] + 1])
		    print(line, flush=True)
	EOT
	coproc python3 "$BATS_TEST_TMPDIR/mapper.py" "$1" 3>&-
	step mapped
}

step() { # WHAT
	echo "$1" >&"${COPROC[1]}" && read -r _ <&"${COPROC[0]}"
}

end_mapper() {
	local pid=$COPROC_PID to=${COPROC[1]} # gone as soon as it has ended
	exec {to}>&-
	wait "$pid"
}

swept() {
	grep -q swept "$(track_log "$dir")"
}

needs_all() { # [OPTION...]
	run --separate-stderr hsm-checkpoint "$@" "$dir"
	# shellcheck disable=SC2154 # set by run
	[[ $status == 1 && ($output == "rescan ." || $output == '{"op":"rescan","path":"."}') ]] ||
		fail "$status: $output"
}

# After SIGKILL files may be told that changed shortly before it, too: pages of them
# could have been stored into without a fault.
prints_at_least() { # LINES [OPTION...]
	local wanted=$1 shown
	shown=$(bounded hsm-checkpoint "${@:2}" "$dir") || fail "exit status $?"
	[[ -z $(comm -23 <(echo "$wanted") <(echo "$shown")) ]] || fail "not all: $shown"
}

# $dir becomes a directory of a file system of its own, that can be unmounted.
own_file_system() {
	local image=$BATS_TEST_TMPDIR/own.img
	case $FS in
	ext4) truncate -s 64M "$image" && mkfs.ext4 -q -F "$image" ;;
	xfs) truncate -s 320M "$image" && mkfs.xfs -q "$image" ;;
	btrfs) truncate -s 128M "$image" && mkfs.btrfs -q "$image" ;;
	esac
	mkdir "$BATS_TEST_TMPDIR/own"
	mount -o loop "$image" "$BATS_TEST_TMPDIR/own"
	cp -a "$dir" "$BATS_TEST_TMPDIR/own/tree"
	dir=$BATS_TEST_TMPDIR/own/tree
}

mount_again() {
	# Mounts of a process that was killed go a moment after it.
	wait_for "the end of its mounts" umount "$BATS_TEST_TMPDIR/own"
	mount -o loop "$BATS_TEST_TMPDIR/own.img" "$BATS_TEST_TMPDIR/own"
}
