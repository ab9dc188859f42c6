"""Colours, type and pictures of the window, light and dark; a meaning is never told by colour alone."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication


@dataclass(frozen=True, slots=True)
class Colours:
    """One scheme; every pair of text and ground has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""

    ground: str
    panel: str
    raised: str
    line: str
    text: str
    quiet: str
    accent: str
    accent_hover: str
    on_accent: str
    accent_soft: str
    seal: str
    good: str
    good_soft: str
    bad: str
    bad_soft: str
    doubt: str
    doubt_soft: str


LIGHT = Colours(
    ground="#F4F6F9", panel="#FFFFFF", raised="#FFFFFF", line="#D5DBE3", text="#1B2530", quiet="#556270", accent="#1F5FAF", accent_hover="#184E93",
    on_accent="#FFFFFF", accent_soft="#E6EFFA", seal="#B3262A", good="#17703A", good_soft="#E5F4EA",
    bad="#B3261E", bad_soft="#FCEAE8", doubt="#8A5300", doubt_soft="#FFF3DC",
)  # fmt: skip
DARK = Colours(
    ground="#171B20", panel="#1F252C", raised="#28303A", line="#3B4551", text="#E8EDF2", quiet="#A6B1BD", accent="#6EA8F0", accent_hover="#8ABAF5",
    on_accent="#0B1A2C", accent_soft="#24384F", seal="#E4605E", good="#6FCF97", good_soft="#1D3427",
    bad="#F28B82", bad_soft="#40211F", doubt="#F2B95C", doubt_soft="#3B2E17",
)  # fmt: skip

_TICK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tick.svg").replace("\\", "/").replace('"', '\\"')

# 24 x 24, stroked with the colour asked for.
_SHAPES = {
    "passed": '<circle cx="12" cy="12" r="9.2"/><path d="M7.6 12.4l3 3 5.8-6.4"/>',
    "failed": '<circle cx="12" cy="12" r="9.2"/><path d="M8.6 8.6l6.8 6.8M15.4 8.6l-6.8 6.8"/>',
    "indeterminate": '<path d="M12 3.2l9.3 16.6H2.7z"/><path d="M12 9.6v4.6M12 16.9v.2"/>',
    "information": '<circle cx="12" cy="12" r="9.2"/><path d="M12 11v5.4M12 7.6v.2"/>',
    "file": '<path d="M6 2.8h8l4.5 4.5v13.9H6z"/><path d="M14 2.8v4.5h4.5"/>',
    "drop": '<path d="M12 3.5v11M7.5 10.2l4.5 4.5 4.5-4.5M4 16.5v4h16v-4"/>',
    "key": '<path d="M8 2.8h8v4.4H8zM6.2 7.2h11.6v8.3a5.8 5.8 0 0 1-11.6 0z"/><path d="M12 11v4"/>',
    "certificate": '<path d="M3.5 4.5h17v11h-8M3.5 15.5h3M3.5 4.5v11M7 8.3h10"/><circle cx="9.5" cy="14" r="2.6"/>'
    '<path d="M8 16.2v5l1.5-1.2 1.5 1.2v-5"/>',
    "sign": '<path d="M4 20.5h16M6 16.5l.8-3.6L15.6 4l2.9 2.9-8.9 8.8z"/>',
    "verify": '<path d="M12 2.8l7.6 2.8v5.6c0 4.8-3.2 8.2-7.6 10-4.4-1.8-7.6-5.2-7.6-10V5.6z"/><path d="M8.4 11.8l2.6 2.6 4.8-5"/>',
    "ledger": '<path d="M5 3h12.5a1.5 1.5 0 0 1 1.5 1.5v16.5H6.8A1.8 1.8 0 0 1 5 19.2zM5 19.2a1.8 1.8 0 0 1 1.8-1.8H19"/><path d="M9 7.5h6M9 11h6"/>',
    "lock": '<path d="M5.5 10.5h13v10h-13z"/><path d="M8.2 10.5V7.4a3.8 3.8 0 0 1 7.6 0v3.1"/>',
}  # fmt: skip


def colours() -> Colours:
    """The scheme of the desktop this window stands on."""
    dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


