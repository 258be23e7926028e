# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 50
#
# Issue 4, line 9: what is made of a list, by the programs that people use.

load lib/helpers
load lib/tracking
load lib/writers

changes=$TESTS/tools/changes.py

setup() {
	export LC_ALL=C.UTF-8
	track_part
	export dir copy=$BATS_TEST_TMPDIR/copy list=$BATS_TEST_TMPDIR/list
}

teardown() {
	untrack_all
	stop_all
}

# A tree, a copy of it that is complete, and changes since then.
begin() { # [plain]
	python3 "$changes" change "$dir" 1 150 "$@"
	hsm-checkpoint -0 "$dir" >/dev/null
	mkdir "$copy"
	rsync -aX --exclude /.hsm "$dir/" "$copy/"
	python3 "$changes" compare "$dir" "$copy"
	python3 "$changes" change "$dir" 2 60 "$@"
	! python3 "$changes" compare "$dir" "$copy" >/dev/null
}

# The list of all that happened since begin(): what is there in $list, and remove
# from the copy what is not.  The second call shows that a list can be had again.
take_list() { # [plain]: in lines
	local id null=(-0)
	[ -z "${1:-}" ] || null=()
	id=$(hsm-checkpoint --list "$dir" | tail -n 1 | cut -f 1)
	hsm-checkpoint "${null[@]}" "$dir" >"$list"
	[ -s "$list" ]
	hsm-checkpoint -0 --deleted --since "$id" "$dir" >"$list.gone"
	[ -s "$list.gone" ]
	(cd "$copy" && xargs -0 rm -rf --) <"$list.gone"
}

# Not every program puts a file where a directory, a link or a fifo is (one that opens
# the fifo waits for ever): make room for what is listed, but for directories.
make_room() { # <LIST
	(cd "$copy" && xargs -0 bash -c 'for path; do
		[[ -d $path && ! -L $path && -d $0/$path && ! -L $0/$path ]] || rm -rf -- "$path"
	done' "$dir")
}

equal() { # [WITHOUT...]: is the copy up to date?
	bounded python3 "$changes" compare "$dir" "$copy" "$@"
}

@test "4.9 consumers: tar --null --no-recursion -T -" {
	begin
	take_list
	tar --xattrs --null --no-recursion -C "$dir" -T - -cf "$list.tar" <"$list"
	make_room <"$list"
	tar --xattrs --xattrs-include='*' -xpf "$list.tar" -C "$copy"
	equal
}

@test "4.9 consumers: rsync --files-from=- --delete-missing-args" {
	begin
	hsm-checkpoint -0 --changed --deleted "$dir" |
		rsync -aXI -0 --files-from=- --delete-missing-args --force "$dir/" "$copy/"
	equal
}

@test "4.9 consumers: rclone --files-from-raw" {
	begin plain
	take_list plain
	tr '\n' '\0' <"$list" | make_room
	# It knows nothing but files, and no path that begins with "./".
	sed 's|^\./||' "$list" |
		bounded rclone --config "$list.conf" copy --ignore-times --files-from-raw - "$dir" "$copy"
	equal mode xattr other
}

@test "4.9 consumers: restic backup --files-from-raw" {
	export RESTIC_PASSWORD=secret RESTIC_REPOSITORY=$BATS_TEST_TMPDIR/repository
	export RESTIC_CACHE_DIR=$BATS_TEST_TMPDIR/cache
	begin
	take_list
	bounded restic -q init
	(cd "$dir" && bounded restic -q backup --files-from-raw - <"$list")
	# Beside the copy: it replaces no link, and has all that is below a listed directory.
	bounded restic -q restore latest --target "$copy.new"
	rsync -aX --force "$copy.new/" "$copy/"
	equal
}

@test "4.9 consumers: borg create --paths-from-stdin" {
	export BORG_BASE_DIR=$BATS_TEST_TMPDIR/borg
	begin
	take_list
	mkdir "$BORG_BASE_DIR"
	bounded borg init -e none "$BORG_BASE_DIR/repository"
	(cd "$dir" && bounded borg create --paths-from-stdin --paths-delimiter '\0' \
		"$BORG_BASE_DIR/repository::list" <"$list")
	(cd "$copy" && bounded borg extract "$BORG_BASE_DIR/repository::list")
	equal
}

@test "4.9 consumers: cpio -0" {
	begin
	take_list
	(cd "$dir" && cpio -0 -o -H newc --quiet <"$list") >"$list.cpio"
	(cd "$copy" && cpio -i -d -m -u --quiet --no-absolute-filenames <"$list.cpio")
	equal xattr
}

@test "4.9 consumers: 100 lists, replayed with rsync, keep a copy equal" {
	mkdir "$copy"
	bounded -100 python3 "$changes" replay "$dir" "$copy" 100 "$RANDOM" \
		'hsm-checkpoint -0 --changed --deleted "$dir" |
		 rsync -aXI -0 --files-from=- --delete-missing-args --force "$dir/" "$copy/"'
}
