#!/bin/sh
# Adapt MicroPython's source tree, given as the one argument, to what Debian has and to what a lock's guard may offer.
set -eu
cd "$1"

# TLS is not needed, and Debian's source leaves the mbed TLS that goes with it out; tinyusb is the SDK's own.
sed -i -e 's/^set(MICROPY_SSL_MBEDTLS ON)$/set(MICROPY_SSL_MBEDTLS OFF)/' \
    -e '/lib\/mbedtls)$/d' -e '/mbedtls\/mbedtls_port.c$/d' -e '/micropy_lib_mbedtls)$/d' \
    -e '/^set(PICO_TINYUSB_PATH /d' -e 's/PICO_PROGRAM_NAME="MicroPython"/PICO_PROGRAM_NAME="kortkiosk-cabinet"/' \
    ports/rp2/CMakeLists.txt

# The same for what is compiled in, and without FAT, which no one here mounts.
for name in MICROPY_SSL_MBEDTLS MICROPY_PY_HASHLIB_SHA1 MICROPY_PY_CRYPTOLIB MICROPY_VFS_FAT; do
    sed -i -e "s/^\(#define $name  *\)(1)/\1(0)/" ports/rp2/mpconfigport.h
done

# No prompt, ever: where one would be shown the board starts anew, and the byte of Ctrl-C is a byte like any other.
sed -i -e 's/pyexec_\(raw\|friendly\)_repl()/cabinet_restart()/' -e '/^bi_decl(bi_program_version_string/d' ports/rp2/main.c
sed -i -e 's/mp_hal_set_interrupt_char(CHAR_CTRL_C)/mp_hal_set_interrupt_char(-1)/' shared/runtime/pyexec.c
