#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu_migrate.sh [--long] [--packed] [ours|stock|FILE]: a running guest moves
# from one unmodified QEMU to another and back, under traffic. Runs in the VM of
# tools/testing/vhost-vm/run, needs "make clients/datagrams" before. The long
# form makes three round trips; with --packed its rings are. TAP on stdout.
#
#	QEMU=FILE	which one; before version 9.0, it can forget to copy
#			what an emulated guest writes while it moves, and then
#			the guest crashes (scripts/newer-qemu has a newer one)
#
# QEMU goes on copying what has changed until nothing has. A program in the guest
# takes care that this is not so before the test is ready; while datagrams come,
# QEMU copies so slowly that even an emulated guest keeps ahead of it.
#
# Few guests would notice if the driver forgot to log what it wrote, because
# the guest's own processor touches most of what it receives, and that is
# always noticed. So large datagrams lie unread in a socket of the guest while
# it moves, after a first pass over its memory has seen them empty.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
in_vm
dir=$(mktemp -d)
# shellcheck source=tools/testing/selftests/vhost/clients/qemu-lib.sh
. "$here/qemu-lib.sh"

ROUNDS=1
COPY_BYTES=500000
# Datagrams to the guest: how large, how many a second; how many before its
# memory is first copied, between two passes, while it moves, and afterwards.
TO_GUEST_BYTES=8200
TO_GUEST_RATE=40
BEFORE=40
BETWEEN=300
FLYING=120
AFTERWARDS=40
# So many of them are enough; a slow guest loses some.
HELD=200
FROM_GUEST_RATE=20
FROM_GUEST_BYTES=1400
MOVE_LIMIT=600
# Bytes a second, and how much the guest writes to: a pass takes two seconds,
# and even a slow guest has written something by then.
BANDWIDTH=16000000
TRICKLE=200000
CHURN_MB=32
DOWNTIME_MS=30000
sender="" collector=""

if [[ ${1-} == --long ]]; then
	ROUNDS=3
	shift
fi

packed=off
if [[ ${1-} == --packed ]]; then
	packed=on
	shift
fi

