# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
#
# Issue line 5: the same content through every door.

load lib/helpers

setup() {
	# For everyone, and outside of bats' own directory, which is for root.
	out=$(mktemp -d "$SCRATCH/doors.XXXXXX")
	chmod 1777 "$out"
}

# Reads the tree at PLACE, cold, with COMMAND... in front of each program.
right_through() { # PLACE COMMAND...
	local place=$1
	shift
	chill "$dir"
	bounded "$@" cmp "$place/text" "$TREES/files/sizes/text"
	bounded "$@" cmp "$place/64M" "$TREES/files/sizes/64M"
	bounded "$@" cp "$place/5M" "$out/5M"
	cmp "$out/5M" "$TREES/files/sizes/5M"
}

# Mount WHAT at another place, with OPTION of mount(8); sets $door.
elsewhere() { # OPTION WHAT
	door=$BATS_TEST_TMPDIR/door
	mkdir "$door"
	mount "$1" "$2" "$door"
}

teardown() {
	[ -z "${there:-}" ] || kill "$there"
	if mountpoint -q "${door:-/nothing}"; then
		umount -R "$door"
	fi
	rm -r "$out"
	stop_all
}

@test "2.5 doors: a mount namespace that was made after serving" {
	serve_tree files/sizes
	namespace private
	right_through "$dir" nsenter -t "$there" -m
}

@test "2.5 doors: a mount namespace that follows, made before serving" {
	mount --make-shared "$MNT"
	namespace slave
	serve_tree files/sizes
	right_through "$dir" nsenter -t "$there" -m
}

@test "2.5 doors: a private mount namespace made before serving sees no zeros" {
	local name path
	namespace private
	serve_tree files/sizes
	[ "$(nsenter -t "$there" -m ls -A "$dir")" = .hsm ]
	# Who may look into the store meets the same placeholders.
	for name in text 64M; do
		path=$(nsenter -t "$there" -m find "$dir/.hsm" -name "$name" -type f)
		[ -z "$path" ] || bounded nsenter -t "$there" -m cmp "$path" "$TREES/files/sizes/$name"
	done
}

@test "2.5 doors: a bind mount of DIR elsewhere" {
	serve_tree files/sizes
	elsewhere --bind "$dir"
	right_through "$door"
}

@test "2.5 doors: a recursive bind mount of the whole file system" {
	serve_tree files/sizes
	elsewhere --rbind "$MNT"
	right_through "$door/$(basename "$dir")"
}

@test "2.5 doors: an unprivileged user" {
	serve_tree files/sizes
	right_through "$dir" setpriv --reuid 65534 --regid 65534 --clear-groups
	run ! setpriv --reuid 65534 --regid 65534 --clear-groups ls "$dir/.hsm"
}

@test "2.5 doors: a process whose working directory is inside" {
	serve_tree files
	cd "$dir/sizes"
	chill "$dir/sizes"
	bounded cmp text "$TREES/files/sizes/text"
	bounded cmp ../sizes/64M "$TREES/files/sizes/64M"
	cd /
}

@test "2.5 doors: /proc/PID/root and /proc/self/cwd" {
	serve_tree files/sizes
	namespace private
	right_through "/proc/$there/root$dir"
}

@test "2.5 doors: the commands take a path through another mount" {
	serve_tree files/sizes
	elsewhere --bind "$dir"
	cold "$door/text"
	[ "$(hsm-prefetch "$door/text")" = "$door/text" ]
	is online "$door/text" "$dir/text"
	[ "$(hsm-evict "$door/text")" = "$door/text" ]
	cold "$dir/text"
}
