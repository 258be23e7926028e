# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
#
# Issue line 4: files that the kernel itself reads, through loop devices.

load lib/helpers

setup() {
	serve_tree images
	point=$BATS_TEST_TMPDIR/point
	mkdir "$point"
}

teardown() {
	local device
	if mountpoint -q "$point"; then
		umount "$point" || umount -l "$point"
	fi
	while read -r device; do
		losetup -d "$device"
		wait_for "$device to be free" detached "$device"
	done < <(losetup -nO NAME,BACK-FILE | awk -v at="/${dir##*/}/" 'index($2, at) { print $1 }')
	stop_all
}

detached() { # DEVICE
	! losetup "$1" >/dev/null 2>&1
}

@test "2.4 reading: losetup of a cold image" {
	local image device
	for image in ext4 squashfs iso; do
		cold "$dir/$image.img"
		device=$(bounded losetup --find --show --read-only "$dir/$image.img")
		cmp "$device" "$TREES/images/$image.img"
		losetup -d "$device"
	done
}

@test "2.4 reading: losetup for writing of a cold image" {
	local device
	cold "$dir/ext4.img"
	device=$(bounded losetup --find --show "$dir/ext4.img")
	cmp "$device" "$TREES/images/ext4.img"
}

@test "2.4 reading: mount -o loop of a cold ext4 image" {
	cold "$dir/ext4.img"
	bounded mount -o loop,ro "$dir/ext4.img" "$point"
	diff -r -x lost+found "$TREES/images-content" "$point"
}

@test "2.4 reading: mount -o loop of a cold squashfs image" {
	cold "$dir/squashfs.img"
	bounded mount -o loop "$dir/squashfs.img" "$point"
	diff -r "$TREES/images-content" "$point"
}

@test "2.4 reading: a cold iso image" {
	local device
	cold "$dir/iso.img"
	device=$(bounded losetup --find --show --read-only "$dir/iso.img")
	isoinfo -R -f -i "$device" | grep -x /part7
	isoinfo -R -x /part7 -i "$device" | cmp - "$TREES/images-content/part7"
	if grep -qw iso9660 /proc/filesystems; then
		mount -o ro "$device" "$point"
		diff -r "$TREES/images-content" "$point"
	fi
}

@test "2.4 reading: a loop device of a program that is not in the list" {
	local how device
	for how in configure set-fd; do
		hsm-evict -q "$dir/ext4.img"
		cold "$dir/ext4.img"
		device=$(bounded python3 "$TESTS/tools/loop.py" "$how" "$dir/ext4.img")
		cmp "$device" "$TREES/images/ext4.img"
		losetup -d "$device"
		wait_for "$device to be free" detached "$device"
		# The device could have written: only --clean makes it evictable again.
		is dirty "$dir/ext4.img"
		hsm-mark -q --clean "$dir/ext4.img"
	done
}

@test "2.4 reading: a file that a loop device can write counts as dirty" {
	bounded mount -o loop "$dir/ext4.img" "$point"
	is dirty "$dir/ext4.img"
	echo changed >"$point/new"
	sync -f "$point"
	run ! hsm-evict "$dir/ext4.img"
	umount "$point"
	is dirty "$dir/ext4.img"
	run ! hsm-evict "$dir/ext4.img"
	mount -o loop,ro "$dir/ext4.img" "$point"
	[ "$(cat "$point/new")" = changed ]
}
