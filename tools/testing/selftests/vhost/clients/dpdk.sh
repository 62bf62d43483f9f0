#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# dpdk.sh [--long] [ours|stock|FILE]: an unmodified DPDK as the client, which
# comes in through virtio-user. The long form tries all combinations of ring
# format, in-order use and merged buffers with one and two queues. Runs in the
# VM of tools/testing/vhost-vm/run and needs the packages dpdk-dev,
# librte-net-virtio23, librte-mempool-ring23, strace and gcc. TAP on stdout.
#
#	TESTPMD_ROOT=DIR	another DPDK, as from scripts/newer-dpdk

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
dir=$(mktemp -d)
# shellcheck source=tools/testing/selftests/vhost/clients/dpdk-lib.sh
. "$here/dpdk-lib.sh"
in_vm

formats=("" "mrg_rxbuf=0,in_order=0" "packed_vq=1,queue_size=64"
	 "packed_vq=1,in_order=0,mrg_rxbuf=0,queue_size=1000")
queues=("packed_vq=1")
if [[ ${1-} == --long ]]; then
	mapfile -t formats < <(printf '%s\n' \
		packed_vq={0,1},in_order={0,1},mrg_rxbuf={0,1})
	queues=("${formats[@]}")
	shift
fi
which=${1-ours}
COUNT=${COUNT-2000}

# shellcheck disable=SC2317 # called by trap
finish()
{
	testpmd_kill
	! mountpoint -q "$PMD_DIR" || umount "$PMD_DIR"
	rm -rf "$dir"
}
trap finish EXIT

prepare()
{
	local lib=$here/../lib

	load_module "$which"
	hugepages 256
	# Otherwise the kernel would add packets of its own.
	echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
	gcc -O1 -I "$lib" -o "$dir/dpdk_wire" "$here/dpdk_wire.c" \
		"$lib"/{frame,netif,sockets,stream,wire,util}.c
	hide_drivers
}

wire() { "$dir/dpdk_wire" "$@"; }

uses_vhost() { (($(vhost_fds | wc -l) == $1)); }

forwards_as() { pmd "set fwd $1" && pmd start; }

captures()
{
	pmd "set txpkts $1" && pmd start || return
	wire capture tap0 100 "$2" || return
	pmd stop
}

# Everything that testpmd ever gave to a ring has come out of the tap.
all_sent()
{
	same "sent by testpmd, seen at tap$1" \
	     "$(port_stat "$1" TX-packets)" \
	     "$(stable tap_stat "tap$1" rx_packets)"
}

traffic_flows()
{
	local before

	before=$(tap_stat tap0 rx_packets)
	for _ in {1..50}; do
		(($(tap_stat tap0 rx_packets) <= before)) || return 0
		sleep 0.1
	done
	return 1
}

# How often the memory table of the first port was set while both rings were
# detached and then attached again.
swaps()
{
	local detach="NET_SET_BACKEND NET_SET_BACKEND"

	sed -n "s/.*($trace_fd, VHOST_\([A-Z_]*\).*/\1/p" "$dir/trace" |
		tr '\n' ' ' | grep -o "$detach SET_MEM_TABLE $detach" | wc -l
}

# swaps_during COMMAND...: fails if the command leaves the memory as it is.
swaps_during()
{
	local before

	before=$(swaps)
	"$@" || return
	note "memory table set $(($(swaps) - before)) times"
	(($(swaps) > before))
}

# A port with so large a ring that it takes new huge pages.
more_memory()
{
	pmd "port attach net_virtio_user$1,path=/dev/vhost-net,iface=tap$1,queue_size=32768" &&
		pmd "port start 1"
}

less_memory() { pmd "port stop 1" && pmd "port close 1"; }

# A port can only go when it is not among those that forward.
leave_port_1()
{
	pmd stop && pmd "set portlist 0" && pmd start
}

# received PORT FILE [PACKETS BYTES]: testpmd has got all that the sender says,
# in FILE, to have put in front of it since the port was started, or since its
# counters stood at these.
received()
{
	local packets bytes

	read -r packets bytes <"$2" || return
	same "packets put in, received by testpmd" $((packets + ${3-0})) \
	     "$(stable port_stat "$1" RX-packets)" &&
	same "bytes put in, received by testpmd" $((bytes + ${4-0})) \
	     "$(port_stat "$1" RX-bytes)" &&
	same "packets that found no buffer" 0 "$(port_stat "$1" RX-nombuf)"
}

receives()
{
	wire "$1" tap0 "$2" >"$dir/sent" && received 0 "$dir/sent"
}

# The counters are not cleared for it: testpmd's other thread, which adds to
# them, may put back what it saw before. And the tap has room for everything: to
# a full one, nothing can be given back when a ring is detached.
receives_across_swaps()
{
	local sender packets bytes

	ip link set tap0 txqueuelen $((COUNT * 10))
	packets=$(port_stat 0 RX-packets)
	bytes=$(port_stat 0 RX-bytes)
	wire inject tap0 $((COUNT * 5)) >"$dir/sent" &
	sender=$!
	swaps_during more_memory 8 || return
	! kill -0 "$sender" 2>/dev/null || note "the sender is still at it"
	wait "$sender" && received 0 "$dir/sent" "$packets" "$bytes"
}

