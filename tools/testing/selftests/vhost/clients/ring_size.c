// SPDX-License-Identifier: GPL-2.0
/*
 * "ring_size IF RX TX" sets the sizes of a network card's rings as ethtool
 * does, for guests that have no ethtool, and prints what they were.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct ethtool_ringparam rings = { .cmd = ETHTOOL_GRINGPARAM };
	struct ifreq ifr = { .ifr_data = (void *)&rings };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || argc != 4)
		return 2;
	strncpy(ifr.ifr_name, argv[1], IFNAMSIZ - 1);
	if (ioctl(fd, SIOCETHTOOL, &ifr)) {
		perror("sizes of the rings");
		return 1;
	}
	printf("%u %u\n", rings.rx_pending, rings.tx_pending);
	rings.cmd = ETHTOOL_SRINGPARAM;
	rings.rx_pending = atoi(argv[2]);
	rings.tx_pending = atoi(argv[3]);
	if (ioctl(fd, SIOCETHTOOL, &ifr)) {
		perror("new sizes of the rings");
		return 1;
	}
	return 0;
}
