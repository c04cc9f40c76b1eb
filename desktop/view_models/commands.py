"""The window's commands as data: id, text key and keys. Actions, tool tips and the list of keys are made from this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """`id` names the window's method that does it; the text key is `command.<id>`; `keys` are in Qt's portable form."""

    id: str
    keys: tuple[str, ...]

    @property
    def title(self) -> str:
        """The key of its words in the catalogues."""
        return f"command.{self.id}"


COMMANDS = (
    Command("new_conversation", ("Ctrl+N",)),
    Command("focus_composer", ("Ctrl+L",)),
    Command("stop", ("Esc",)),
    Command("copy_answer", ("Ctrl+Shift+C",)),
    Command("previous_citation", ("Alt+Up",)),
    Command("next_citation", ("Alt+Down",)),
    Command("toggle_conversations", ("Ctrl+B",)),
    Command("show_ask", ("Ctrl+1",)),
    Command("show_library", ("Ctrl+2",)),
    Command("show_exam", ("Ctrl+3",)),
    Command("import_files", ("Ctrl+O",)),
    Command("import_folder", ("Ctrl+Shift+O",)),
    Command("settings_menu", ("Ctrl+,",)),
    Command("keys", ("F1",)),
    Command("quit", ("Ctrl+Q",)),
)
