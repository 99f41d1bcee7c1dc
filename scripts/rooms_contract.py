"""Import-linter contract for the rooms of the server: rooms of the platform below, one for each subject, programs on top.

Rules, imports under `TYPE_CHECKING` included:
- The platform imports no subject and no program; a subject imports no program.
- A subject reaches another through its public modules alone: `public` by name, or listed one by one in `also_public`.
- What serves requests (`presentation`: pages, API, labels, ...) is imported by such modules and by the programs alone.
- The rest of the subjects depend on each other without a cycle. Tables do not count: they are joined where truth needs it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Import = tuple[str, str]


class RoomsContract(Contract):
    """The contract of type `rooms`. `root` is a package whose packages are the platform's rooms and the subjects."""

    type_name = "rooms"

    root: Any = fields.StringField()
    platform: Any = fields.SetField(subfield=fields.StringField())
    public: Any = fields.SetField(subfield=fields.StringField())
    presentation: Any = fields.SetField(subfield=fields.StringField())
    also_public: Any = fields.SetField(subfield=fields.StringField(), required=False, default=set())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at every import between rooms."""
        imports = sorted(self._between_rooms(graph))
        problems = [problem for pair in imports for problem in self._problems(graph, *pair)]
        cycle = _cycle(self._domain(imports))
        if cycle:
            problems.append(f"subjects depend on each other in a circle: {' -> '.join(cycle)}")
        unused = set(self.also_public) - {self._name(imported) for _, imported in imports}
        problems += [f"{name} is listed in also_public, and no other subject imports it" for name in sorted(unused)]
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Each import that is against the rules."""
        for problem in check.metadata["problems"]:
            output.print_error(f"- {problem}", bold=False)

    def _between_rooms(self, graph: ImportGraph) -> Iterator[Import]:
        for importer in graph.find_descendants(self.root):
            for imported in graph.find_modules_directly_imported_by(importer):
                if imported.startswith(f"{self.root}.") and self._room(graph, importer) != self._room(graph, imported):
                    yield importer, imported

    def _name(self, module: str) -> str:
        return module.removeprefix(f"{self.root}.")

    def _room(self, graph: ImportGraph, module: str) -> str:
        """The room of a module; empty for a program."""
        room = self._name(module).split(".")[0]
        return room if graph.find_children(f"{self.root}.{room}") else ""

    def _is_presentation(self, module: str) -> bool:
        leaf = module.rpartition(".")[2]
        return leaf in self.presentation or leaf.rpartition("_")[2] in self.presentation

    def _problems(self, graph: ImportGraph, importer: str, imported: str) -> Iterator[str]:
        lower, upper = self._room(graph, imported), self._room(graph, importer)
        if upper == "":
            return
        sentence = f"{self._name(importer)} imports {self._name(imported)}"
        if lower == "":
            yield f"{sentence}: a program"
        elif lower in self.platform:
            return
        elif upper in self.platform:
            yield f"{sentence}: the platform knows no subject"
        elif self._is_presentation(imported):
            if not self._is_presentation(importer):
                yield f"{sentence}: which serves requests"
        elif imported.rpartition(".")[2] not in self.public and self._name(imported) not in self.also_public:
            yield f"{sentence}: which is not public"

    def _domain(self, imports: Iterable[Import]) -> dict[str, set[str]]:
        """Return the subjects that each subject depends on, by what is neither presentation nor a table."""
        depends: dict[str, set[str]] = {}
        for importer, imported in imports:
            upper, lower = (self._name(module).split(".") for module in (importer, imported))
            is_tables = lower[-1].endswith("tables")
            is_domain = len(upper) > 1 and len(lower) > 1 and lower[0] not in self.platform
            if is_domain and not is_tables and not self._is_presentation(importer):
                depends.setdefault(upper[0], set()).add(lower[0])
        return depends


def _cycle(depends: dict[str, set[str]]) -> list[str]:
    """The rooms of one cycle, the first again at the end; empty where there is none."""
    done: set[str] = set()

    def search(room: str, path: list[str]) -> list[str]:
        if room in path:
            return [*path[path.index(room) :], room]
        if room in done:
            return []
        for lower in sorted(depends.get(room, ())):
            if cycle := search(lower, [*path, room]):
                return cycle
        done.add(room)
        return []

    return next((first_cycle for room in sorted(depends) if (first_cycle := search(room, []))), [])
