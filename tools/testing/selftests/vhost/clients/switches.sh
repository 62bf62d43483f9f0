#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# switches.sh [ours|stock|FILE]: what a guest's cards are plugged into. One
# guest of an unmodified QEMU has three, all behind vhost: a tap in a bridge of
# the kernel's, a tap in a bridge of Open vSwitch, and a macvtap. The far end of
# each is in another network namespace. Runs in the VM of
# tools/testing/vhost-vm/run. TAP on stdout.
#
#	MORE_FILES=DIR	what scripts/more-packages has made of the package
#			openvswitch-switch

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
in_vm
dir=$(mktemp -d)
# shellcheck source=tools/testing/selftests/vhost/clients/qemu-lib.sh
. "$here/qemu-lib.sh"

which=${1-ours}
COPY_BYTES=20000000
# How long something that flows may take to show it, and how long nothing has to
# happen for it not to flow.
FLOW_LIMIT=180
STILL=3
SWITCHD=/usr/lib/openvswitch-switch/ovs-vswitchd
# By the card's number.
switches=("a bridge" "Open vSwitch" "a macvtap")
daemons=()
export OVS_RUNDIR=$dir OVS_LOGDIR=$dir OVS_DBDIR=$dir OVS_SYSCONFDIR=$dir

stop_daemons()
{
	local pid

	for pid in "${daemons[@]}"; do
		! kill "$pid" || wait "$pid" || true
	done 2>/dev/null
	daemons=()
}

# shellcheck disable=SC2317 # called by trap
finish()
{
	qemu_cleanup
	stop_daemons
	rm -rf "$dir"
}
trap finish EXIT

# Card N's port of the switch is portN; who talks to the guest is behind farN.
make_far()
{
	local n

	echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
	ip netns add far
	for n in "${!switches[@]}"; do
		ip link add "port$n" type veth peer name "far$n" netns far
		ip link set "port$n" up
		ip -n far addr add "10.9.$n.1/24" dev "far$n"
		ip -n far link set "far$n" up
	done
	# As the guest's first card is.
	ip link set port0 mtu 9000
	ip -n far link set far0 mtu 9000
}

# From now on, what the library does with network programs is done over there.
move_far()
{
	printf '#!/bin/sh\nexec nsenter --net=/run/netns/far %s "$@"\n' \
		"$VM_BUSYBOX" >"$dir/far"
	chmod +x "$dir/far"
	BB=$dir/far
}

make_bridge()
{
	ip link add br0 type bridge
	ip link set port0 master br0
	ip link set br0 up
}

vsctl() { ovs-vsctl --timeout=120 "$@"; }

make_vswitch()
{
	add_files "${MORE_FILES:?see above}"
	modprobe openvswitch
	ovsdb-tool create "$dir/conf.db" \
		/usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server --no-chdir -vconsole:off -vfile:info --log-file \
		"--remote=punix:$dir/db.sock" "$dir/conf.db" </dev/null &
	daemons+=($!)
	vsctl --retry --no-wait init || return
	"$SWITCHD" --no-chdir -vconsole:off -vfile:info --log-file --pidfile \
		"unix:$dir/db.sock" </dev/null &
	daemons+=($!)
	vsctl add-br ovs0 -- add-port ovs0 port1 &&
		note "$(ovs-vsctl --version | head -n 1)"
}

# Opens it as descriptor $macvtap.
make_macvtap()
{
	ip link add link port2 name macvtap2 address 52:54:00:09:02:02 \
		type macvtap mode bridge
	ip link set macvtap2 up
	exec {macvtap}<>"/dev/tap$(</sys/class/net/macvtap2/ifindex)"
}

plug()
{
	case $1 in
	0) ip link set tap0 master br0 ;;
	1) vsctl add-port ovs0 tap1 ;;
	2) ip link set port2 up ;;
	esac
}

# A macvtap is always plugged in, so it is the other end that goes.
unplug()
{
	case $1 in
	0) ip link set tap0 nomaster ;;
	1) vsctl del-port ovs0 tap1 ;;
	2) ip link set port2 down ;;
	esac
}

start_qemu()
{
	local n

	qemu_options=(-M "q35,usb=off" -smp 2 -m 256M)
	add_card 0 tap0 1
	add_card 1 tap1 1
	qemu_options+=(
		-netdev "tap,id=n2,fd=$macvtap,vhost=on"
		-device "virtio-net-pci,id=c2,netdev=n2,mac=52:54:00:09:02:02,romfile="
	)
	qemu_start guest || return
	exec {macvtap}>&-
	ip link set tap0 mtu 9000
	for n in 0 1; do
		ip link set "tap$n" up
		plug "$n"
	done
}

