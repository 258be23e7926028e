# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # dir and log are set by who loads this
#
# A remote that lies, for the bats files that load this one after helpers.bash.

setup_file() {
	python3 "$TESTS/hostile-server.py" "$BATS_FILE_TMPDIR/port" \
		</dev/null >"$BATS_FILE_TMPDIR/output" 2>&1 3>&- &
	pid=$!
	wait_for "the server" test -s "$BATS_FILE_TMPDIR/port"
	url=http://127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")
	export pid url
}

teardown_file() {
	kill "$pid"
}

# In $dir, with its messages in $log.
serve_lies() { # PATH [OPTION...]
	local path=$1
	shift
	serve "$url/$path/" "$dir" --retries 0 --timeout 20 --log-file "$log" "$@"
}
