# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Made-up trees that look like /proc, for vhost-top; source it. $tree is where.

: "${tree:?a directory}"

# process PID COMM [ARGUMENT...]: a process with a command line.
process()
{
	local dir=$tree/$1 name=$2

	mkdir -p "$dir/fd" "$dir/fdinfo" "$dir/task/$1"
	printf '%s\n' "$name" >"$dir/comm"
	shift 2
	: >"$dir/cmdline"
	(($# == 0)) || printf '%s\0' "$@" >"$dir/cmdline"
	ln -s /dev/null "$dir/fd/0"
	printf 'pos:\t0\nflags:\t02\n' >"$dir/fdinfo/0"
}

# device PID FD [LINE...]: a descriptor, with these "name value" in its fdinfo.
device()
{
	local pid=$1 fd=$2 line

	shift 2
	ln -s /dev/vhost-net "$tree/$pid/fd/$fd"
	printf 'pos:\t0\nflags:\t0100002\nmnt_id:\t26\nino:\t210\n' \
		>"$tree/$pid/fdinfo/$fd"
	for line; do
		printf '%s:\t%s\n' "${line%% *}" "${line#* }"
	done >>"$tree/$pid/fdinfo/$fd"
}

# worker TID OWNER NANOSECONDS: a worker of the kernel's.
worker()
{
	process "$1" "vhost-$2"
	echo "$3 4711 12" >"$tree/$1/schedstat"
}

# ring N PACKETS [LINE...]: lines of a ring as this module has always had them,
# its numbers made of the packets.
ring()
{
	local n=$1 packets=$2 line

	shift 2
	for line in "state running" "format split" "size 256" "next-avail 17" \
		    "misses 0" "next-used 17" "packets $packets" \
		    "bytes $((packets * 100))" "runs 7" "polled 0" \
		    "kicks $((packets / 2))" "calls $((packets / 5))" "$@"; do
		echo "vq$n-$line"
	done
}

# lines COMMAND...: what it prints, in the array of that name.
# shellcheck disable=SC2034 # for the one who asks
lines() { mapfile -t lines < <("$@"); }
