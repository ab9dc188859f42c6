"""The UKey drivers (PKCS#11 modules) of this computer: which there are, whether each works, and what is known of it."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from desktop import look
from desktop.nouns import Wire, shown_path
from desktop.parts import button, empty, label, named
from desktop.wire import Agent, Problem
from desktop.words import Words


class DriversPanel(QFrame):
    """Asked for when the page is shown, and by the button: asking tries every driver anew, which can take seconds."""

    def __init__(self, agent: Agent, words: Words) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._agent, self._words, self._asking = agent, words, False
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 12, 18, 14)
        column.setSpacing(6)
        head = QHBoxLayout()
        head.addWidget(label(words("modules.title"), "heading"), 1)
        self.again = button(words("modules.again"), self.look, "link")
        head.addWidget(self.again)
        column.addLayout(head)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        column.addLayout(self._rows)
        self._say("modules.loading")
        named(self, words("modules.title"))

    def look(self) -> None:
        """Ask the service."""
        if not self._asking:
            self._asking = True
            self.again.setEnabled(False)
            self._agent.call("GET", "/v1/modules", None, self._told, self._refused)

    def _told(self, answer: dict[str, Any]) -> None:
        self._end()
        modules = [m for m in answer.get("modules") or () if isinstance(m, dict)]
        if not modules:
            self._say("modules.none")
        for module in modules:
            self._rows.addLayout(self._row(module))

    def _refused(self, problem: Problem) -> None:
        self._end()
        for text in self._words.error(problem.code, problem.facts, problem.detail, problem.hint):
            self._rows.addWidget(label(text, "quiet", wrap=True))

    def _end(self) -> None:
        self._asking = False
        self.again.setEnabled(True)
        empty(self._rows)

    def _say(self, key: str) -> None:
        self._rows.addWidget(label(self._words(key), "quiet", wrap=True))

    def _row(self, module: Wire) -> QHBoxLayout:
        words, c = self._words, look.colours()
        usable, changed = bool(module.get("usable")), bool(module.get("changed"))
        tone = "good" if usable else "bad"
        state = words("modules.changed" if changed else "modules.ok" if usable else "modules.bad")
        row = QHBoxLayout()
        row.setSpacing(10)
        image = QLabel()
        image.setPixmap(look.picture("passed" if usable else "failed", getattr(c, tone), 18))
        row.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        text = QVBoxLayout()
        text.setSpacing(1)
        facts = [str(module.get(k)) for k in ("name", "manufacturer", "library_version") if module.get(k)]
        facts += [words("modules.emulated")] if module.get("origin") == "emulated" else []
        facts += [words("modules.network")] if module.get("network_allowed") else []
        text.addWidget(label(" · ".join(facts), wrap=True))
        path = label(shown_path(str(module.get("path") or "")), "small", wrap=True)
        path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text.addWidget(path)
        if not usable and module.get("problem"):
            for line in words.error("module_unusable", {"reason": module["problem"], "module": module.get("name")}):
                text.addWidget(label(line, "small", wrap=True))
        for note in (module.get("note"),):
            if note:
                said = note.get(words.lang) if isinstance(note, dict) else note
                text.addWidget(label(str(said), "small", wrap=True))
        row.addLayout(text, 1)
        row.addWidget(label(state, tone), 0, Qt.AlignmentFlag.AlignTop)
        return row
