# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4 xfs btrfs
#
# Issue lines 1 and 2: the tree is there, and nothing was downloaded for it.

load lib/helpers

# nginx says the minute.
precision() {
	[[ $REMOTE == file:* ]] && echo 1 || echo 60
}

@test "2.1 namespace: find, ls -lR and stat show every file, no content was read" {
	local mark file
	mark=$(log_mark)
	serve_tree many
	shows "$dir" "$TREES/many" "$(precision)"
	[ "$(ls -lR "$dir" | grep -c '^-.* 4096 .* f[0-9][0-9]$')" = 20000 ]
	for file in d000/f00 d199/f99; do
		[ "$(stat -c %s "$dir/$file")" = 4096 ]
		cold "$dir/$file"
	done
	if [[ $REMOTE == http* ]]; then
		[ -z "$(fetches "$mark")" ]
		[ -z "$(requests "$mark" HEAD)" ]
		[ "$(requests "$mark" GET | wc -l)" -le 210 ]
	fi
}

@test "2.1 namespace: files of all sizes have their exact size and no blocks" {
	serve_tree files
	shows "$dir" "$TREES/files" "$(precision)"
	[ "$(stat -c %s "$dir/big/1G")" = $((1 << 30)) ]
	[ "$(du -sk "$dir" | cut -f1)" -lt 4096 ]
	[ "$(hsm-mark -R "$dir" | awk -F '\t' '{ sum += $3 } END { print sum }')" = 0 ]
}

@test "2.1 namespace: rounded sizes cost one HEAD per file, many at a time" {
	needs_log
	local server mark
	for server in nginx-rounded apache-fancy apache-plain; do
		mark=$(log_mark "$server")
		dir=$(new_dir "$server")
		serve "$(server_url "$server")walk/" "$dir"
		[ "$(find "$dir" -path "$dir/.hsm" -prune -o -type f -size 12288c -print | wc -l)" = 400 ]
		[ -z "$(fetches "$mark" "$server")" ]
		[ "$(requests "$mark" HEAD "$server" | wc -l)" = 400 ]
	done
}

@test "2.1 namespace: the HEADs are not bound by the round trip" {
	needs_log
	slow_remote 50 nginx-rounded
	dir=$(new_dir slow)
	serve "${slow}walk/" "$dir" --jobs 8
	together 4
}

@test "2.1 namespace: an empty directory and a file of 0 bytes are there" {
	mkdir -p "$TREES/tmp/empty/below"
	: >"$TREES/tmp/empty/zero"
	serve_tree tmp/empty
	[ -d "$dir/below" ]
	[ "$(stat -c %s "$dir/zero")" = 0 ]
	[ -z "$(cat "$dir/zero")" ]
	rm -r "$TREES/tmp/empty"
}

@test "2.2 namespace: links that leave the tree are not followed" {
	local mark
	mark=$(log_mark nginx-pages)
	dir=$(new_dir pages)
	serve "$(server_url nginx-pages)leave/" "$dir"
	[ "$(cd "$dir" && find . -path ./.hsm -prune -o -type f -print | sort)" = $'./inside\n./sub/below' ]
	cmp "$dir/inside" "$TREES/pages/leave/inside"
	cmp "$dir/sub/below" "$TREES/pages/leave/sub/below"
	[ -z "$(requests "$mark" "" nginx-pages | grep -v ' /leave/')" ]
}

@test "2.2 namespace: an impossible name is skipped, warned of once and counted" {
	local log
	dir=$(new_dir pages)
	log=$(serve_log "$dir")
	serve "$(server_url nginx-pages)leave/" "$dir"
	# Three surely; "%2e" and "%2e%2e" may pass for links that leave.
	(($(status "$dir" skipped) >= 3 && $(status "$dir" skipped) <= 5))
	[ "$(grep -c 'a.2Fb\|a/b' "$log")" = 1 ]
	[ "$(grep -c nnnnnnnnnn "$log")" = 1 ]
}
