// The cabinet's board: a plain Raspberry Pi Pico that runs one program and offers no prompt.

#define MICROPY_HW_BOARD_NAME               "kortkiosk cabinet"
#define MICROPY_HW_USB_MANUFACTURER_STRING  "kortkiosk"
#define MICROPY_HW_USB_PRODUCT_FS_STRING    "kortkiosk cabinet"
#define MICROPY_HW_USB_CDC_INTERFACE_STRING "kortkiosk cabinet"

// Where key and counters lie: the last 256 KiB of the flash. Never change it: a board that is updated would lose them.
#define MICROPY_HW_FLASH_STORAGE_BYTES      (256 * 1024)

// A port that is opened at 1200 baud must not lead to BOOTSEL: that takes a signed command, or the button on the board.
#define MICROPY_HW_USB_CDC_1200BPS_TOUCH    (0)

// Not needed here: a second core, a USB device made up while running.
#define MICROPY_PY_THREAD                   (0)
#define MICROPY_HW_ENABLE_USB_RUNTIME_DEVICE (0)

// Where MicroPython would show a prompt, the board starts anew (see scripts/firmware.sh).
int cabinet_restart(void);
