// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"
#include "xdp.h"

#define SET(reg, val) \
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (val) }
#define EXIT	{ .code = BPF_JMP | BPF_EXIT }

static int bpf(int cmd, union bpf_attr *attr)
{
	int fd = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return fd < 0 ? -errno : fd;
}

static int load(const struct bpf_insn *insns, unsigned int num)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)insns,
		.insn_cnt = num,
		.license = (uintptr_t)"GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int attach(const char *ifname, const struct bpf_insn *insns,
		  unsigned int num)
{
	union bpf_attr attr = {};
	int prog, link;

	prog = load(insns, num);
	if (prog < 0)
		return prog;
	attr.link_create.prog_fd = prog;
	attr.link_create.target_ifindex = if_nametoindex(ifname);
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = XDP_FLAGS_DRV_MODE;
	link = bpf(BPF_LINK_CREATE, &attr);
	close(prog);
	return link;
}

bool xdp_possible(void)
{
	return !access("/proc/sys/kernel/unprivileged_bpf_disabled", F_OK);
}

int xdp_drop(const char *ifname)
{
	const struct bpf_insn insns[] = {
		SET(BPF_REG_0, XDP_DROP),
		EXIT,
	};

	return attach(ifname, insns, ARRAY_SIZE(insns));
}

int xdp_redirect(const char *ifname, const char *to)
{
	const struct bpf_insn insns[] = {
		SET(BPF_REG_1, if_nametoindex(to)),
		SET(BPF_REG_2, 0),
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		EXIT,
	};

	return attach(ifname, insns, ARRAY_SIZE(insns));
}
