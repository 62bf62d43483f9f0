# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# For "run": a VM by QEMU, with the distribution's own kernel. Variables that are
# not set here are those of "run".

# machine_kernel: finds the kernel, and what it takes to boot it.
machine_kernel()
{
	need qemu-system-x86 cpio kmod
	kernel=$(realpath "${kernel:-$(stock_kernel)}")
}

qemu_initrd()
{
	local base

	mkdir "$work/root"
	cp "$here/init" "$here/guest-root.sh" "$here/stage2" "$work/config" \
		"$work/command" "$work/root/"
	chmod +x "$work/root/init"
	base=$vm_cache/initrd-$(kernel_release "$kernel")-$(
		cat "$here/lib.sh" <(realpath "$kernel/lib") | sha256sum |
		cut -c1-12)
	[[ -e $base ]] || with_lock initrd base_initrd "$kernel" "$base"
	{
		cat "$base"
		pack "$work/root"
	} >"$work/initrd"
}

# machine_ready: sets "machine", the command that is the VM.
machine_ready()
{
	local accel args params

	printf '%s=%q\n' VM_IMAGE "$(kernel_image "$kernel")" \
		VM_KERNEL "$kernel" VM_END reboot >>"$work/config"
	qemu_initrd
	if probe_kvm "$kernel"; then
		accel=(-accel kvm -cpu host)
	else
		accel=(-accel "tcg,thread=multi" -cpu "max,la57=off")
	fi
	params=(console=ttyS0 loglevel=8 panic=-1 "mitigations=$mitigations"
		random.trust_cpu=on tsc=reliable no_timer_check net.ifnames=0
		rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60
		"$(tsc_param)")
	args=(
		-M "q35,usb=off,vmport=off" "${accel[@]}" -m "$mem" -smp "$cpus"
		-nodefaults -no-user-config -display none -no-reboot
		-kernel "$(kernel_image "$kernel")" -initrd "$work/initrd"
		-serial "file:$log"
		-virtfs "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap"
		-device virtio-serial-pci
		-chardev "file,id=status,path=$status"
		-device "virtserialport,chardev=status,name=status"
		-append "${params[*]} $append"
	)
	if ((shell)); then
		args+=(-chardev "stdio,id=out,signal=off"
		       -device "virtconsole,chardev=out")
	else
		args+=(-chardev "file,id=out,path=$work/out"
		       -device "virtserialport,chardev=out,name=out")
	fi
	if [[ -n $out ]]; then
		args+=(-virtfs "local,path=$out,mount_tag=out,security_model=none,multidevs=remap")
	fi
	# shellcheck disable=SC2034 # for "run"
	machine=("${VHOST_VM_QEMU-qemu-system-x86_64}" "${args[@]}")
}
