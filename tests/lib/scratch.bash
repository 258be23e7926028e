# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The scratch directory: $SCRATCH, with the remote trees in $TREES and the file
# system under test on $MNT.  Each job of tests/run has one within that of the run.

scratch_make() {
	local dir
	dir=$(mktemp -d "${TMPDIR:-/var/tmp}/hsm-test.XXXXXX") || exit 1
	chmod 755 "$dir"
	scratch_use "$dir"
	run_names
	: >"$results"
}

# What the jobs of a run share.
run_names() {
	results=$SCRATCH/results tasks=$SCRATCH/tasks lock=$SCRATCH/lock
}

scratch_use() { # DIR
	export SCRATCH=$1 TREES=$1/trees MNT=$1/mnt BATS_TMPDIR=$1 TMPDIR=$1
	mkdir -p "$TREES" "$MNT" "$SCRATCH/servers"
}

image_mount() { # FS
	local image=$SCRATCH/$1.img
	truncate -s 8G "$image"
	case $1 in
	# Nothing for root alone: full must be full.
	ext4) mkfs.ext4 -q -F -m 0 "$image" ;;
	xfs) mkfs.xfs -q "$image" ;;
	btrfs) mkfs.btrfs -q "$image" ;;
	esac || return 1
	mount -o loop,discard "$image" "$MNT" && chmod 755 "$MNT"
}

image_unmount() {
	local tries
	for tries in 1 2 3 4 5 6 7 8 9 10; do
		umount "$MNT" 2>/dev/null && break
		sleep 0.3
	done
	if mountpoint -q "$MNT"; then
		fuser -vm "$MNT" 2>&1 | head -20
		return 1
	fi
	rm -f "$SCRATCH"/*.img
}

# The processes of our hsm commands that work below DIR.
hsm_pids() { # DIR
	local process
	find /proc/[0-9]*/exe -maxdepth 0 -lname "$BUILD/hsm-*" -printf '%h\n' 2>/dev/null |
		while read -r process; do
			grep -qzF -- "$1" "$process/cmdline" 2>/dev/null && echo "${process#/proc/}"
		done
}

# The processes that the tests have started, from their environment.
scratch_pids() {
	local file
	for file in $(grep -lzE "^SCRATCH=$SCRATCH(/|\$)" /proc/[0-9]*/environ 2>/dev/null); do
		file=${file%/environ}
		echo "${file#/proc/}"
	done
}

# Undo all: servers, processes, mounts and loop devices that lie in $SCRATCH.
scratch_remove() {
	local pid point device
	trap '' INT TERM
	servers_stop
	for pid in $(hsm_pids "$SCRATCH") $(scratch_pids); do
		kill -KILL "$pid" 2>/dev/null
	done
	while read -r point; do
		umount -l "$point"
	done < <(awk '{ print $5 }' /proc/self/mountinfo | grep -F "$SCRATCH/" | tac)
	while read -r device; do
		losetup -d "$device"
	done < <(losetup -nO NAME,BACK-FILE | awk -v at="$SCRATCH/" 'index($2, at) == 1 { print $1 }')
	[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$SCRATCH"
}