# shellcheck disable=SC2317 # called by trap
finish()
{
	[[ -z $sender ]] || kill "$sender" 2>/dev/null || true
	[[ -z $collector ]] || kill "$collector" 2>/dev/null || true
	qemu_cleanup
	ip link del br0 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT

make_bridge()
{
	modprobe bridge &&
		ip link add br0 type bridge &&
		ip link set br0 mtu 9000 up &&
		ip addr add 10.9.0.1/24 dev br0
}

# start_qemu NAME [OPTION...]
start_qemu()
{
	qemu_options=(-M "q35,usb=off" -smp 1 -m 256M "${@:2}")
	add_card 0 "tap$1" 1 "" "rx_queue_size=1024,packed=$packed"
	# Received memory must not be written when it is allocated.
	guest_params="init_on_alloc=0"
	qemu_start "$1" || return
	ip link set "tap$1" mtu 9000 master br0 up || return
	# A tap that nobody reads yet would deliver old copies afterwards.
	bridge link set dev "tap$1" flood off
}

# migration KEY: what the monitor says of it.
migration()
{
	qmp '"query-migrate"' |
		sed -n "s/.*\"$1\": \"\{0,1\}\([a-z0-9-]*\).*/\1/p"
}

passes_so_far()
{
	local passes

	passes=$(migration dirty-sync-count)
	echo "${passes:-0}"
}

# wait_for COMMAND...: for as long as a migration may take.
wait_for()
{
	local end=$((SECONDS + MOVE_LIMIT))

	until "$@"; do
		if ((SECONDS >= end)) || [[ $(migration status) == failed ]]; then
			note "gave up: $*" "$(qmp '"query-migrate"')"
			return 1
		fi
		sleep 0.1
	done
}

passes() { completed || (($(passes_so_far) >= $1)); }

completed() { [[ $(migration status) == completed ]]; }

# to_guest COUNT: the next of the numbered datagrams. As many come on a slow
# machine as on a fast one.
to_guest()
{
	next=$((next + $1))
	"$here/datagrams" send 10.9.0.2 7000 "$TO_GUEST_BYTES" \
		"$TO_GUEST_RATE" "$((next - $1))" "$1" >/dev/null
}

send_to_guest()
{
	# Pages of memory that all that is held may take.
	guest 'echo 40000 40000 40000 >/proc/sys/net/ipv4/udp_mem' &&
		guest "begin hold datagrams hold 7000" || return
	next=0
	to_guest "$BEFORE"
}

# Only then does it write as fast as it can.
start_churning()
{
	guest "begin churn datagrams churn $CHURN_MB" &&
		guest "until grep -q '[2-9]' /tmp/churn.out; do sleep 1; done"
}

churned_well()
{
	local said code=0

	said=$(guest "end churn") || code=$?
	note "memory that was written to all the time: $said"
	[[ $code == 0 && $said == "rounds "*" wrong 0" ]]
}

parameters() { qmp '"migrate-set-parameters"' "$1" >/dev/null; }

# Copies memory again and again until enough datagrams came after the first
# pass, and were seen by a later one. Some more are on their way when the guest
# moves.
migrate()
{
	parameters "{\"max-bandwidth\":$BANDWIDTH,\"downtime-limit\":0}" &&
		qmp '"migrate"' "{\"uri\":\"unix:$dir/socket\"}" >/dev/null &&
		timed wait_for passes 2 &&
		parameters "{\"max-bandwidth\":$TRICKLE}" &&
		timed to_guest "$BETWEEN" || return
	early=0
	! completed || early=1
	parameters "{\"max-bandwidth\":$BANDWIDTH}" &&
		timed wait_for passes $(($(passes_so_far) + 2)) || return
	to_guest "$FLYING" &
	sender=$!
	next=$((next + FLYING))
	parameters "{\"max-bandwidth\":0,\"downtime-limit\":$DOWNTIME_MS}" &&
		timed wait_for completed
}

# move FROM TO
move()
{
	start_qemu "$2" -incoming defer &&
		qmp '"migrate-incoming"' "{\"uri\":\"unix:$dir/socket\"}" \
			>/dev/null || return
	qemu_select "$1"
	migrate || return
	note "$(migration total-time) ms in all," \
	     "$(migration downtime) ms of them standing still," \
	     "$(passes_so_far) passes"
	qemu_stop
	qemu_select "$2"
	wait_for runs
}

runs() { [[ $(qmp '"query-status"') == *'"running": true'* ]]; }

# What the guest holds is whole, and there are datagrams from after the move.
held_is_whole()
{
	local count=$HELD moved

	((!early)) || count=1
	wait "$sender" || return
	sender=""
	moved=$next
	to_guest "$AFTERWARDS" || return
	guest "end hold" >"$dir/held" || true
	note "held by the guest, of $next: $(<"$dir/held")"
	awk -v count="$count" -v moved="$moved" '
		/^received/ { ok = $2 >= count && !$4 && !$6 && $12 > moved }
		END { exit !ok }' "$dir/held"
}

collect()
{
	"$here/datagrams" receive 7001 >"$dir/collected" &
	collector=$!
	guest "begin send datagrams send 10.9.0.1 7001 $FROM_GUEST_BYTES $FROM_GUEST_RATE"
}

collected_is_whole()
{
	local code=0 count

	count=$(guest "end send") || return
	kill -USR1 "$collector"
	wait "$collector" || code=$?
	collector=""
	note "from the guest, of $count: $(<"$dir/collected")"
	return "$code"
}

keep_in_memory()
{
	serve "$COPY_BYTES" data kept
	copy_in 0 kept && guest "mv /tmp/in /tmp/kept"
}

memory_is_whole()
{
	local theirs

	theirs=$(guest "sha256sum </tmp/kept")
	[[ ${theirs%% *} == "$(sha256sum <"$dir/www/kept" | cut -d ' ' -f 1)" ]]
}

# there FROM TO: the guest moves, and finds all as it was.
there()
{
	check "$1 to $2: guest sends" collect
	check "$1 to $2: guest receives" send_to_guest
	check "$1 to $2: guest writes to its memory" start_churning
	must "$1 to $2: guest moves" timed move "$1" "$2"
	must "$1 to $2: guest runs" guest true
	((!early)) || skip "$1 to $2: in time" "too busy a machine"
	check "$1 to $2: guest got whole datagrams" held_is_whole
	check "$1 to $2: guest sent whole datagrams" collected_is_whole
	check "$1 to $2: it has found what it wrote" churned_well
	check "$1 to $2: its memory is the same" memory_is_whole
	check "$1 to $2: one device is in use" uses_vhost 1
	check "$1 to $2: guest answers ping" ping_guest 0
	check "$1 to $2: data arrives whole in the guest" copy_in 0 data
	check "$1 to $2: data from the guest arrives whole" copy_out 0 data
}

echo "TAP version 13"
must "module loads" load_module "${1-ours}"
must "there is a bridge" make_bridge
guest_programs=("$here/datagrams")
guest_initrd
must "QEMU starts" start_qemu A
must "guest boots" timed guest_boots
check "QEMU uses vhost, without falling back" uses_vhost 1
check "guest uses packed rings: $packed" is_packed 0 "$packed"
check "guest keeps data" keep_in_memory
for ((i = 0; i < ROUNDS; i++)); do
	there A B
	there B A
done
statistics
((tap_failed == 0)) || explain
check "nothing is left when QEMU ends" ends_clean
check "kernel did not complain" check_log
finish_tap
