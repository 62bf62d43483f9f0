#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu_guest.sh [--short] [ours|stock|FILE]: an unmodified QEMU as the client.
# Runs in the VM of tools/testing/vhost-vm/run and boots a guest there with
# two network cards behind vhost, one of them with two queue pairs. The short
# form leaves out the second card and the reboot. TAP on stdout.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/testing/vhost-vm/guest-lib.sh
. "$here/../../../vhost-vm/guest-lib.sh"
in_vm

BB=$VM_BUSYBOX
BOOT_LIMIT=600
COPY_BYTES=20000000
# Pinned flows crawl where one emulator runs in another.
PINNED_BYTES=500000
# Card n has n + 1 queue pairs, and the guest as many processors as cards.
cards=2
if [[ ${1-} == --short ]]; then
	cards=1
	shift
fi
dir=$(mktemp -d)
qemu=""

# shellcheck disable=SC2317 # called by trap
finish()
{
	[[ -z $qemu ]] || kill -KILL "$qemu" 2>/dev/null || true
	[[ -z ${httpd-} ]] || kill "$httpd" 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT

guest_initrd()
{
	local root=$dir/root file

	mkdir -p "$root/bin" "$root/modules"
	cp "$BB" "$root/bin/busybox"
	cp "$here/qemu-guest-init" "$root/init"
	chmod +x "$root/init"
	modprobe -a --show-depends virtio_pci virtio_net |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		awk '!seen[$0]++' >"$root/modules/order"
	while read -r file; do
		cp "$file" "$root/modules/"
	done <"$root/modules/order"
	(cd "$root" && find . | "$BB" cpio -o -H newc) >"$dir/initrd" 2>/dev/null
	rm -rf "$root"
}

# card NET QUEUES: the options for one card, behind a tap of its own.
card()
{
	local n=$1 queues=$2 vectors=$((2 * $2 + 2))

	echo "-netdev tap,id=n$n,ifname=tap$n,script=no,downscript=no,vhost=on,queues=$queues"
	echo "-device virtio-net-pci,netdev=n$n,mq=on,vectors=$vectors,romfile="
}

start_qemu()
{
	local n options

	mapfile -t options < <(for ((n = 0; n < cards; n++)); do
		card "$n" $((n + 1))
	done | tr ' ' '\n')
	mkfifo "$dir/ctl.in" "$dir/ctl.out"
	exec {to_guest}<>"$dir/ctl.in" {from_guest}<>"$dir/ctl.out"
	qemu-system-x86_64 -M q35,usb=off -accel tcg,thread=multi -smp "$cards" \
		-cpu max,la57=off -m 256M -nodefaults -display none \
		-kernel "$(vm_kernel_image)" -initrd "$dir/initrd" \
		-append "console=ttyS0 loglevel=4 mitigations=off panic=-1
			 tsc=reliable no_timer_check random.trust_cpu=on
			 net.ifnames=0 cryptomgr.notests noreplace-smp" \
		-serial "file:$dir/log" \
		-chardev "pipe,id=ctl,path=$dir/ctl" -serial chardev:ctl \
		"${options[@]}" \
		</dev/null >"$dir/qemu.out" 2>&1 &
	qemu=$!
	for _ in {1..300}; do
		[[ -d /sys/class/net/tap$((cards - 1)) ]] && break
		kill -0 "$qemu" 2>/dev/null || return 1
		sleep 0.1
	done
	# The first card has frames that span buffers.
	ip link set tap0 mtu 9000
	for ((n = 0; n < cards; n++)); do
		ip addr add "10.9.$n.1/24" dev "tap$n"
		ip link set "tap$n" up
	done
}

# Reads up to the next "== ..." line and prints what came before it.
guest_answer()
{
	local line

	while IFS= read -r -t "$1" line <&"$from_guest"; do
		case $line in
		"== ready") return 0 ;;
		"== "*) return "${line#== }" ;;
		esac
		printf '%s\n' "$line"
	done
	echo "no answer from the guest" >&2
	return 1
}

# guest COMMAND: runs a line in the guest, with its output and its status.
guest()
{
	printf '%s\n' "$*" >&"$to_guest"
	guest_answer 180
}

guest_boots() { guest_answer "$BOOT_LIMIT" >/dev/null; }

reboot_guest()
{
	printf 'reboot -f\n' >&"$to_guest"
	guest_boots
}

