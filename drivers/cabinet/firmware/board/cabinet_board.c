// What the cabinet's board does instead of showing a prompt, and what picotool says of the image.

#include "hardware/watchdog.h"
#include "pico/binary_info.h"

bi_decl(bi_program_version_string(CABINET_VERSION));
bi_decl(bi_program_description("kortkiosk cabinet firmware " CABINET_VERSION ", sources sha256:" CABINET_SOURCES));

int cabinet_restart(void) {
    watchdog_reboot(0, 0, 0);
    for (;;) {
    }
}
