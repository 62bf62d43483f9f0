#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu_sockets.sh [ours|FILE]: vhost on sockets. One guest of an unmodified QEMU
# has cards behind vhost, each with a socket of another kind as its backend. At
# the other end are those who speak the same without vhost: a second guest, a
# QEMU without a guest, and passt. Runs in the VM of tools/testing/vhost-vm/run,
# needs "make clients" before, and passt. TAP on stdout.
#
#	QEMU=FILE	which one, 7.2 or newer

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
in_vm
dir=$(mktemp -d)
# shellcheck source=tools/testing/selftests/vhost/clients/qemu-lib.sh
. "$here/qemu-lib.sh"

COPY_BYTES=20000000
DATAGRAMS=500
RATE=200
FLOW_LIMIT=120
GROUP=socket,mcast=239.9.5.1:9005,localaddr=127.0.0.1
# By the card's number: what its backend is called, and what with_sockets makes.
# The device's files have FIRST and up.
FIRST=100
kinds=(unix-stream tcp unix-dgram udp tcp udp unix-stream)
sockets=("unix-stream,$dir/peer0"
	 "tcp,127.0.0.1,9001"
	 "unix-dgram,$dir/ours2,$dir/peer2"
	 "udp,127.0.0.1,9013,127.0.0.1,9003"
	 "tcp,127.0.0.1,9004"
	 "multicast,239.9.5.1,9005,127.0.0.1"
	 "unix-stream,$dir/passt/socket")
# The peer's end of all but the last one.
peers=("stream,server=on,addr.type=unix,addr.path=$dir/peer0"
       "stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=9001"
       "dgram,local.type=unix,local.path=$dir/peer2,remote.type=unix,remote.path=$dir/ours2"
       "dgram,local.type=inet,local.host=127.0.0.1,local.port=9003,remote.type=inet,remote.host=127.0.0.1,remote.port=9013"
       "socket,listen=127.0.0.1:9004"
       "$GROUP")
MANY=5
PASST=6
# For a card with virtio headers, which nobody reads.
NO_OFFLOADS=csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off
passt=""

# shellcheck disable=SC2317 # called by trap
finish()
{
	qemu_cleanup
	[[ -z $passt ]] || kill "$passt" 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT

start_peer()
{
	local n

	qemu_options=(-M "q35,usb=off" -smp 1 -m 256M)
	for n in "${!peers[@]}"; do
		qemu_options+=(
			-netdev "${peers[n]/,/,id=n$n,}"
			-device "virtio-net-pci,id=c$n,netdev=n$n,mac=52:54:00:09:0$n:01,romfile="
		)
	done
	guest_params="end=1"
	qemu_start peer
	guest_params=""
}

# What passt tells its guest is what it finds here: the guest gets the address
# of this machine, and this machine answers for the gateway, too.
start_passt()
{
	ip link add up0 type dummy
	ip addr add "10.9.$PASST.2/24" dev up0
	ip link set up0 up
	ip route add default via "10.9.$PASST.1"
	ip addr add "10.9.$PASST.1/32" dev lo
	echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range
	# It is nobody as soon as it can.
	mkdir -m 1777 "$dir/passt"
	chmod 711 "$dir"
	passt --foreground --one-off --ipv4-only --tcp-ports 80 \
		--socket "$dir/passt/socket" >"$dir/passt.out" 2>&1 &
	passt=$!
	wait_until "$FLOW_LIMIT" test -S "$dir/passt/socket"
}

# start_cable NAME TAP NETDEV ADDRESS: a QEMU with no machine, between a tap of this
# machine and a socket.
start_cable()
{
	"$QEMU" -M none -nodefaults -display none -no-user-config -monitor none \
		-netdev "tap,id=t,ifname=$2,script=no,downscript=no" \
		-netdev "${3/,/,id=s,}" \
		-netdev hubport,id=ht,hubid=0,netdev=t \
		-netdev hubport,id=hs,hubid=0,netdev=s \
		</dev/null >"$dir/$1.err" 2>&1 &
	qemu_pids[$1]=$!
	wait_until "$FLOW_LIMIT" test -d "/sys/class/net/$2" || return
	ip addr add "$4/24" dev "$2"
	ip link set "$2" up
}

start_qemu()
{
	local n header options

	qemu_options=(-M "q35,usb=off" -smp 1 -m 256M)
	qemu_prefix=("$here/with_sockets")
	for n in "${!sockets[@]}"; do
		qemu_prefix+=("$((FIRST + n))=${sockets[n]}")
		header=vnet_hdr=off options=packed=off
		case $n in
		0) header=vnet_hdr=on options=$NO_OFFLOADS ;;
		4) options=packed=on ;;
		esac
		add_card "$n" "lent$n" 1 "vhostfd=$((FIRST + n)),$header" \
			"$options"
	done
	qemu_prefix+=(--)
	qemu_start guest
}

