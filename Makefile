# SPDX-License-Identifier: GPL-2.0
# A thin front to kbuild and to the scripts.
#
#	make [KDIR=headers-or-tree]	build drivers/vhost/vhost_net.ko
#	make install			install it, in front of the kernel's own
#	make uninstall			back to the kernel's own
#	make lint			style, sparse, warnings, documentation
#	make check			all tests (scripts/check)
#
# KDIR is the running kernel's headers unless given; where those are not
# installed, the newest that are.

KDIR ?= $(shell scripts/kdir)

module := $(CURDIR)/drivers/vhost
kbuild = $(MAKE) -C $(KDIR) M=$(module)
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	  $(KDIR)/include/generated/utsrelease.h)
depmod = depmod -a $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(release)

all: modules

modules: need-kdir
	+$(kbuild) modules

install: modules
	+$(kbuild) INSTALL_MOD_DIR=updates modules_install
	$(depmod)

uninstall: need-kdir
	rm -f $(INSTALL_MOD_PATH)/lib/modules/$(release)/updates/vhost_net.ko*
	$(depmod)

clean: need-kdir
	+$(kbuild) clean
	+$(MAKE) -C tools/testing/selftests/vhost clean

lint:
	scripts/lint

check:
	scripts/check

need-kdir:
	@test -d "$(KDIR)" || { echo "No kernel headers found:" \
		"install linux-headers-amd64 or give KDIR=" >&2; exit 1; }

.PHONY: all modules install uninstall clean lint check need-kdir
