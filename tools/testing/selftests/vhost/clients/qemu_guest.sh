#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu_guest.sh [--short] [--packed] [ours|stock|installed|FILE]: an unmodified
# QEMU as the client. Runs in the VM of tools/testing/vhost-vm/run and boots a
# guest there with two network cards behind vhost, one of them with two queue
# pairs and packed rings. The short form leaves out the second card, the reset
# and the reboot; with --packed the first card has packed rings, too. The second
# card uses buffers in order if QEMU and the guest's kernel can. TAP on stdout.
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

COPY_BYTES=20000000
# Pinned flows crawl where one emulator runs in another.
PINNED_BYTES=500000
# Card n has n + 1 queue pairs, and the guest as many processors as cards.
cards=2
if [[ ${1-} == --short ]]; then
	cards=1
	shift
fi
packed=(off on)
if [[ ${1-} == --packed ]]; then
	packed=(on on)
	shift
fi
# The distribution's driver has none.
[[ ${1-} != stock ]] || packed=(off off)
pairs=$((cards * (cards + 1) / 2))
F_IN_ORDER=35
# Whether QEMU has it, and a guest with the kernel of this VM.
in_order=off guest_in_order=off

# shellcheck disable=SC2317 # called by trap
finish()
{
	qemu_cleanup
	rm -rf "$dir"
}
trap finish EXIT

start_qemu()
{
	local n options

	qemu_options=(-M "q35,usb=off" -smp "$cards" -m 256M)
	for ((n = 0; n < cards; n++)); do
		options=packed=${packed[n]}
		if ((n)) && [[ $in_order == on ]]; then
			options+=,in_order=on
		fi
		add_card "$n" "tap$n" $((n + 1)) "" "$options"
	done
	qemu_start guest || return
	# The first card has frames that span buffers.
	ip link set tap0 mtu 9000
	for ((n = 0; n < cards; n++)); do
		ip addr add "10.9.$n.1/24" dev "tap$n"
		ip link set "tap$n" up
	done
}

# The worker that ran most since the worker_times in file $1.
busiest()
{
	worker_times | join - "$1" | awk '{
		if ($2 - $3 > most) { most = $2 - $3; tid = $1 }
	} END { print tid }'
}

# A flow that is pinned to a guest CPU uses the queue pair of that CPU.
each_pair_works()
{
	local mask first=""

	for mask in 1 2; do
		worker_times >"$dir/times"
		copy_in 1 less "taskset $mask" || return 1
		note "CPU mask $mask: worker $(busiest "$dir/times")"
		if [[ $first == "$(busiest "$dir/times")" ]]; then
			return 1
		fi
		first=$(busiest "$dir/times")
	done
}

# By the guest's name, all of them running.
top_shows_rings()
{
	local rings

	rings=$(vhost_top --csv | grep -c "^guest,$qemu,.*,running,,") || true
	note "$rings running rings"
	((rings == 2 * pairs))
}

test_top()
{
	local text="vhost-top shows all rings"

	if [[ $1 == stock || -z $(vhost_top --version) ]]; then
		skip "$text" "no statistics, or no vhost-top"
	else
		check "$text" top_shows_rings
	fi
	table=$(vhost_top --once)
}

find_in_order()
{
	[[ $1 != stock ]] || return 0
	"$QEMU" -device virtio-net-pci,help |
		grep ' in_order=' >/dev/null || return 0
	in_order=on
	(($(uname -r | cut -d . -f 1) < 7)) || guest_in_order=on
}

test_boot()
{
	must "module loads" load_module "${1-ours}"
	find_in_order "${1-ours}"
	note "$("$QEMU" --version | head -n 1), in_order=$in_order"
	guest_initrd
	must "QEMU starts" start_qemu
	must "guest boots" timed guest_boots
}

test_single()
{
	check "QEMU uses vhost, without falling back" uses_vhost "$pairs"
	check "guest uses packed rings: ${packed[0]}" \
		is_packed 0 "${packed[0]}"
	check "guest answers ping" ping_guest 0
	check "guest answers fragmented ping" ping_guest 0 20000
	check "guest pings" guest_pings 0
	serve "$COPY_BYTES" data
	check "$COPY_BYTES bytes arrive whole in the guest" timed copy_in 0 data
	check "$COPY_BYTES bytes from the guest arrive whole" \
		timed copy_out 0 data
	last=data
}

test_multiqueue()
{
	check "second queue pair is on" \
		guest "[ -d /sys/class/net/eth1/queues/tx-1 ]"
	check "guest uses packed rings there: ${packed[1]}" \
		is_packed 1 "${packed[1]}"
	check "guest uses buffers in order there: $guest_in_order" \
		agreed 1 "$F_IN_ORDER" "$guest_in_order"
	check "guest answers ping on the multi-queue card" ping_guest 1
	serve "$PINNED_BYTES" less
	check "both queue pairs carry traffic" timed each_pair_works
	last=less
}

# The driver in the guest lets go of the cards and takes them again.
test_restart()
{
	local n

	check "guest restarts its cards" timed guest restart_cards
	for ((n = 0; n < cards; n++)); do
		check "guest answers ping on card $n then" ping_guest "$n"
	done
	check "data from the guest still arrives whole" copy_out 0 "$last"
}

test_reboot()
{
	check "guest reboots" timed reboot_guest
	check "guest answers ping after the reboot" ping_guest 0
	check "multi-queue card works after the reboot" ping_guest 1
}

echo "TAP version 13"
test_boot "${1-ours}"
test_single
((cards == 1)) || test_multiqueue
check "workers have used CPU time" workers_ran "$pairs"
statistics
test_top "${1-ours}"
if ((cards > 1)); then
	test_restart
	test_reboot
fi
((tap_failed == 0)) || explain
check "nothing is left when QEMU ends" ends_clean
check "kernel did not complain" check_log
[[ -z $table ]] || note "vhost-top --once said of it:"$'\n'"$table"
finish_tap
