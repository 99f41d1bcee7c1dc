"""The commands of an odd card: those of kind B, with the freedoms that its oddity takes."""

from dataclasses import replace

from sim.reader import status
from sim.reader.command_apdu import Ins, ReceivedCommand
from sim.reader.file_system import FCI_TEMPLATE, FCP_TEMPLATE, CardFile, FileSystem
from sim.reader.file_traits import FROM_CURRENT, FROM_MF, NO_ANSWER
from sim.reader.keys import CardKey
from sim.reader.odd.codes import OddCodes
from sim.reader.odd.oddity import Oddity
from sim.reader.pkcs15_application import WAYS_B, Pkcs15Application
from sim.reader.status import StatusError
from sim.reader.t0 import Answer

BY_NUMBER = 0x04  # low bits of P2 of READ RECORD, ISO/IEC 7816-4 table 49


class OddApplication(Pkcs15Application):
    """Files, codes and keys of one odd card."""

    def __init__(
        self, oddity: Oddity, serial: bytes, files: FileSystem, codes: OddCodes, card_keys: tuple[CardKey, ...]
    ) -> None:
        super().__init__(serial, files, codes, card_keys, replace(WAYS_B, has_data_objects=False))
        self._oddity = oddity
        self._commands[Ins.READ_RECORD] = self._read_record

    def _select(self, command: ReceivedCommand) -> Answer:
        _, word = super()._select(command)
        parameters = self._oddity.parameters
        file = self.files.current_ef or self.files.current_df
        if command.p2 == NO_ANSWER or parameters == "none":
            return b"", word
        template = FCI_TEMPLATE if parameters == "fci" else FCP_TEMPLATE
        return file.control_parameters(template, sized=parameters != "bare"), word

    def _find(self, how: int, name: bytes) -> CardFile:
        if how in (FROM_MF, FROM_CURRENT) and not self._oddity.path_select:
            raise StatusError(status.WRONG_P1P2)
        return super()._find(how, name)

    def _read(self, command: ReceivedCommand) -> Answer:
        current = self.files.current_ef
        if current is not None and current.records:
            raise StatusError(status.WRONG_STRUCTURE)
        data, word = super()._read(command)
        if not data and command.le:
            raise StatusError(status.BEYOND_END)
        short = self._oddity.warns_at_end and len(data) < (command.le or 0)
        return data, status.END_OF_FILE if short else word

    def _read_record(self, command: ReceivedCommand) -> Answer:
        current = self.files.current_ef
        if current is None:
            raise StatusError(status.NO_CURRENT_EF)
        if not current.records:
            raise StatusError(status.WRONG_STRUCTURE)
        if command.p2 & 0x07 != BY_NUMBER:
            raise StatusError(status.WRONG_P1P2)
        if not 0 < command.p1 <= len(current.records):
            raise StatusError(status.NO_RECORD)
        return current.records[command.p1 - 1], status.OK

    def _verify(self, command: ReceivedCommand) -> Answer:
        self._only_at_home()
        return super()._verify(command)

    def _change(self, command: ReceivedCommand) -> Answer:
        self._only_at_home()
        return super()._change(command)

    def _unblock(self, command: ReceivedCommand) -> Answer:
        self._only_at_home()
        return super()._unblock(command)

    def _only_at_home(self) -> None:
        """A local reference is one of the current DF (ISO/IEC 7816-4 9.3.2)."""
        if self._oddity.local and self.files.current_df is not self.files.application:
            raise StatusError(status.NO_REFERENCE)