dripped() { stat -c %s "$dir/dripped"; }

dripped_over() { (($(dripped) > $1)); }

is_still()
{
	local before

	before=$(dripped)
	sleep "$STILL"
	(($(dripped) == before))
}

# receive N: what the guest's "drip" sends by card N.
receive()
{
	local from=/dev/tcp/10.9.$1.2/9000

	: >"$dir/dripped"
	# shellcheck disable=SC2016 # not this shell's
	nsenter --net=/run/netns/far timeout "$((4 * FLOW_LIMIT))" bash -c '
		until exec 3<"$0"; do
			sleep 0.2
		done 2>/dev/null
		exec cat <&3' "$from" >"$dir/dripped" &
	receiver=$!
}

# All that the guest has sent is here when it has stopped.
all_dripped()
{
	local theirs

	guest ": >/tmp/enough" && wait "$receiver" || return
	note "$(dripped) bytes in all"
	theirs=$(guest "sha256sum </tmp/dripped")
	[[ $theirs == "$(sha256sum <"$dir/dripped")" ]]
}

# A stream that is held up when its way is gone, and goes on when it is back.
test_replug()
{
	guest "drip >/dev/null 2>&1 &"
	receive "$1"
	check "a stream begins" \
		wait_until "$FLOW_LIMIT" dripped_over 100000
	unplug "$1"
	check "unplugged, it is held up" wait_until "$FLOW_LIMIT" is_still
	plug "$1"
	check "plugged in again, it goes on" wait_until "$FLOW_LIMIT" \
		dripped_over "$(($(dripped) + 100000))"
	check "it has arrived whole" all_dripped
	check "guest answers ping afterwards" ping_guest "$1"
	check "guest pings" guest_pings "$1"
}

# carried N: the vhost of card N has seen at least the copies pass, both ways,
# and nothing bad. They were opened in the cards' order.
carried()
{
	local info

	info=/proc/$qemu/fdinfo/$(vhost_fds | sort -n | sed -n "$(($1 + 1))p")
	note "vhost:" "$(grep '^vq' "$info")"
	awk -v copied="$COPY_BYTES" '
		/^vq[01]-(bad|drop|last-error|broken)/ { bad++ }
		/^vq[01]-state:\trunning/ { good++ }
		/^vq[01]-bytes:/ { good += $2 >= copied }
		END { exit !(good == 4 && !bad) }' "$info"
}

test_card()
{
	note "card $1 is behind ${switches[$1]}"
	check "guest answers ping" ping_guest "$1"
	check "guest answers fragmented ping" ping_guest "$1" 20000
	check "guest pings" guest_pings "$1"
	check "$COPY_BYTES bytes arrive whole in the guest" \
		timed copy_in "$1" data
	check "$COPY_BYTES bytes from the guest arrive whole" \
		timed copy_out "$1" data
	timed test_replug "$1"
	if [[ $which == stock ]]; then
		skip "vhost has carried that, without trouble" \
			"the distribution's driver does not count"
	else
		check "vhost has carried that, without trouble" carried "$1"
	fi
}

# Its own kernel part has, not the slow way through the daemon.
datapath_carried()
{
	note "$(ovs-appctl dpctl/show)"
	[[ $(ovs-appctl dpctl/show) =~ lookups:\ hit:[1-9][0-9][0-9] ]]
}

unloads() { stop_daemons && rmmod vhost_net; }

echo "TAP version 13"
must "module loads" load_module "$which"
guest_initrd
must "network is made" make_far
must "bridge is made" make_bridge
must "Open vSwitch starts" timed make_vswitch
must "macvtap is made" make_macvtap
must "QEMU starts" start_qemu
must "guest boots" timed guest_boots
check "QEMU uses vhost, without falling back" uses_vhost "${#switches[@]}"
move_far
serve "$COPY_BYTES" data
for card in "${!switches[@]}"; do
	test_card "$card"
done
check "Open vSwitch's datapath has carried its share" datapath_carried
check "workers have used CPU time" workers_ran "${#switches[@]}"
((tap_failed == 0)) || { statistics; explain; }
check "nothing is left when QEMU ends" ends_clean
check "module unloads" unloads
check "kernel did not complain" check_log
finish_tap
