# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Boots guests of an unmodified QEMU inside the VM and talks to them; source
# it after guest-lib.sh.

: "${dir:?a directory for what is in the making}" "${tap_failed:?guest-lib.sh}"

QEMU=${QEMU-qemu-system-x86_64}
BB=$VM_BUSYBOX
BOOT_LIMIT=${BOOT_LIMIT-600}
GUEST_LIMIT=${GUEST_LIMIT-300}
QMP_LIMIT=120
# For the next QEMU: its options, what runs it, and more for its kernel's
# command line.
qemu_options=()
qemu_prefix=()
guest_params=""
guest_programs=()
# By name: process, descriptors of the pipes to guest and monitor.
declare -A qemu_pids guest_in guest_out qmp_in qmp_out
# The QEMU and the guest that are talked to.
name="" qemu=""
httpd=""

# wait_until SECONDS COMMAND...: for what takes a while to become true.
wait_until()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS < end)) || return
		sleep 0.2
	done
}

# Writing to a QEMU that has died is an error like others.
trap '' PIPE

qemu_cleanup()
{
	local pid

	for pid in "${qemu_pids[@]}" $httpd; do
		! kill -KILL "$pid" || wait "$pid" || true
	done 2>/dev/null
}

# What the guest runs, with the static programs in $guest_programs.
guest_initrd()
{
	local root=$dir/root file

	mkdir -p "$root/bin" "$root/modules"
	cp "$BB" "$root/bin/busybox"
	((${#guest_programs[@]} == 0)) || cp "${guest_programs[@]}" "$root/bin/"
	cp "$(dirname "${BASH_SOURCE[0]}")/qemu-guest-init" "$root/init"
	chmod +x "$root/init"
	vm_kernel_modules virtio_pci virtio_net |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' |
		awk '!seen[$0]++' >"$root/modules/order"
	while read -r file; do
		cp "$file" "$root/modules/"
	done <"$root/modules/order"
	(cd "$root" && find . | "$BB" cpio -o -H newc) >"$dir/initrd" 2>/dev/null
	rm -rf "$root"
}

# add_card N TAP QUEUES [NETDEV_OPTIONS [DEVICE_OPTIONS]]: a card for the next
# QEMU, behind a tap.
add_card()
{
	qemu_options+=(
		-netdev "tap,id=n$1,ifname=$2,script=no,downscript=no,vhost=on,queues=$3${4:+,$4}"
		-device "virtio-net-pci,id=c$1,netdev=n$1,mac=52:54:00:09:0$1:02,mq=on,vectors=$((2 * $3 + 2)),romfile=${5:+,$5}"
	)
}

qemu_select()
{
	name=$1
	qemu=${qemu_pids[$name]}
}

# Opens the two halves of pipe $1 for good, as in/out.
open_pipe()
{
	mkfifo "$1.in" "$1.out"
	exec {in}<>"$1.in" {out}<>"$1.out"
}

# qemu_start NAME: a QEMU with $qemu_options. All that it was asked for is
# there when it answers.
qemu_start()
{
	local in out file=$dir/$1

	rm -f "$file".*
	open_pipe "$file.ctl"
	guest_in[$1]=$in guest_out[$1]=$out
	open_pipe "$file.qmp"
	qmp_in[$1]=$in qmp_out[$1]=$out
	"${qemu_prefix[@]}" "$QEMU" -accel tcg,thread=multi -cpu max,la57=off \
		-nodefaults -display none -no-user-config -name "$1" \
		-kernel "$(vm_kernel_image)" -initrd "$dir/initrd" \
		-append "console=ttyS0 loglevel=4 mitigations=off panic=-1
			 tsc=reliable no_timer_check random.trust_cpu=on
			 net.ifnames=0 cryptomgr.notests noreplace-smp
			 $(vm_tsc_param) $guest_params" \
		-serial "file:$file.log" \
		-chardev "pipe,id=ctl,path=$file.ctl" -serial chardev:ctl \
		-chardev "pipe,id=qmp,path=$file.qmp" -mon qmp,mode=control \
		"${qemu_options[@]}" </dev/null >"$file.err" 2>&1 &
	qemu_pids[$1]=$!
	qemu_options=()
	qemu_select "$1"
	qmp '"qmp_capabilities"' >/dev/null
}

# qmp COMMAND [ARGUMENTS]: both in JSON; prints the answer.
qmp()
{
	local line end=$((SECONDS + QMP_LIMIT))

	printf '{"execute":%s%s}\n' "$1" "${2:+,\"arguments\":$2}" \
		>&"${qmp_in[$name]}"
	while ((SECONDS < end)); do
		if ! IFS= read -r -t 1 line <&"${qmp_out[$name]}"; then
			kill -0 "$qemu" 2>/dev/null || break
			continue
		fi
		case $line in
		'{"return"'*)
			printf '%s\n' "$line"
			return ;;
		'{"error"'*)
			note "$name, $1: $line"
			return 1 ;;
		esac
	done
	note "$name, $1: no answer"
	return 1
}

# Reads up to the next "== ..." line and prints what came before it.
guest_answer()
{
	local line

	while IFS= read -r -t "$1" line <&"${guest_out[$name]}"; do
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
	printf '%s\n' "$*" >&"${guest_in[$name]}"
	guest_answer "$GUEST_LIMIT"
}

guest_boots() { guest_answer "$BOOT_LIMIT" >/dev/null; }

reboot_guest()
{
	printf 'reboot -f\n' >&"${guest_in[$name]}"
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

# uses_vhost PAIRS: one file for each queue pair.
uses_vhost()
{
	(($(vhost_fds | wc -l) == $1 && $(module_refs vhost_net) >= $1))
}

# Thread ids of the workers: kernel threads or threads of QEMU.
workers()
{
	grep -lx "vhost-$qemu" /proc/[0-9]*/task/*/comm 2>/dev/null |
		cut -d / -f 5
}

# Nanoseconds each worker has been running for, "TID NS" a line.
worker_times()
{
	local tid

	for tid in $(workers); do
		echo "$tid $(cut -d ' ' -f 1 "/proc/$tid/schedstat")"
	done
}

# workers_ran NUMBER: all of them have, and there are that many at least.
workers_ran()
{
	local count=0 ns

	while read -r _ ns; do
		((ns > 0)) || return 1
		((++count))
	done < <(worker_times)
	((count >= $1))
}

statistics()
{
	local fd

	for fd in $(vhost_fds); do
		note "fdinfo of vhost fd $fd:" "$(cat "/proc/$qemu/fdinfo/$fd")"
	done
}

# vhost_top OPTION...: what it says of this QEMU, if it has been built.
vhost_top()
{
	local top=$VHOST_TOP/tools/vhost/vhost-top

	[[ ! -x $top ]] || "$top" --pid "$qemu" "$@"
}

ping_guest() { "$BB" ping -q -c 3 -w 30 -s "${2-56}" "10.9.$1.2" >/dev/null; }

guest_pings() { guest "ping -q -c 3 -w 30 -s ${2-56} 10.9.$1.1 >/dev/null"; }

# agreed N BIT on|off: what the guest's kernel says of a card's feature, one
# character for each bit.
agreed()
{
	local bit

	bit=$(guest "cut -c $(($2 + 1)) </sys/class/net/eth$1/device/features")
	[[ $bit == "$([[ $3 == on ]] && echo 1 || echo 0)" ]]
}

is_packed() { agreed "$1" 34 "$2"; }

# serve BYTES NAME...: random files for the guest to fetch.
serve()
{
	local bytes=$1 file

	shift
	mkdir -p "$dir/www"
	for file; do
		head -c "$bytes" /dev/urandom >"$dir/www/$file"
	done
	[[ -z $httpd ]] || return 0
	"$BB" httpd -f -p 8080 -h "$dir/www" &
	httpd=$!
}

# copy_in NET FILE [PREFIX]: to the guest, checksums taken on both ends.
copy_in()
{
	local theirs

	theirs=$(guest "${3-} wget -q -O /tmp/in http://10.9.$1.1:8080/$2 && sha256sum </tmp/in")
	[[ ${theirs%% *} == "$(sha256sum <"$dir/www/$2" | cut -d ' ' -f 1)" ]]
}

# copy_out NET FILE: what copy_in brought, back from the guest.
copy_out()
{
	"$BB" wget -q -O "$dir/copy" "http://10.9.$1.2/in" &&
		cmp "$dir/www/$2" "$dir/copy"
}

# Ends the QEMU that is talked to.
qemu_stop()
{
	kill "$qemu" 2>/dev/null
	wait "$qemu" || true
	unset "qemu_pids[$name]"
}

left_nothing() { [[ $(module_refs vhost_net) == 0 && -z $(workers) ]]; }

ends_clean() { qemu_stop && left_nothing; }

explain()
{
	note "QEMU:" "$(cat "$dir/$name.err")" "guest:" \
	     "$(tail -n 20 "$dir/$name.log" | tr -d '\r')"
}

timed()
{
	local start=$SECONDS code=0

	"$@" || code=$?
	note "$* took $((SECONDS - start)) s"
	return "$code"
}

# must TEXT COMMAND...: a check without which nothing else makes sense.
must()
{
	local failed=$tap_failed

	check "$@"
	((tap_failed == failed)) && return
	[[ -z $name ]] || explain
	echo "Bail out! $1: no"
	exit 1
}
