// SPDX-License-Identifier: GPL-2.0
/* Raspberry Pi's firmware, as far as Debian's kernels do not speak with it.

   A restart with the argument `0 tryboot` asks it to take the partition of [tryboot] once, as Raspberry Pi's own kernel does.
   What it has seen of voltage and heat stands in /sys/module/kortkiosk_pi/parameters/throttled (`vcgencmd get_throttled`).

   This file alone of the project is under the GPL: the kernel gives what it calls to nothing else. */

#include <linux/module.h>
#include <linux/of.h>
#include <linux/reboot.h>
#include <soc/bcm2835/raspberrypi-firmware.h>

#define GET_THROTTLED 0x00030046
#define SET_REBOOT_FLAGS 0x00038064
#define TRY_ONCE 1

static struct rpi_firmware *firmware;

static int tell_firmware(struct notifier_block *block, unsigned long action, void *argument)
{
	u32 flags = TRY_ONCE;

	if (action == SYS_RESTART && argument && (!strcmp(argument, "0 tryboot") || !strcmp(argument, "tryboot")) &&
	    rpi_firmware_property(firmware, SET_REBOOT_FLAGS, &flags, sizeof(flags)))
		pr_err("kortkiosk_pi: the firmware does not take the flag: the default slot starts\n");
	return NOTIFY_DONE;
}

static struct notifier_block at_restart = { .notifier_call = tell_firmware };

static int show_throttled(char *page, const struct kernel_param *parameter)
{
	u32 seen = 0;
	int error = rpi_firmware_property(firmware, GET_THROTTLED, &seen, sizeof(seen));

	return error ? error : sysfs_emit(page, "0x%x\n", seen);
}

static const struct kernel_param_ops throttled_ops = { .get = show_throttled };
module_param_cb(throttled, &throttled_ops, NULL, 0444);

/* Without an exit: it stays once it is loaded, and holds the firmware's driver. */
static int __init begin(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "raspberrypi,bcm2835-firmware");

	firmware = node ? rpi_firmware_get(node) : NULL;
	of_node_put(node);
	return firmware ? register_reboot_notifier(&at_restart) : -ENODEV;
}

module_init(begin);
MODULE_DESCRIPTION("Raspberry Pi firmware: tryboot and throttling, for kernels that lack them");
MODULE_LICENSE("GPL");
