# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For scripts that run inside the VM of "run"; source it.

VHOST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
VHOST_MODULE=$VHOST_TOP/drivers/vhost/vhost_net.ko
# shellcheck disable=SC2034 # for those who source this
VM_BUSYBOX=/run/vhost-vm/busybox
tap_count=0
tap_failed=0
tap_plan=0

in_vm()
{
	[[ ${VHOST_VM-} == 1 ]] && return
	echo "this script loads modules: run it in the VM (tools/testing/vhost-vm/run)" >&2
	exit 4
}

# The kernel that the VM runs, for a guest of its own.
vm_kernel_image()
{
	# shellcheck source=/dev/null
	(. /run/vhost-vm/config && echo "$VM_IMAGE")
}

# What a guest's kernel is told, as the VM's is.
vm_tsc_param()
{
	# shellcheck source=tools/testing/vhost-vm/lib.sh
	(. "$VHOST_TOP/tools/testing/vhost-vm/lib.sh" && tsc_param)
}

# The modules NAME... of that kernel and those that they need, as insmod lines.
vm_kernel_modules()
{
	(
		# shellcheck source=/dev/null
		. /run/vhost-vm/config
		modprobe -d "$VM_KERNEL" -S "$(ls "$VM_KERNEL/lib/modules")" \
			-a --show-depends "$@"
	)
}

# add_files DIR: over the VM's own, which stay links where they are links.
add_files()
{
	tar -C "$1" -c . | tar -C / --keep-directory-symlink -x
}

module_loaded() { [[ -d /sys/module/$1 ]]; }

module_refs() { cat "/sys/module/$1/refcnt"; }

# The kernel's own driver, for a kernel that is built with it.
have_builtin()
{
	[[ -c /dev/vhost-net && ! -e /sys/module/vhost_net/initstate ]] &&
		return
	echo "this kernel has no vhost_net of its own" >&2
	return 1
}

# load_module ours|stock|installed|builtin|FILE [PARAMETER=VALUE...]: the
# vhost_net to test, in place of any that is loaded. "stock" and "installed" are
# both what modprobe finds: the distribution's, or a package's.
load_module()
{
	local which=${1-ours} file depends

	in_vm
	shift || true
	if [[ $which == builtin ]]; then
		have_builtin
		return
	fi
	! module_loaded vhost_net || rmmod vhost_net || return
	# Kernels without modules have them built in.
	[[ ! -d /lib/modules/$(uname -r) ]] || modprobe -a tun tap
	case $which in
	stock | installed)
		modprobe vhost_net "$@" || return
		;;
	*)
		file=$which
		[[ $which != ours ]] || file=$VHOST_MODULE
		depends=$(modinfo -F depends "$file") || return
		# shellcheck disable=SC2086
		[[ -z $depends ]] || modprobe -a ${depends//,/ } || return
		insmod "$file" "$@" || return
		;;
	esac
	for _ in {1..50}; do
		[[ -c /dev/vhost-net ]] && return
		sleep 0.1
	done
	echo "no /dev/vhost-net" >&2
	return 1
}

# vhost_offers BIT: of the features that the loaded driver has.
vhost_offers()
{
	# VHOST_GET_FEATURES
	perl -e 'open(my $fd, "+<", "/dev/vhost-net") or die "$!\n";
		 my $features = "\0" x 8;
		 ioctl($fd, 0x8008af00, $features) or die "$!\n";
		 exit !((unpack("Q", $features) >> $ARGV[0]) & 1)' "$1"
}

# Size in 2 MB pages of the pool behind /dev/hugepages.
hugepages()
{
	local have

	echo "$1" >/proc/sys/vm/nr_hugepages
	have=$(</proc/sys/vm/nr_hugepages)
	((have >= $1)) && return
	echo "only $have of $1 huge pages" >&2
	return 1
}

# check_log [ALLOWED]: fails, with the lines, if the kernel complained.
check_log()
{
	local log trouble

	log=$(mktemp)
	dmesg >"$log"
	trouble=$(
		# shellcheck source=tools/testing/vhost-vm/lib.sh
		. "$VHOST_TOP/tools/testing/vhost-vm/lib.sh"
		vm_trouble "$log" "${1-}"
	) || true
	rm -f "$log"
	[[ -n $trouble ]] || return 0
	printf '%s\n' "$trouble" | sed 's/^/# /' >&2
	return 1
}

# TAP for shell tests: plan N (or leave it to finish_tap); ok TEXT, not_ok
# TEXT, skip TEXT REASON, or check TEXT COMMAND...; then finish_tap.
plan() { echo "1..$1"; tap_plan=$1; }

ok() { echo "ok $((++tap_count)) - $*"; }

not_ok() { echo "not ok $((++tap_count)) - $*"; ((++tap_failed)); }

skip() { echo "ok $((++tap_count)) - $1 # SKIP $2"; }

note() { printf '%s\n' "$*" | sed 's/^/# /'; }

check()
{
	local text=$1

	shift
	if "$@"; then ok "$text"; else not_ok "$text"; fi
}

finish_tap()
{
	((tap_plan)) || plan "$tap_count"
	((tap_failed == 0 && tap_plan == tap_count))
}
