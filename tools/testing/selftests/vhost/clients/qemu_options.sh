#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu_options.sh [ours|stock|FILE]: what QEMU does only when it is asked to,
# or only in newer versions: polling, features in arrays, rings of a running
# guest that are taken away and come back in another size. Runs in the VM of
# tools/testing/vhost-vm/run, needs "make clients" before, and strace. TAP on
# stdout.
#
#	QEMU=FILE	which one (scripts/newer-qemu finds a recent one)

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
in_vm
dir=$(mktemp -d)
# shellcheck source=tools/testing/selftests/vhost/clients/qemu-lib.sh
. "$here/qemu-lib.sh"

which=${1-ours}
COPY_BYTES=5000000
POLL_US=500
F_RING_RESET=40
# Sizes of the receive and the transmit ring, one pair after the other; they
# start with 256 each.
SIZES=("64 256" "64 64" "256 128" "256 256")
RATE=40
DATAGRAM_BYTES=1400
sender="" receiver=""

# shellcheck disable=SC2317 # called by trap
finish()
{
	[[ -z $sender ]] || kill "$sender" 2>/dev/null || true
	[[ -z $receiver ]] || kill "$receiver" 2>/dev/null || true
	qemu_cleanup
	rm -rf "$dir"
}
trap finish EXIT

start_qemu()
{
	qemu_options=(-M "q35,usb=off" -smp 1 -m 256M)
	qemu_prefix=(strace -D -f -q --seccomp-bpf -e "trace=ioctl"
		     -o "$dir/trace")
	add_card 0 tap0 1 "poll-us=$POLL_US"
	qemu_start guest || return
	ip addr add 10.9.0.1/24 dev tap0
	ip link set tap0 up
}

# calls NAME [RESULT]: how often QEMU made a call, with that result.
calls() { grep -c "$1.* = ${2-}" "$dir/trace" || true; }

# Newer than this program's names for the calls, maybe.
ARRAY='\(VHOST_[GS]ET_FEATURES_ARRAY\|, 0xaf, 0x83, \)'

array_is_tried()
{
	note "calls with arrays of features: $(calls "$ARRAY")," \
	     "of them successful: $(calls "$ARRAY" 0)"
	if [[ $which == stock ]]; then
		(($(calls "$ARRAY") > 0 && $(calls "VHOST_SET_FEATURES," 0) > 0))
	else
		(($(calls "$ARRAY" 0) >= 2 && $(calls "$ARRAY" -1) == 0))
	fi
}

polling_is_set()
{
	local set

	set=$(calls VHOST_SET_VRING_BUSYLOOP_TIMEOUT 0)
	note "rings that are to be polled: $set"
	((set == 2))
}

# The driver has found something to do without being told.
polling_finds_work()
{
	statistics | awk '/-polled:/ { sum += $NF } END { exit !sum }'
}

start_traffic()
{
	guest "begin receive datagrams receive 7000" &&
		guest "begin send datagrams send 10.9.0.1 7001 $DATAGRAM_BYTES $RATE" ||
		return
	"$here/datagrams" receive 7001 >"$dir/received" &
	receiver=$!
	"$here/datagrams" send 10.9.0.2 7000 "$DATAGRAM_BYTES" "$RATE" \
		>"$dir/sent" &
	sender=$!
}

# A ring that goes away and comes back takes two calls.
detached() { echo $(($(calls VHOST_NET_SET_BACKEND, 0) / 2)); }

# resize SIZES OLD: one ring goes for each size that changes, and comes back.
resize()
{
	local before said

	before=$(detached)
	said=$(guest "ring_size eth0 $1") || return
	[[ $said == "$2" ]] || return
	sleep 1
	note "sizes $2 to $1: rings detached: $(($(detached) - before))"
}

resizes()
{
	local old="256 256" size before

	before=$(detached)
	for size in "${SIZES[@]}"; do
		resize "$size" "$old" || return
		old=$size
	done
	# Five sizes changed, and no other ring was touched.
	(($(detached) - before == 5))
}

# traffic_is_whole SENT RECEIVED: nothing is broken or twice, something came,
# the end of it in particular.
traffic_is_whole()
{
	note "sent $1: $2"
	awk -v sent="$1" '{ ok = $2 > sent / 2 && !$4 && !$6 && $12 > sent * 0.8 }
			  END { exit !ok }' <<<"$2"
}

end_traffic()
{
	local theirs_sent theirs_got

	kill -USR1 "$sender"
	wait "$sender"
	sender=""
	theirs_sent=$(guest "end send") || return
	theirs_got=$(guest "end receive") || return
	kill -USR1 "$receiver"
	wait "$receiver" || return
	receiver=""
	traffic_is_whole "$(tr -d ' ' <"$dir/sent")" "$theirs_got" &&
		traffic_is_whole "${theirs_sent// /}" "$(<"$dir/received")"
}

test_resize()
{
	if [[ $which == stock ]] && ! vhost_offers "$F_RING_RESET"; then
		skip "rings change their sizes" \
			"the distribution's driver cannot reset them"
		return
	fi
	check "traffic starts" start_traffic
	check "rings change their sizes one by one" timed resizes
	check "traffic goes on, and is whole" end_traffic
	check "guest answers ping afterwards" ping_guest 0
	check "data arrives whole in the guest" copy_in 0 data
	check "data from the guest arrives whole" copy_out 0 data
}

echo "TAP version 13"
must "module loads" load_module "$which"
note "$("$QEMU" --version | head -n 1)"
guest_programs=("$here/datagrams" "$here/ring_size")
guest_initrd
must "QEMU starts" start_qemu
must "guest boots" timed guest_boots
check "QEMU uses vhost, without falling back" uses_vhost 1
if "$QEMU" --version | grep -qE 'version (7|8|9|10\.[01])\.'; then
	skip "QEMU asks for arrays of features" "this version does not"
else
	check "QEMU asks for arrays of features" array_is_tried
fi
check "QEMU wants both rings polled" polling_is_set
check "guest answers ping" ping_guest 0
serve "$COPY_BYTES" data
check "$COPY_BYTES bytes arrive whole in the guest" timed copy_in 0 data
check "$COPY_BYTES bytes from the guest arrive whole" timed copy_out 0 data
if [[ $which == stock ]]; then
	skip "polling finds work" "the distribution's driver does not count"
else
	check "polling finds work" polling_finds_work
fi
test_resize
statistics
((tap_failed == 0)) || explain
check "nothing is left when QEMU ends" ends_clean
check "kernel did not complain" check_log
finish_tap
