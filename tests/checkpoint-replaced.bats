# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 25
#
# Issue 4, line 6: a worker that is killed while hsm-checkpoint asks it.

load lib/helpers
load lib/processes
load lib/tracking

@test "4.6 replaced: a worker that is killed before it answers: the next one is asked, and nothing is missing" {
	local worker reply name
	serve_tree files
	hsm-checkpoint -q "$dir" 2>/dev/null || true
	# It says who it is, gives the journal, and makes a checkpoint; the third time there
	# is a list that nobody has been told of.
	for reply in 1 2 3; do
		name=$(cd "$dir" && printf '%s\n' sizes/* | head -n 1)
		rm "$dir/$name"
		sleep 2.7 # too old for a sweep to see it
		worker=$(status "$dir" worker_pid)
		trace "$worker" -f -e trace=sendmsg -e inject="sendmsg:signal=KILL:when=$reply"
		run --separate-stderr bounded hsm-checkpoint --json "$dir"
		was_killed worker_pid "$worker" "reply $reply"
		echo "reply $reply: $status: $output $stderr"
		[ "$status" = 0 ]
		jq -es --arg name "$name" 'any(.op == "delete" and .path == $name or .op == "rescan" and .path == "sizes")' \
			<<<"$output"
	done
	prints ""
}

@test "4.6 replaced: a journal that the worker before has not given up yet is waited for" {
	local store begin=$SECONDS
	store=$(new_dir store)/s
	serve_tree files --store "$store"
	mkdir "$store/journal"
	flock "$store/journal/lock" sleep 2 3>&- &
	wait_for "the lock" test -e "$store/journal/lock"
	run --separate-stderr bounded hsm-checkpoint "$dir"
	[[ $status == 1 && $output == "rescan ." ]] || fail "$status: $output $stderr"
	((SECONDS - begin >= 1))
	touch "$dir/new"
	prints new
}

@test "4.6 replaced: a worker that begins late does not leave its journal locked" {
	dir=$(new_dir pub)
	echo "$dir" >>"$(scope)/served"
	# After its connections the guard says that it serves, and closes what it says it to;
	# then the worker makes a journal.
	strace -f -qq -o /dev/null -e trace=chdir,getrandom -e inject=chdir:delay_exit=300ms \
		-e inject=getrandom:delay_exit=900ms hsm-serve -b --strict "$REMOTE"files/ "$dir" </dev/null 2>>"$(serve_log "$dir")" 3>&- &
	tracer=$!
	wait_for "the server" mountpoint -q "$dir"
	status "$dir" worker_pid # it is up
	kill "$tracer"
	for i in 1 2; do
		kill -KILL "$(status "$dir" worker_pid)"
		run --separate-stderr bounded hsm-checkpoint "$dir"
		[[ $status == 1 && $output == "rescan ." ]] || fail "$status: $output $stderr"
	done
}
