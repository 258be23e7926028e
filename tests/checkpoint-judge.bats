# SPDX-License-Identifier: GPL-2.0-or-later
# fs: ext4
# takes: 25
#
# Issue 4, line 4: the stress of checkpoint-stress.bats and its judge can fail.

load lib/helpers
load lib/tracking
load lib/writers

teardown() {
	untrack_all
	stop_all
}

@test "4.4 stress: with the old group ended before the new one begins, changes are lost" {
	HSM_TEST_BREAK=handover storm 8
	run python3 "$judge" judge "$out"
	echo "$output" | tail -n 3
	[ "$status" = 1 ]
	[ "$(verdict lost)" -gt 0 ]
}

@test "4.4 stress: with nothing carried over, files that are open for writing are lost" {
	HSM_TEST_BREAK=carry storm 8
	run python3 "$judge" judge "$out"
	echo "$output" | tail -n 3
	[ "$status" = 1 ]
	[ "$(verdict dropped)" -gt 0 ]
}

@test "4.4 judge: it complains of what is missing, and of nothing else" {
	local start=$'10 20 make file f\n10 20 make d d\n10 20 make file d/g\n'
	bounded python3 "$judge" cases "$start" <<-EOT
		A change has to be in its list; in another one it is of no use.
		==
		lost 1 dropped 0 wrong 0
		2200 2300 data pwrite f
		==
		lost 1 dropped 0 wrong 0
		2200 2300 data pwrite f
		--
		{"op":"modify","path":"f"}
		--
		--
		{"op":"modify","path":"f"}
		==
		lost 0 dropped 0 wrong 0
		2200 2300 data pwrite f
		--
		--
		{"op":"modify","path":"f"}
	$(
		# One that overlaps a cut may be in either; one before or after it may not.
		none="" second=$'--\n--\n{"op":"modify","path":"f"}' third=$'--\n--\n--\n{"op":"modify","path":"f"}'
		case_of 1 "2200 3050 data pwrite f" "$none"
		case_of 0 "2200 3050 data pwrite f" "$second"
		case_of 0 "2200 3050 data pwrite f" "$third"
		case_of 0 "3050 3900 data pwrite f" "$second"
		case_of 1 "3150 3900 data pwrite f" "$second"
		case_of 1 "2200 2900 data pwrite f" "$third"
		# The kind counts: a rename does not say that content has changed.
		write="2200 2300 data pwrite d/g" rename="2400 2500 move rename d e"
		case_of 1 "2200 2300 data pwrite f" "$(second attrib f)"
		case_of 0 "2200 2300 attr chmod f" "$(second attrib f)"
		case_of 1 "2200 2300 attr chmod f" "$(second delete f)"
		case_of 1 "$write"$'\n'"$rename" "$(second rename e d)"
		case_of 0 "$write"$'\n'"$rename" "$(second rename e d modify e/g)"
		case_of 0 "$write" "$(second rescan d)"
		case_of 1 "2200 2300 data pwrite f" "$(second rescan d)"
		# It moved on while the list was made.
		case_of 1 $'2200 2300 data pwrite f\n3020 3030 move rename f h' "$(second delete f)"
		case_of 0 $'2200 2300 data pwrite f\n3020 3030 move rename f h' "$(second delete f)
			--
			{\"op\":\"rename\",\"path\":\"h\",\"from\":\"f\"}"
		moved=$'2200 2300 make file d/h\n3020 3030 move rename d e'
		case_of 1 "$moved" "$(second delete d)"
		case_of 0 "$moved" "$(second delete d)
			--
			{\"op\":\"create\",\"path\":\"e\"}
			{\"op\":\"create\",\"path\":\"e/h\"}"
		# Meanwhile a file came to be where its directory was.
		moved=$'2200 2300 make file d/h\n3020 3030 swap rename d f'
		case_of 2 "$moved" "$(second create d)"
		case_of 2 "$moved" "$(second delete d create d)"
		case_of 0 "$moved" "$(second delete d create d)
			--
			{\"op\":\"create\",\"path\":\"f\"}
			{\"op\":\"rename\",\"path\":\"f/h\",\"from\":\"d/h\"}"
		# Names: both of a rename, none of what came and went.
		case_of 2 "2200 2300 move rename f h" ""
		case_of 1 "2200 2300 move rename f h" "$(second create h)"
		case_of 0 "2200 2300 move rename f h" "$(second rename h f)"
		case_of 0 $'2200 2300 make file h\n2400 2500 gone unlink h' ""
		case_of 1 $'2200 2300 make file h\n3400 3500 gone unlink h' "$(second create h)"
		case_of 1 $'2200 2300 make file h\n2400 2500 move rename h f' ""
		case_of 2 "2200 2300 swap rename d f" ""
		case_of 1 $'2200 2300 gone unlink d/g\n2400 2500 gone rmdir d' ""
		case_of 0 $'2200 2300 gone unlink d/g\n2400 2500 gone rmdir d' "$(second delete d)"
		case_of 1 $'2200 2300 gone unlink d/g\n2400 2500 gone rmdir d' "$(second delete d/g)"
		case_of 0 $'2200 2300 gone unlink d/g\n3050 3060 gone rmdir d' "--
			--
			--
			{\"op\":\"delete\",\"path\":\"d\"}"
		case_of 2 $'2200 2300 gone unlink d/g\n3150 3160 gone rmdir d' ""
		case_of 1 $'2200 2300 make file d/h\n'"$rename" "$(second rename e d)"
		case_of 0 $'2200 2300 make file d/h\n'"$rename" "$(second rename e d create e/h)"
		# Trees from outside, and back.
		tree=$'10 20 make d ../outside/t\n10 20 make file ../outside/t/x\n2200 2300 move rename ../outside/t t'
		case_of 2 "$tree" ""
		case_of 1 "$tree" "$(second create t)"
		case_of 0 "$tree" "$(second rescan t)"
		case_of 0 "$tree"$'\n2400 2500 move rename t ../outside/t' ""
		case_of 1 "$tree"$'\n3400 3500 move rename t ../outside/t' "$(second rescan t)"
		# What is open for writing is carried over, once it was seen.
		first=$'--\n{"op":"modify","path":"f"}\n'
		hold="1200 4900 hold map f"
		case_of "0 dropped 0" "$hold" ""
		case_of "0 dropped 1" "$hold" "$first"
		case_of "0 dropped 1" "$hold" "$first$first"
		case_of "0 dropped 0" "$hold" "$first$first$first"
		case_of "0 dropped 0" "1200 2050 hold map f" "$first"
		# Names that have no place in a list.
		case_of "0 dropped 0 wrong 1" "" "$(second modify x)"
		case_of "0 dropped 0 wrong 2" "" "$(second modify ../outside)"
		case_of "0 dropped 0 wrong 2" "" "$(second modify .hsm/journal)"
		case_of "0 dropped 0 wrong 1" "" "$(second rescan .)" # with exit status 0
	)
	EOT
}

case_of() { # VERDICT LOG LISTS
	local verdict="lost $1"
	[[ $verdict == *dropped* ]] || verdict+=" dropped 0"
	[[ $verdict == *wrong* ]] || verdict+=" wrong 0"
	printf '==\n%s\n%s\n%s\n' "$verdict" "$2" "$3" | grep .
}

# A list 2 of these records.
second() { # OP PATH [OP PATH [FROM]]...
	printf -- '--\n--\n'
	while (($#)); do
		if [ "$1" = rename ]; then
			printf '{"op":"%s","path":"%s","from":"%s"}\n' "$1" "$2" "$3"
			shift 3
		else
			printf '{"op":"%s","path":"%s"}\n' "$1" "$2"
			shift 2
		fi
	done
}
