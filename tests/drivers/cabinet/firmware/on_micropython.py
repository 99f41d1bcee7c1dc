"""Run the tests of the logic on MicroPython: `micropython tests/drivers/cabinet/firmware/on_micropython.py`.

Prints a line for each that fails and then how many have passed; exit status 1 if one failed. What pytest runs beside
this are the same functions. micropython-lib's unittest is not needed for functions that assert.
"""

import sys

MODULES = ("test_coil", "test_slots", "test_drop_slot", "test_link", "test_keeping", "test_wiring")

if __name__ == "__main__":
    root = "/".join(__file__.split("/")[:-5]) or "."
    sys.path.insert(0, root)
    sys.path.append(root + "/drivers/cabinet/firmware/fallback")
    passed = failed = 0
    for name in MODULES:
        module = __import__("tests.drivers.cabinet.firmware." + name, None, None, [name])
        for test in sorted([one for one in dir(module) if one.startswith("test_")]):
            try:
                getattr(module, test)()
                passed += 1
            except Exception as error:
                failed += 1
                print("FAILED", name, test)
                sys.print_exception(error)
    print(passed, "passed")
    sys.exit(1 if failed else 0)
