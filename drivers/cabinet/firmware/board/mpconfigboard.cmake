# The cabinet's board: a plain Raspberry Pi Pico, with what the cabinet does not need left out.
set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
list(APPEND MICROPY_SOURCE_BOARD ${MICROPY_BOARD_DIR}/cabinet_board.c)
# For that one file, so that another version or other sources of ours do not build MicroPython anew.
set_source_files_properties(${MICROPY_BOARD_DIR}/cabinet_board.c PROPERTIES COMPILE_DEFINITIONS
    "CABINET_VERSION=\"${CABINET_VERSION}\";CABINET_SOURCES=\"${CABINET_SOURCES}\""
)