def icon(shape: str, colour: str, size: int = 24) -> QIcon:
    """A picture of `shape` in `colour`, sharp on any screen."""
    return QIcon(picture(shape, colour, size))


def picture(shape: str, colour: str, size: int, width: float = 1.7) -> QPixmap:
    """`shape` as a pixmap of `size` device-independent pixels."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linecap="round" stroke-linejoin="round">{_SHAPES[shape]}</svg>'
    )
    return _drawn(size, lambda painter: QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size)))


def mark(size: int) -> QPixmap:
    """The product's mark: a seal impression with the character 印."""

    def draw(painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(LIGHT.seal))
        painter.drawRoundedRect(QRectF(0, 0, size, size), size * 0.16, size * 0.16)
        font = QFont(QApplication.font().families())
        font.setPixelSize(int(size * 0.68))
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor("#FFFFFF"))
        painter.drawText(QRectF(0, 0, size, size * 0.98), Qt.AlignmentFlag.AlignCenter, "印")

    return _drawn(size, draw)


def _drawn(size: int, draw: Callable[[QPainter], object]) -> QPixmap:
    ratio = max([2.0, *(screen.devicePixelRatio() for screen in QGuiApplication.screens())])
    pixmap = QPixmap(int(size * ratio), int(size * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw(painter)
    painter.end()
    return pixmap


def has_chinese_font() -> bool:
    """Whether any installed font can show simplified Chinese."""
    return bool(QFontDatabase.families(QFontDatabase.WritingSystem.SimplifiedChinese))


def dress(app: QApplication, lang: str) -> None:
    """Give `app` our type, palette and style sheet, for the language spoken and the desktop's scheme, light or dark."""
    app.setStyle("Fusion")
    font = app.font()
    known = set(QFontDatabase.families())
    wanted = [f for f in ("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "WenQuanYi Micro Hei") if f in known]
    own = [f for f in app.font().families() if f not in wanted]
    font.setFamilies([*wanted, *own] if lang == "zh" else [*own, *wanted])  # a Chinese font has its own, wide, quotation marks
    font.setPointSizeF(max(10.5, font.pointSizeF()))
    app.setFont(font)
    _paint(app)


def _paint(app: QApplication) -> None:
    c = colours()
    palette = QPalette()
    role = QPalette.ColorRole
    pairs = {
        role.Window: c.ground, role.WindowText: c.text, role.Base: c.panel, role.AlternateBase: c.ground, role.Text: c.text, role.Button: c.raised,
        role.ButtonText: c.text,
        role.Highlight: c.accent, role.HighlightedText: c.on_accent, role.PlaceholderText: c.quiet, role.ToolTipBase: c.raised,
        role.ToolTipText: c.text,
        role.Link: c.accent,
    }  # fmt: skip
    for which, colour in pairs.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(c.quiet))
    app.setPalette(palette)
    sheet = _SHEET
    for name in sorted((f.name for f in fields(c)), key=len, reverse=True):
        sheet = sheet.replace(f"@{name};", f"{getattr(c, name)};")
    app.setStyleSheet(sheet.replace("@tick", _TICK))


_SHEET = """
QToolTip { border: 1px solid @line; padding: 4px; }
#side { background: @panel; border-right: 1px solid @line; }
#brand { font-size: 17pt; font-weight: 600; }
#title { font-size: 17pt; font-weight: 600; }
#heading { font-weight: 600; font-size: 11.5pt; }
#quiet { color: @quiet; }
#small { color: @quiet; font-size: 9.5pt; }
#mono { font-family: "Noto Sans Mono CJK SC", "DejaVu Sans Mono", monospace; color: @quiet; font-size: 9.5pt; }
#panel, #card { background: @panel; border: 1px solid @line; border-radius: 8px; }
#card[chosen="true"] { border: 2px solid @accent; background: @accent_soft; }
#card:focus { border: 2px solid @accent; }
#good { color: @good; } #bad { color: @bad; } #doubt { color: @doubt; }
#banner[tone="good"] { background: @good_soft; border: 1px solid @good; border-radius: 8px; }
#banner[tone="bad"] { background: @bad_soft; border: 1px solid @bad; border-radius: 8px; }
#banner[tone="doubt"] { background: @doubt_soft; border: 1px solid @doubt; border-radius: 8px; }
#banner[tone="plain"] { background: @accent_soft; border: 1px solid @accent; border-radius: 8px; }
#pill { border-radius: 11px; padding: 2px 12px; font-weight: 600; }
#pill[tone="good"] { background: @good_soft; color: @good; }
#pill[tone="bad"] { background: @bad_soft; color: @bad; }
#pill[tone="doubt"] { background: @doubt_soft; color: @doubt; }
#pill[tone="quiet"] { background: @ground; color: @quiet; }
#drop { background: @panel; border: 2px dashed @quiet; border-radius: 10px; }
#drop[over="true"] { background: @accent_soft; border: 2px dashed @accent; }
#drop:focus { border: 2px dashed @accent; }
#footer { background: @panel; border-top: 1px solid @line; }
QPushButton { padding: 6px 14px; border: 1px solid @line; border-radius: 6px; background: @raised; color: @text; min-height: 20px; }
QPushButton:hover { border-color: @accent; }
QPushButton:focus { border: 2px solid @accent; padding: 5px 13px; }
QPushButton:disabled { color: @quiet; background: @ground; }
QPushButton#primary { background: @accent; color: @on_accent; border: 1px solid @accent; font-weight: 600; padding: 8px 26px; }
QPushButton#primary:hover { background: @accent_hover; }
QPushButton#primary:focus { border: 2px solid @text; padding: 7px 25px; }
QPushButton#primary:disabled { background: @line; color: @quiet; border-color: @line; }
QPushButton#nav { text-align: left; border: none; border-radius: 6px; padding: 10px 12px; background: transparent; font-size: 11.5pt; }
QPushButton#nav:hover { background: @ground; }
QPushButton#nav:checked { background: @accent_soft; color: @accent; font-weight: 600; }
QPushButton#nav:focus { border: 2px solid @accent; padding: 8px 10px; }
QPushButton#link { border: none; background: transparent; color: @accent; padding: 2px 4px; }
QPushButton#link:hover { text-decoration: underline; }
QPushButton#link:focus { border: 1px solid @accent; padding: 1px 3px; }
QLineEdit { padding: 5px 8px; border: 1px solid @line; border-radius: 6px; background: @panel; color: @text; min-height: 20px; }
QLineEdit:focus { border: 2px solid @accent; padding: 4px 7px; }
QLineEdit:disabled { background: @ground; }
QComboBox, QSpinBox, QDoubleSpinBox { min-height: 28px; }
QRadioButton::indicator { width: 14px; height: 14px; border: 1px solid @quiet; border-radius: 8px; background: @panel; }
QRadioButton::indicator:checked { width: 6px; height: 6px; border: 5px solid @accent; background: @panel; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid @quiet; border-radius: 3px; background: @panel; }
QCheckBox::indicator:checked { border: 1px solid #1F5FAF; background: #1F5FAF; image: url("@tick"); }
QCheckBox:focus, QRadioButton:focus { text-decoration: underline; }
QListWidget, QTableView { border: 1px solid @line; border-radius: 6px; background: @panel; outline: 0; }
QListWidget:focus, QTableView:focus { border: 1px solid @accent; }
QListWidget::item { padding: 6px; border-bottom: 1px solid @ground; }
QListWidget::item:selected, QTableView::item:selected { background: @accent_soft; color: @text; }
QTableView::item { padding: 4px 8px; }
QHeaderView::section { background: @ground; color: @quiet; border: none; border-bottom: 1px solid @line; padding: 5px 8px; }
QProgressBar { border: 1px solid @line; border-radius: 6px; background: @ground; height: 14px; text-align: center; }
QProgressBar::chunk { background: @accent; border-radius: 5px; }
QScrollArea { border: none; background: transparent; }
#inside { background: transparent; }
QScrollBar:vertical { width: 10px; background: transparent; margin: 0; }
QScrollBar:horizontal { height: 10px; background: transparent; margin: 0; }
QScrollBar::handle { background: @line; border-radius: 4px; min-height: 32px; min-width: 32px; }
QScrollBar::handle:hover { background: @quiet; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: transparent; }
"""
