# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs
#
# Issue line 12: marks are trusted xattrs, and the extents say what is here.

load lib/helpers

setup() {
	serve_tree files/sizes
}

marks() { # FILE: its marks, and nothing else
	getfattr -d -m '^trusted\.' -e hex -- "$1" 2>/dev/null | tail -n +2
}

# The same file in the store of the DIR that is not served.
stored() { # NAME
	find "$dir/.hsm" -name "$1" -type f
}

@test "2.12 marks: they are xattrs in trusted., which a user cannot read or forge" {
	local mark
	[ -n "$(marks "$dir/text")" ]
	[ -z "$(setpriv --reuid 65534 --clear-groups getfattr -d -m - "$dir/text" 2>/dev/null)" ]
	for mark in $(marks "$dir/text" | cut -d= -f1); do
		run ! setpriv --reuid 65534 --clear-groups setfattr -n "$mark" -v x "$dir/text"
		run ! setpriv --reuid 65534 --clear-groups setfattr -x "$mark" "$dir/text"
	done
	chown 65534 "$dir/text"
	for mark in $(marks "$dir/text" | cut -d= -f1); do
		run ! setpriv --reuid 65534 --clear-groups setfattr -x "$mark" "$dir/text"
	done
}

@test "2.12 marks: a user's xattrs change nothing" {
	chown 65534 "$dir/text"
	setpriv --reuid 65534 --clear-groups setfattr -n user.hsm -v "http://192.0.2.1/" "$dir/text"
	setpriv --reuid 65534 --clear-groups setfattr -n user.trusted.hsm.source -v x "$dir/text"
	bounded cmp "$dir/text" "$TREES/files/sizes/text"
}

@test "2.12 marks: rename keeps them" {
	local before
	before=$(marks "$dir/text")
	mkdir "$dir/new"
	mv "$dir/text" "$dir/new/name"
	[ "$(marks "$dir/new/name")" = "$before" ]
	cmp "$dir/new/name" "$TREES/files/sizes/text"
}

@test "2.12 marks: a pin survives a restart and an eviction attempt" {
	hsm-mark -q --pin "$dir/text"
	bounded cat "$dir/text" >/dev/null
	stop "$dir"
	serve "${REMOTE}files/sizes/" "$dir"
	[[ $(flags "$dir/text") == *pinned* ]]
	run ! hsm-evict "$dir/text"
	hsm-mark -q --unpin "$dir/text"
	[ "$(flags "$dir/text")" = - ]
}

@test "2.12 marks: --copy-from gives a copy the same marks" {
	bounded cp "$dir/5M" "$dir/copy"
	is local "$dir/copy"
	hsm-mark -q --copy-from "$dir/5M" "$dir/copy"
	is online "$dir/copy"
	hsm-evict -q "$dir/copy"
	cold "$dir/copy"
	bounded cmp "$dir/copy" "$TREES/files/sizes/5M"
}

@test "2.12 marks: --copy-from refuses a file of another size" {
	bounded cp "$dir/text" "$dir/copy"
	run ! hsm-mark -q --copy-from "$dir/5M" "$dir/copy"
	is local "$dir/copy"
	cmp "$dir/copy" "$TREES/files/sizes/text"
}

@test "2.12 marks: --hydrate beats --stream-above, for a file and for a tree" {
	hsm-mark -q --hydrate=full "$dir/64M"
	hsm-mark -q --hydrate=stream "$dir/5M"
	head -c 1 "$dir/64M" >/dev/null
	head -c 1 "$dir/5M" >/dev/null
	is online "$dir/64M"
	is partial "$dir/5M"
	hsm-evict -q "$dir/64M" "$dir/5M"
	hsm-mark -q --hydrate=default "$dir/64M" "$dir/5M"
	head -c 1 "$dir/64M" >/dev/null
	head -c 1 "$dir/5M" >/dev/null
	is partial "$dir/64M"
	is online "$dir/5M"
	hsm-evict -q "$dir/64M" "$dir/5M"
	hsm-mark -q -R --hydrate=stream "$dir"
	head -c 1 "$dir/5M" >/dev/null
	is partial "$dir/5M"
}

@test "2.12 marks: what is here is read from the extents, not from a flag" {
	local path name
	bounded cat "$dir"/{text,5M,64M} >/dev/null
	is online "$dir"/{text,5M,64M}
	stop "$dir"
	# As a crash leaves it: extents that were not yet on disk are holes.
	for name in text 5M 64M; do
		path=$(stored "$name")
		fallocate -p -o 65536 -l 131072 "$path"
		touch -d "@$(stat -c %.Y "$TREES/files/sizes/$name" | cut -d. -f1)" "$path"
	done
	serve "${REMOTE}files/sizes/" "$dir"
	is partial "$dir"/{text,5M,64M}
	for name in text 5M 64M; do
		bounded cmp "$dir/$name" "$TREES/files/sizes/$name"
	done
}

@test "2.12 marks: a whole file that lost all its extents is offline" {
	bounded cat "$dir/5M" >/dev/null
	stop "$dir"
	fallocate -p -o 0 -l $((5 << 20)) "$(stored 5M)"
	serve "${REMOTE}files/sizes/" "$dir"
	cold "$dir/5M"
	bounded cmp "$dir/5M" "$TREES/files/sizes/5M"
}

@test "2.12 marks: hsm-mark prints state, flags, bytes here, size and path" {
	[ "$(hsm-mark "$dir/5M")" = "offline	-	0	5242880	$dir/5M" ]
	bounded cat "$dir/5M" >/dev/null
	[ "$(hsm-mark "$dir/5M")" = "online	-	5242880	5242880	$dir/5M" ]
	[ "$(hsm-mark --json "$dir/5M" | jq -r .state)" = online ]
}
