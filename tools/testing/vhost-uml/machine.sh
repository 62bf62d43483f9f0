# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# For tools/testing/vhost-vm/run: a user-mode kernel with the driver built in.
# Variables that are not set here are those of "run".

# shellcheck source=tools/testing/vhost-uml/lib.sh
. "$VHOST_TOP/tools/testing/vhost-uml/lib.sh"

machine_kernel()
{
	busybox=$(static_busybox)
}

# Where the kernel keeps its memory, which it has to execute from.
memory_dir()
{
	if [[ $(stat -f -c %T /dev/shm) == tmpfs && -w /dev/shm ]] &&
	   ! findmnt -no OPTIONS -T /dev/shm | grep -qw noexec; then
		echo /dev/shm
	else
		echo "$work"
	fi
}

# machine_ready: sets "machine", the command that is the VM.
machine_ready()
{
	local names kernel_args own_user=()

	IFS=, read -ra names <<<"$user_mode"
	uml_kernel "$work" "${names[@]}"
	printf '%s=%q\n' VM_BUSYBOX "$busybox" VM_LINES ttyS VM_END poweroff \
		>>"$work/config"
	cp "$UML_DIR/init" "$here/guest-root.sh" "$here/stage2" "$work/"
	# shellcheck disable=SC2054 # the kernel's commas
	kernel_args=(
		"mem=$mem" root=host rootfstype=hostfs ro
		"init=$work/init" "vhost_uml=$work"
		umid=u "uml_dir=$work/"
		con=null con0=fd:0,fd:1 ssl=null ssl0=null,fd:7 ssl1=null,fd:8
		loglevel=8 rcupdate.rcu_cpu_stall_timeout=120
		watchdog_thresh=60)
	# The programs of the VM are processes of this machine. In a name space
	# of their own they can't survive the kernel that holds them.
	((EUID == 0)) || own_user=(--user --map-current-user)
	# shellcheck disable=SC2034,SC2016 # for "run"; expanded by that shell
	machine=(unshare "${own_user[@]}" --pid --fork --kill-child
		 env TMPDIR="$(memory_dir)" /bin/bash -c '
			ulimit -c 0
			exec 7>"$1/out" 8>>"$1/status" >"$1/log"
			"$1/linux" "${@:2}"
			exit' user-mode "$work" "${kernel_args[@]}")
	# shellcheck disable=SC2206 # several words
	machine+=($append)
}
