#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# vhost_top.sh [ours|stock|FILE]: what vhost-top says of a guest of which all is
# known. Runs in the VM of tools/testing/vhost-vm/run; "make clients" here and
# "make vhost-top" in tools/vhost have built what it needs, jq is there. TAP on
# stdout.

# Called by name.
# shellcheck disable=SC2317

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
in_vm

TOP=$VHOST_TOP/tools/vhost/vhost-top
WAIT=200	# tenths of a second for what must come
which=${1-ours}
dir=$(mktemp -d)
guest=""
tx='.devices[0].rings[1]'
rx='.devices[0].rings[0]'

finish()
{
	[[ -z $guest ]] || kill "$guest" 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT

guest_start()
{
	rm -f "$dir/in" "$dir/out"
	mkfifo "$dir/in" "$dir/out"
	"$here/top_guest" <"$dir/in" >"$dir/out" &
	guest=$!
	exec {in}>"$dir/in" {out}<"$dir/out"
	answers
}

answers()
{
	local line

	IFS= read -r -t 120 line <&"$out" || line="no answer"
	[[ $line == ok ]] || note "guest: $line"
	[[ $line == ok ]]
}

guest() { printf '%s\n' "$*" >&"$in" && answers; }

guest_stop()
{
	exec {in}>&-
	wait "$guest"
	guest=""
}

# says JQ: comes to be true of what it says in JSON. (A ring's numbers are added
# up after its packets have passed.)
says()
{
	local n

	for ((n = 0; n < WAIT; n++)); do
		"$TOP" --json >"$dir/json"
		! jq -e "$1" "$dir/json" >/dev/null || return 0
		sleep 0.1
	done
	note "$1" "$(<"$dir/json")"
	return 1
}

# prints OPTION REGEX...: all of them are somewhere in the output.
prints()
{
	local option=$1 text

	shift
	"$TOP" "$option" >"$dir/printed"
	for text; do
		grep -qE "$text" "$dir/printed" && continue
		note "no $text in" "$(<"$dir/printed")"
		return 1
	done
}

# What fdinfo has of the ring to send, JSON has: "KEY VALUE" a line.
as_fdinfo()
{
	local key value n=0 fd

	fd=$(jq ".devices[0].fd" "$dir/json")
	while read -r key value; do
		key=${key//-/_}
		((++n))
		jq -e --arg v "$value" "$tx | .$key | tostring == \$v" \
			"$dir/json" >/dev/null && continue
		note "$key is $value, not" "$(jq "$tx.$key" "$dir/json")"
		return 1
	done < <(sed -n 's/^vq1-\(state\|format\|size\|backend\|interface\|packets\|bytes\|runs\|kicks\|calls\|batches\|suppressed\|copied\|thread\):\t/\1 /p' \
			"/proc/$guest/fdinfo/$fd")
	note "$n values"
	((n >= 9))
}

has_devices() { says ".devices | length == $1"; }

# Rates of short times, added up, are what was sent meanwhile.
rates_add_up()
{
	local top n code=1

	"$TOP" --json --interval 0.2 --count 1000 >"$dir/rates" &
	top=$!
	# From the first line on, all is seen.
	for ((n = 0; n < WAIT; n++)); do
		[[ ! -s $dir/rates ]] || break
		sleep 0.1
	done
	guest send 321 200 || return
	for ((n = 0; n < WAIT && code; n++)); do
		sleep 0.1
		sum=$(grep '}$' "$dir/rates" | jq -s "map($tx.rates |
			.packets * .seconds | round) | add")
		((sum != 321)) || code=0
	done
	kill "$top"
	wait "$top" || true
	((code == 0)) || note "$sum packets, not 321"
	return "$code"
}

unprivileged()
{
	setpriv --reuid 65534 --regid 65534 --clear-groups "$TOP" --once \
		>"$dir/printed" &&
		grep -q "^Others' processes are not shown" "$dir/printed" &&
		grep -q "^No process has" "$dir/printed"
}

test_counters()
{
	check "no device" has_devices 0
	check "guest starts" guest_start
	check "its device is there" says \
		".devices | length == 1 and .[0].pid == $guest"
	check "with two running rings" says \
		".devices[0].rings | map(.state) == [\"running\", \"running\"]"
	check "guest sends 1000 frames of 100 bytes" guest send 1000 100
	check "exactly these are shown" says \
		"$tx | .packets == 1000 and .bytes == 100000"
	check "guest receives 500 of 60" guest receive 500 60
	check "exactly these, too" says \
		"$rx | .packets == 500 and .bytes == 30000"
	check "all values are the kernel's" as_fdinfo
	check "the worker has used time" says '.devices[0].workers[0].cpu_ns > 0'
	check "rates add up" rates_add_up
}

test_errors()
{
	check "guest sends nonsense" guest bad
	check "once, with its reason" says "$tx.reasons == {\"bad-addr\": 1}"
	check "the ring goes on" says "$tx.state == \"running\""
	check "guest breaks the ring" guest break
	check "it is broken, with the reason" says \
		"$tx | .state == \"broken\" and .broken == \"bad-index\""
	check "the other one is not" says "$rx.state == \"running\""
	check "the table says so" prints --once \
		"^top_guest +$guest .* rx +running .* 500 +30000 " \
		"^top_guest +$guest .* tx +broken:bad-index .* 1321 +164200 .* bad-"
	check "so does CSV" prints --csv ",0,running,.*,500,30000," \
		",1,broken,bad-index,.*,1321,164200,"
	check "so does Prometheus" prints --prom \
		"^vhost_net_ring_packets_total\{vm=\"top_guest\",.*ring=\"1\".* 1321$" \
		"^vhost_net_ring_errors_total\{.*ring=\"1\".*reason=\"bad-addr\"\} 1$" \
		"^vhost_net_ring_broken\{.*ring=\"1\".*reason=\"bad-index\"\} 1$"
}

test_sharing()
{
	check "guest shares its device" guest share
	check "it is shown once, the owner's" says ".devices | length == 1 and
		.[0].pid == $guest and .[0].files == 4"
	check "guest opens another" guest spare
	check "which is another, and shown once" says ".devices | length == 2 and
		(map(.files) | sort) == [2, 4]"
	check "others see nothing, and are told" unprivileged
	check "guest ends" guest_stop
	check "its device is gone" has_devices 0
}

# Each is provoked by a test that looks for it here, too.
every_reason()
{
	VHOST_TEST_TOP=$TOP "$here/../trace_test" 2>&1 | sed -u 's/^/# /' |
		tee "$dir/reasons" || return
	! grep -q 'SKIP.*tracefs' "$dir/reasons"
}

# Devices of a module that tells nothing.
test_stock()
{
	check "distribution's module" load_module stock
	check "guest starts with it" guest_start
	check "guest sends" guest send 1000 100
	check "the process is shown, and its worker" says ".devices |
		length == 1 and .[0].pid == $guest and
		(.[0].statistics | not) and (.[0].workers | length == 1)"
	check "the worker has used time" says '.devices[0].workers[0].cpu_ns > 0'
	check "the table says why there is no more" prints --once \
		"^top_guest +$guest .* untold" "^untold: "
	check "guest ends" guest_stop
}

echo "TAP version 13"
check "module" load_module "$which"
if [[ $which != stock ]]; then
	test_counters
	test_errors
	test_sharing
	check "shows every reason there is" every_reason
fi
test_stock
check "kernel did not complain" check_log
finish_tap
