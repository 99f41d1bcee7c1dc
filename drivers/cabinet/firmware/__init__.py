"""The firmware of the cabinet's board: the last guard of its coils, in MicroPython on a Raspberry Pi Pico.

Pure modules (all but `main`, `board`, `unix_main`, `panel`) are given pins, flash, chip and time, and run unchanged on
CPython, on MicroPython's Unix port and on the RP2040. Who needs what:

    firmware    one board: takes bytes and time, gives bytes; joins all below
    link        sessions, signing, answers and events on the line
    commands    what each command does
    slots       locks, doors and cards          drop_slot   flap, sensors and bin
    coil        one coil at a time, for a limited time
    inputs      sensors without bounce          signals     lamps and buzzer
    counters    what outlives a restart         events      what the host has not taken yet
    wiring      pins as data
    ports       what the board must offer
"""
