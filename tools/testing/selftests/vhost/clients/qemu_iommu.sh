#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu_iommu.sh [--long] [ours|stock|FILE]: a guest of an unmodified QEMU with
# an IOMMU in front of its card, which maps every buffer for itself and takes
# the mapping away afterwards. Runs in the VM of tools/testing/vhost-vm/run.
# The long form copies more. TAP on stdout.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
in_vm
dir=$(mktemp -d)
# shellcheck source=tools/testing/selftests/vhost/clients/qemu-lib.sh
. "$here/qemu-lib.sh"

COPY_BYTES=5000000
if [[ ${1-} == --long ]]; then
	COPY_BYTES=20000000
	shift
fi

# shellcheck disable=SC2317 # called by trap
finish()
{
	qemu_cleanup
	rm -rf "$dir"
}
trap finish EXIT

start_qemu()
{
	guest_params="intel_iommu=on iommu.passthrough=0 iommu.strict=1"
	qemu_options=(-M "q35,usb=off" -smp 1 -m 256M
		      -device "intel-iommu,device-iotlb=on"
		      -trace "enable=vhost_iotlb_miss,file=$dir/misses")
	add_card 0 tap0 1 "" iommu_platform=on,ats=on,disable-legacy=on
	qemu_start guest || return
	ip addr add 10.9.0.1/24 dev tap0
	ip link set tap0 up
}

# The group of the card, and how its addresses are made.
card_is_mapped()
{
	local type

	type=$(guest 'cat /sys/class/net/eth0/device/../iommu_group/type')
	note "domain type of the card: $type"
	[[ $type == DMA ]]
}

# Times that the driver had to ask QEMU for a translation.
misses() { grep -c 'vhost_iotlb_miss.*step 1' "$dir/misses" || true; }

# misses_during COMMAND...: a card without dynamic maps would ask only once.
misses_during()
{
	local before

	before=$(misses)
	timed "$@" || return
	note "translations asked for: $(($(misses) - before))"
	(($(misses) > before + 100))
}

echo "TAP version 13"
must "module loads" load_module "${1-ours}"
guest_initrd
must "QEMU starts" start_qemu
must "guest boots" timed guest_boots
check "QEMU uses vhost, without falling back" uses_vhost 1
check "guest maps each buffer for itself" card_is_mapped
check "guest answers ping" ping_guest 0
check "guest answers fragmented ping" ping_guest 0 20000
check "guest pings" guest_pings 0
serve "$COPY_BYTES" data
check "$COPY_BYTES bytes arrive whole in the guest" \
	misses_during copy_in 0 data
check "$COPY_BYTES bytes from the guest arrive whole" \
	misses_during copy_out 0 data
check "guest answers ping afterwards" ping_guest 0
statistics
((tap_failed == 0)) || explain
check "nothing is left when QEMU ends" ends_clean
check "kernel did not complain" check_log
finish_tap
