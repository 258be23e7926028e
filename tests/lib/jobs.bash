# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # results, tasks, lock, units: of run_names and tests/run
#
# The jobs of tests/run: each takes a task (a bats file and the file system to run
# it on, or a unit test) from the file $tasks until none is left, and works in a
# scratch directory of its own, with servers of its own.  They share the remote
# trees, all but the part that the tests write to.  Each has a mount namespace: a
# namespace that the test of one job makes must not hold the mounts of the others.
#
# The file $results has a line for each test: "pass" or "fail NAME".

count() { # RESULT [NAME]
	echo "$1 ${2:-}" >>"$results"
}

# ------------------------------------------------------------------- tasks --

wanted_on() { # FILE FS FILESYSTEMS: does the file run on this file system?
	local where
	where=$(sed -n 's/^# fs: *//p' "$1")
	[[ " ${where:-${3%%,*}} " == *" $2 "* ]]
}

# One line for each task: SECONDS, FS (or -), how to run it, FILE.  Sorted by the
# seconds, the longest come first, so that no job is left with one while the others
# have nothing to do, and those that want to be alone last.
tasks_list() { # FILESYSTEMS FILE...
	local filesystems=$1 file fs takes how
	shift
	for file in ${units:+"$BUILD"/tests/test_*}; do
		[[ $file != *.d && -x $file ]] && echo "25 - unit $file"
	done
	for file; do
		takes=$(sed -n 's/^# takes: *\([0-9]*\).*/\1/p' "$file")
		how=shared
		grep -qx '# alone' "$file" && how=alone takes=0
		for fs in none ${filesystems//,/ }; do
			wanted_on "$file" "$fs" "$filesystems" || continue
			echo "${takes:-20} ${fs/none/-} $how $file"
		done
	done
}

# Take the first task: sets $fs, $how and $file.
task_take() {
	flock 7
	read -r fs how file <"$tasks"
	sed -i 1d "$tasks"
	flock -u 7
	[ -n "$file" ]
}

# --------------------------------------------------------------- one result --

# Print lines that stay together.
say() { # TEXT
	flock 7
	printf '%s\n' "$1"
	flock -u 7
}

# What a test said: the beginning, and the end.
say_all() { # LINE...
	(($# <= 90)) || set -- "${@:1:30}" "… $(($# - 90)) lines …" "${@: -60}"
	(($# == 0)) || say "$(printf '%s\n' "$@")"
}

# Reads TAP: prints each test with the file system in front, and counts.
count_tap() { # WHERE
	local where=$1 line text=() seen=0 plan=-1
	while IFS= read -r line; do
		if [[ $line == "#"* ]]; then
			# What belongs to the test before.
			text+=("$where: $line")
			continue
		fi
		say_all "${text[@]}"
		text=()
		case $line in
		1..*) plan=${line#1..}; continue ;;
		"ok "*"# skip"*)
			[ -n "${CI:-}" ] && line="not $line"
			seen=$((seen + 1)) ;;
		"ok "*) count pass; seen=$((seen + 1)) ;;
		"not ok "*) seen=$((seen + 1)) ;;
		esac
		if [[ $line == "not ok "* ]]; then
			count fail "$where: $(sed 's/ in [0-9]*ms//' <<<"${line#not ok * }")"
			text=("$where: $line") # what went wrong follows
		else
			say "$where: $line"
		fi
	done
	say_all "${text[@]}"
	((seen == plan)) || count fail "$where: $seen of $plan tests reported"
}

run_bats() { # WHERE FILE
	count_tap "$1" < <(bats --tap --timing "$2" 2>&1 7>&- 8>&- 9>&-)
}

run_unit() { # FILE
	local log=$SCRATCH/unit.log name=${1##*/}
	if timeout 300 "$1" >"$log" 2>&1 7>&- 8>&- 9>&-; then
		count pass
		say "unit: ok $name"
	else
		count fail "unit: $name"
		say "unit: not ok $name"$'\n'"$(sed 's/^/# /' "$log")"
	fi
}

# What sanitizers wrote, from whatever process.
sanitizer_reports() { # WHERE
	local report
	for report in "$SCRATCH"/sanitizer.*; do
		[ -e "$report" ] || continue
		# A process was killed while it looked for leaks: that is all it says.
		grep -qv 'Unable to get registers from thread' "$report" || {
			rm -f "$report"
			continue
		}
		count fail "$1: a sanitizer has something to say"
		say "$(head -n 80 "$report" | sed "s/^/$1: # /")"
		rm -f "$report"
	done
}

# -------------------------------------------------------------------- a job --

# What a scratch directory needs to work with the trees.
job_trees() { # TREES
	mkdir -p "$SCRATCH/tmp" "$1/tmp"
	mount --bind "$1" "$TREES" && mount --make-private "$TREES" || return
	mount --bind "$SCRATCH/tmp" "$TREES/tmp" && servers_start
}

job_remote() { # http|file
	case $1 in
	http) server_url nginx ;;
	file) echo "file://$TREES/" ;;
	esac
}

run_on() { # FS WHERE FILE
	REMOTE=$(job_remote "$remote")
	export FS=$1 REMOTE
	image_mount "$1" || return
	run_bats "$2" "$3"
	image_unmount || count fail "$2: the image could not be unmounted"
}

job() { # NUMBER http|file
	local remote=$2 trees=$TREES ready='' fs how file where
	exec 7>>"$lock" 8>>"$lock.alone"
	scratch_use "$SCRATCH/job$1"
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:log_path=$SCRATCH/sanitizer
	export UBSAN_OPTIONS=${UBSAN_OPTIONS:-}:print_stacktrace=1:log_path=$SCRATCH/sanitizer
	export TSAN_OPTIONS=${TSAN_OPTIONS:-}:log_path=$SCRATCH/sanitizer
	while task_take; do
		where="$fs $(basename "$file" .bats)"
		if [ "$how" = alone ]; then flock 8; else flock -s 8; fi
		if [ "$how" = unit ]; then
			run_unit "$file"
		elif [ "$fs" = - ]; then
			run_bats "$where" "$file"
		elif [ -n "$ready" ] || { job_trees "$trees" && ready=1; }; then
			run_on "$fs" "$where" "$file" || count fail "$where: no file system"
		else
			count fail "$where: no servers"
		fi
		sanitizer_reports "$where"
		flock -u 8
	done
}

# ----------------------------------------------------------------- the jobs --

job_pids=()

jobs_run() { # HOW-MANY http|file
	local many number pid
	many=$(wc -l <"$tasks")
	((many < $1)) || many=$1
	set -m # each is a process group, so that it can be ended whole
	for ((number = 1; number <= many; number++)); do
		unshare -m --propagation private "$TESTS/lib/job" "$number" "$2" </dev/null &
		job_pids+=($!)
	done
	set +m
	for pid in "${job_pids[@]}"; do
		wait "$pid" || count fail "a job ended too early"
	done
	job_pids=()
}

jobs_end() {
	local pid
	for pid in "${job_pids[@]}"; do
		kill -TERM -- "-$pid" 2>/dev/null
	done
	for pid in "${job_pids[@]}"; do
		wait "$pid" 2>/dev/null
	done
}
