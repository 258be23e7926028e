# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The scratch directory: $SCRATCH, with the remote trees in $TREES and the file
# system under test on $MNT.

scratch_make() {
	SCRATCH=$(mktemp -d "${TMPDIR:-/var/tmp}/hsm-test.XXXXXX") || exit 1
	chmod 755 "$SCRATCH"
	export SCRATCH TREES=$SCRATCH/trees MNT=$SCRATCH/mnt
	mkdir "$TREES" "$MNT" "$SCRATCH/servers"
	export BATS_TMPDIR=$SCRATCH TMPDIR=$SCRATCH
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
	local process command
	for process in /proc/[0-9]*; do
		for command in "$BUILD"/hsm-*; do
			[[ $process/exe -ef $command ]] || continue
			grep -qzF -- "$1" "$process/cmdline" && echo "${process#/proc/}"
		done
	done 2>/dev/null
}

# Undo all: servers, processes, mounts and loop devices that lie in $SCRATCH.
scratch_remove() {
	local pid point device
	trap '' INT TERM
	servers_stop
	for pid in $(hsm_pids "$SCRATCH"); do
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