# counts VQ SENT [N]: the driver's own counter agrees.
counts()
{
	same "testpmd, vq$1-packets" "$2" "$(fdinfo "vq$1-packets" "${3-}")"
}

ours_counts()
{
	local text=$1

	shift
	if [[ $which == stock ]]; then
		skip "$text" "the distribution's driver does not count"
	else
		check "$text" counts "$@"
	fi
}

left_nothing()
{
	testpmd_stop && [[ $(module_refs vhost_net) == 0 ]]
}

single_tx()
{
	check "testpmd starts" testpmd_start --trace "" -- --forward-mode=txonly
	check "testpmd uses vhost" uses_vhost 1
	trace_fd=$(vhost_fds)
	check "64-byte packets arrive whole" captures 64 64
	check "packets of three segments arrive whole" \
		captures 100,700,714 1514
	check "everything sent has arrived" all_sent 0
	ours_counts "driver counts what was sent" 1 \
		"$(port_stat 0 TX-packets)"
}

single_memory()
{
	pmd "set txpkts 64"
	pmd start
	check "traffic flows" traffic_flows
	check "memory is added under traffic" swaps_during more_memory 9
	check "traffic goes on" traffic_flows
	leave_port_1
	check "memory is taken away under traffic" swaps_during less_memory
	check "traffic goes on then" traffic_flows
	pmd stop
	check "everything sent has arrived, across all changes" all_sent 0
}

single_rx()
{
	forwards_as rxonly
	check "everything is received" receives inject "$COUNT"
	ours_counts "driver counts what was received" 0 \
		"$(port_stat 0 RX-packets)"
	check "everything is received while memory is added" \
		receives_across_swaps
	check "testpmd ends, nothing is left" left_nothing
}

# Bit numbers as DPDK's option names go; what is not said is its default.
expected_features()
{
	local all=$((1 << 35 | 1 << 34 | 1 << 15)) want

	want=$((1 << 35 | 1 << 15))
	[[ $1 != *in_order=0* ]] || ((want &= ~(1 << 35)))
	[[ $1 != *mrg_rxbuf=0* ]] || ((want &= ~(1 << 15)))
	[[ $1 != *packed_vq=1* ]] || ((want |= 1 << 34))
	echo "$want $((all & ~want))"
}

# uses_features OPTIONS: those, and not those that they rule out.
uses_features()
{
	local want none features

	features=$(vhost_features)
	note "features $features"
	[[ $which != stock ]] || return 0
	read -r want none < <(expected_features "$1")
	(((features & want) == want && (features & none) == 0))
}

# forwarding PORT_OPTIONS: between two ports, that is two taps.
forwarding()
{
	local with="with ${1:-defaults}"

	check "testpmd starts two ports $with" \
		testpmd_start "$1" "$1" -- --forward-mode=io
	pmd start
	check "one way, packets are the same" wire forward tap0 tap1 "$COUNT"
	check "so are they the other way" wire forward tap1 tap0 "$COUNT"
	pmd stop
	check "it uses what it was told to" uses_features "$1"
	check "testpmd counts them all" same "packets" "$COUNT" \
		"$(port_stat 0 RX-packets)" "$(port_stat 1 RX-packets)" \
		"$(port_stat 0 TX-packets)" "$(port_stat 1 TX-packets)"
	check "testpmd ends, nothing is left" left_nothing
}

# both_queues rx|tx VQ: each carried something, together they carried all.
both_queues()
{
	local way=$1 q vq=$2 count sum=0

	for q in 0 1; do
		count=$(port_xstat 0 "${way}_q${q}_good_packets")
		note "$way queue $q: $count packets"
		((count > 0)) || return
		((sum += count))
		[[ $which == stock ]] || counts "$vq" "$count" $((q + 1)) ||
			return
	done
	same "queues, port" "$sum" "$(port_stat 0 "${way^^}-packets")"
}

two_queues()
{
	check "testpmd starts with two queue pairs, $1" \
		testpmd_start "queues=2,queue_size=1024,$1" -- --rxq=2 --txq=2 \
		--forward-mode=txonly
	check "testpmd uses two vhost devices" uses_vhost 2
	check "packets arrive whole" captures 64 64
	check "everything sent has arrived" all_sent 0
	check "both queues have sent" both_queues tx 1
	forwards_as rxonly
	check "everything is received" receives flows "$COUNT"
	check "both queues have received" both_queues rx 0
	check "testpmd ends, nothing is left" left_nothing
}

timed()
{
	local start=$SECONDS

	"$@"
	note "$* took $((SECONDS - start)) s"
}

plan $((18 + 6 * ${#formats[@]} + 8 * ${#queues[@]}))
timed check "preparations" prepare
timed single_tx
timed single_memory
timed single_rx
for options in "${formats[@]}"; do
	timed forwarding "$options"
done
for options in "${queues[@]}"; do
	timed two_queues "$options"
done
check "kernel did not complain" check_log
finish_tap