vhost_fds()
{
	local fd

	for fd in /proc/"$qemu"/fd/*; do
		if [[ $(readlink "$fd") == /dev/vhost-net ]]; then
			echo "${fd##*/}"
		fi
	done
}

# Thread ids of the workers: kernel threads or threads of QEMU.
workers()
{
	local file

	for file in /proc/[0-9]*/task/*/comm; do
		if [[ $(cat "$file" 2>/dev/null) == "vhost-$qemu" ]]; then
			file=${file%/comm}
			echo "${file##*/}"
		fi
	done
}

# Nanoseconds each worker has been running for, "TID NS" a line.
worker_times()
{
	local tid

	for tid in $(workers); do
		echo "$tid $(cut -d ' ' -f 1 "/proc/$tid/schedstat")"
	done
}

# The worker that ran most since the worker_times in file $1.
busiest()
{
	worker_times | join - "$1" | awk '{
		if ($2 - $3 > most) { most = $2 - $3; tid = $1 }
	} END { print tid }'
}

# One file for each queue pair.
uses_vhost()
{
	local pairs=$((cards * (cards + 1) / 2))

	(($(vhost_fds | wc -l) == pairs && $(module_refs vhost_net) >= pairs))
}

workers_ran()
{
	local count=0 ns

	while read -r _ ns; do
		((ns > 0)) || return 1
		((++count))
	done < <(worker_times)
	((count >= cards * (cards + 1) / 2))
}

ping_guest() { "$BB" ping -q -c 3 -w 30 -s "${2-56}" "10.9.$1.2" >/dev/null; }

guest_pings() { guest "ping -q -c 3 -w 30 10.9.$1.1 >/dev/null"; }

# copy_in NET FILE [PREFIX]: to the guest, checksums taken on both ends.
copy_in()
{
	local theirs

	theirs=$(guest "${3-} wget -q -O /tmp/in http://10.9.$1.1:8080/$2 && sha256sum </tmp/in")
	[[ ${theirs%% *} == "$(sha256sum <"$dir/www/$2" | cut -d ' ' -f 1)" ]]
}

# copy_out NET: what copy_in brought, back from the guest.
copy_out()
{
	"$BB" wget -q -O "$dir/copy" "http://10.9.$1.2/in" &&
		cmp "$dir/www/data" "$dir/copy"
}

make_data()
{
	mkdir "$dir/www"
	head -c "$COPY_BYTES" /dev/urandom >"$dir/www/data"
	head -c "$PINNED_BYTES" /dev/urandom >"$dir/www/less"
	"$BB" httpd -f -p 8080 -h "$dir/www" &
	httpd=$!
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

statistics()
{
	local fd

	for fd in $(vhost_fds); do
		note "fdinfo of vhost fd $fd:" "$(cat "/proc/$qemu/fdinfo/$fd")"
	done
}

stop_qemu()
{
	kill "$qemu"
	wait "$qemu" || true
	[[ $(module_refs vhost_net) == 0 && -z $(workers) ]]
}

explain()
{
	note "QEMU:" "$(cat "$dir/qemu.out")" "guest:" \
	     "$(tail -n 20 "$dir/log" | tr -d '\r')"
}

timed()
{
	local start=$SECONDS code=0

	"$@" || code=$?
	note "$* took $((SECONDS - start)) s"
	return "$code"
}

test_boot()
{
	check "module loads" load_module "${1-ours}"
	guest_initrd
	check "QEMU starts" start_qemu
	check "guest boots" timed guest_boots
	((tap_failed)) || return 0
	explain
	echo "Bail out! no guest"
	exit 1
}

test_single()
{
	check "QEMU uses vhost, without falling back" uses_vhost
	check "guest answers ping" ping_guest 0
	check "guest answers fragmented ping" ping_guest 0 20000
	check "guest pings" guest_pings 0
	make_data
	check "$COPY_BYTES bytes arrive whole in the guest" timed copy_in 0 data
	check "$COPY_BYTES bytes from the guest arrive whole" timed copy_out 0
}

test_multiqueue()
{
	check "second queue pair is on" \
		guest "[ -d /sys/class/net/eth1/queues/tx-1 ]"
	check "guest answers ping on the multi-queue card" ping_guest 1
	check "both queue pairs carry traffic" timed each_pair_works
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
check "workers have used CPU time" workers_ran
statistics
((cards == 1)) || test_reboot
((tap_failed == 0)) || explain
check "nothing is left when QEMU ends" stop_qemu
check "kernel did not complain" check_log
finish_tap