# at WHO COMMAND...: with another QEMU than the one that is tested.
at()
{
	(
		qemu_select "$1"
		shift
		"$@"
	)
}

boot_guests() { guest_boots && at peer guest_boots; }

# Fewer frames take less time where one emulator runs in another.
large_frames()
{
	local who

	for who in guest peer; do
		at "$who" guest \
			"ip link set eth1 mtu 9000; ip link set eth2 mtu 9000" ||
			return
	done
}

# Both rings of each card.
sockets_are_lent()
{
	local said

	said=$(grep '^lend_socket: ' "$dir/guest.err") || return
	note "$said"
	! grep -qv ': ring [01] has socket [0-9]*$' <<<"$said" &&
		(($(wc -l <<<"$said") == 2 * ${#sockets[@]}))
}

info_of() { echo "/proc/$qemu/fdinfo/$((FIRST + $1))"; }

# counted N NAME: a number of card N's fdinfo, or 0.
counted()
{
	awk -v name="$2:" '$1 == name { n = $2 } END { print n + 0 }' \
		"$(info_of "$1")"
}

has_counted() { (($(counted "$1" "$2") > 0)); }

# attached N: both rings run, and the driver knows what kind of socket it has.
attached()
{
	[[ $(grep -c "^vq[01]-backend:	${kinds[$1]}$" "$(info_of "$1")") == 2 &&
	   $(grep -c "^vq[01]-state:	running$" "$(info_of "$1")") == 2 ]]
}

# carried N BYTES: each way, and nothing bad. A frame may be on its way.
carried()
{
	note "card $1:" "$(grep -E '^(vhost-features|vq)' "$(info_of "$1")")"
	attached "$1" || return
	awk -v bytes="$2" '
		/^vq[01]-(bad|drop|last-error|broken)/ { bad++ }
		/^vq[01]-bytes:/ { good += $2 >= bytes }
		END { exit !(good == 2 && !bad) }' "$(info_of "$1")"
}

# pings WHO ADDRESS [SIZE]: with a ping as soon as the one before is answered.
pings()
{
	at "$1" guest "ping -q -A -c 3 -W 60 -s ${3-56} $2 >/dev/null"
}

# fetch WHO URL FILE: it is what this machine has served at first.
fetch()
{
	local theirs

	theirs=$(at "$1" guest \
		"wget -q -O /tmp/$3 http://$2 && sha256sum </tmp/$3") || return
	[[ $theirs == "$(sha256sum <"$dir/www/data")" ]]
}

test_pings()
{
	check "card $1, ${kinds[$1]}: guest pings" pings guest "10.9.$1.1"
	check "guest pings, fragmented" pings guest "10.9.$1.1" 20000
	check "peer pings" pings peer "10.9.$1.2"
	check "peer pings, fragmented" pings peer "10.9.$1.2" 20000
}

# What passt has brought into the guest goes on.
test_copies()
{
	check "$COPY_BYTES bytes from the guest arrive whole" \
		timed fetch peer "10.9.$1.2/in" back
	check "$COPY_BYTES bytes arrive whole in the guest" \
		timed fetch guest "10.9.$1.1/back" again
}

# On port 7000, which the kernel has in hexadecimal.
listens()
{
	guest "begin receive datagrams receive 7000" &&
		guest "until grep -q :1B58 /proc/net/udp; do usleep 100000; done"
}

sends()
{
	guest "begin send datagrams send $1 7000 $2 $RATE 0 $DATAGRAMS"
}

# shellcheck disable=SC2016 # not this shell's
has_sent() { guest 'read -r pid </tmp/send.pid; wait "$pid"'; }

# datagrams_are_whole N BYTES LEAST: numbered ones, both ways at once, of which so
# many at least arrive.
datagrams_are_whole()
{
	local who said

	listens && at peer listens && sends "10.9.$1.1" "$2" || return
	at peer sends "10.9.$1.2" "$2" && at peer has_sent && has_sent || return
	for who in guest peer; do
		said=$(at "$who" guest "end receive") || return
		note "of $DATAGRAMS with $2 bytes, to the $who: $said"
		awk -v least="$3" '{ ok = $2 >= least && !$4 && !$6 }
				   END { exit !ok }' <<<"$said" || return
	done
}

third_pings_peer()
{
	"$BB" ping -q -c 3 -w 30 "10.9.$MANY.1" >/dev/null
}

# A third one is in the group, this machine.
test_many()
{
	check "a third member joins" start_cable third third "$GROUP" \
		"10.9.$MANY.3"
	check "guest pings it" pings guest "10.9.$MANY.3"
	check "it pings the guest" ping_guest "$MANY"
	check "it pings the peer" third_pings_peer
	check "guest still pings the peer" pings guest "10.9.$MANY.1"
}

# Takes its address from passt.
# shellcheck disable=SC2016 # not this shell's
get_lease()
{
	guest "printf '%s\n' '#!/bin/sh' '[ \$1 = bound ] || exit 0' \
		'ip link set \$interface mtu \$mtu' \
		'ip addr add \$ip/\$mask dev \$interface' \
		'echo \$ip \$mtu by \$router' >/tmp/lease" &&
		guest "chmod +x /tmp/lease; ip addr flush dev eth$PASST" &&
		guest "udhcpc -q -n -t 20 -O mtu -i eth$PASST \
			-s /tmp/lease 2>&1" >"$dir/leased" || return
	note "$(<"$dir/leased")"
	grep -q "^10.9.$PASST.2 65520 by 10.9.$PASST.1$" "$dir/leased"
}

test_passt()
{
	check "card $PASST, ${kinds[PASST]} to passt: guest gets its address" \
		get_lease
	check "guest pings" pings guest "10.9.$PASST.1"
	check "guest pings, with a large frame" \
		pings guest "10.9.$PASST.1" 60000
	serve "$COPY_BYTES" data
	check "$COPY_BYTES bytes arrive whole in the guest" \
		timed copy_in "$PASST" data
	check "$COPY_BYTES bytes from the guest arrive whole" \
		timed copy_out "$PASST" data
}

test_counters()
{
	local n bytes

	for n in "${!kinds[@]}"; do
		case $n in
		0 | 1 | 2 | "$PASST") bytes=$COPY_BYTES ;;
		*) bytes=60000 ;;
		esac
		check "card $n has carried that by ${kinds[n]}, without trouble" \
			carried "$n" "$bytes"
	done
}

kill_peer()
{
	local pid=${qemu_pids[peer]}

	kill -KILL "$pid"
	wait "$pid" || true
	unset "qemu_pids[peer]"
} 2>/dev/null

guest_pings_nobody()
{
	! guest "ping -q -c 3 -w 3 10.9.$1.1 >/dev/null 2>&1"
}

# Connections end with the peer, once each. What goes to an address may be heard
# again by others.
test_death()
{
	local n

	check "the peer is killed" kill_peer
	for n in 0 1 4; do
		check "card $n has lost its peer" wait_until "$FLOW_LIMIT" \
			has_counted "$n" vq0-bad-peer
	done
	for n in 0 1 2 3 4; do
		check "card $n: nobody answers" guest_pings_nobody "$n"
		check "card $n gives buffers back all the same" \
			has_counted "$n" vq1-drop-backend
		check "card $n is still attached" attached "$n"
	done
	check "a new peer starts" start_cable peer cable3 "${peers[3]}" 10.9.3.1
	check "guest answers its ping by udp" ping_guest 3
	check "guest pings it" pings guest 10.9.3.1
	check "the others of the group are there" pings guest "10.9.$MANY.3"
	check "passt is there" pings guest "10.9.$PASST.1"
	for n in 0 1 4; do
		check "card $n has said it once" \
			test "$(counted "$n" vq0-bad-peer)" == 1
	done
}

# Its connection was the guest's.
passt_ended() { ! kill -0 "$passt" 2>/dev/null; }

test_end()
{
	check "nothing is left when QEMU ends" ends_clean
	check "passt has seen its end" wait_until "$FLOW_LIMIT" passt_ended
	for name in third peer; do
		qemu_select "$name"
		qemu_stop
	done
	check "module unloads" rmmod vhost_net
	check "kernel did not complain" check_log
}

echo "TAP version 13"
must "module loads" load_module "${1-ours}"
note "$("$QEMU" --version | head -n 1)"
guest_programs=("$here/datagrams")
guest_initrd
must "peer starts" start_peer
must "passt starts" start_passt
must "QEMU starts" start_qemu
must "guests boot" timed boot_guests
check "QEMU uses vhost, without falling back" uses_vhost "${#sockets[@]}"
must "both rings of each card have a socket" sockets_are_lent
must "networks have large frames" large_frames
for card in "${!peers[@]}"; do
	test_pings "$card"
done
test_passt
for card in 0 1 2; do
	test_copies "$card"
done
# Nobody holds up those who send by udp.
check "datagrams by udp are whole" \
	timed datagrams_are_whole 3 1400 $((DATAGRAMS / 2))
check "all datagrams by tcp arrive, and are whole" \
	timed datagrams_are_whole 4 8000 $DATAGRAMS
test_many
test_counters
((tap_failed == 0)) || { statistics; explain; }
test_death
test_end
finish_tap
