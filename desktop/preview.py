"""The page on the screen: tiles from the renderer, and a box that shows where a signature stands or shall stand.

Scene units are mm of the displayed page, y downwards.  A click puts the box, a drag draws, moves or resizes it; with the
keyboard the arrows move it by 1 mm, with Shift by 10.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QImage, QKeyEvent, QMouseEvent, QPainter, QPen, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsPixmapItem, QGraphicsRectItem, QGraphicsScene, QGraphicsView, QStyleOptionGraphicsItem, QWidget

from desktop import look
from desktop.pages import Pages, Tile
from desktop.placement import SMALLEST_MM, Box, inside

Grip: TypeAlias = Literal["", "draw", "move", "size"]
_TILE: Final = 768
_SETTLE_MILLISECONDS: Final = 50
_HANDLE_PIXELS: Final = 12
_CLICK_PIXELS: Final = 5
_MARGIN_MM: Final = 3.0
_ZOOM: Final = 1.25
_LARGEST_SCALE: Final = 40.0
"""Pixels per mm (1016 dpi)."""


class BoxItem(QGraphicsRectItem):
    """The box, with a line of text inside and a handle at its lower right corner where it can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.fixed = "", False
        self.setZValue(1_000_000)

    def boundingRect(self) -> QRectF:
        return self.rect().adjusted(-3, -3, 3, 3)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        scale = painter.worldTransform().m11() or 1.0
        rect = QRectF(0, 0, self.rect().width() * scale, self.rect().height() * scale)
        colour = QColor(look.LIGHT.seal if self.fixed else look.LIGHT.accent)  # paper is white in every scheme
        fill = QColor(colour)
        fill.setAlpha(24 if self.fixed else 40)
        painter.save()
        painter.translate(self.rect().topLeft())
        painter.scale(1 / scale, 1 / scale)
        painter.setPen(QPen(colour, 2))
        painter.setBrush(fill)
        painter.drawRect(rect)
        if self.text and not self.fixed:
            lines = self.text.split("\n")
            font = QFont(painter.font())
            font.setPixelSize(max(5, int(min(rect.height() / (1.5 * len(lines)), rect.width() / max(4, *(len(line) for line in lines)), 26))))
            painter.setFont(font)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self.text)
        if not self.fixed:
            painter.setBrush(colour)
            painter.drawRect(QRectF(rect.right() - 4, rect.bottom() - 4, 8, 8))
        painter.restore()


class PageView(QGraphicsView):
    """One page, zoomed and scrolled; `placed` tells where a person put the box (mm from the page's top left)."""

    placed = Signal(Box)
    moved = Signal()
    """It was scrolled or zoomed."""

    def __init__(self, pages: Pages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pages = pages
        self._number, self._width, self._height = 0, 0.0, 0.0
        self._fit, self._editable = True, False
        self._grip: Grip = ""
        self._from = QPointF()
        self._before = QRectF()
        self._wanted: list[Tile] = []
        self._asked: Tile | None = None
        self._tiles: dict[Tile, QGraphicsPixmapItem] = {}
        scene = QGraphicsScene(self)
        self.setScene(scene)
        self._paper = scene.addRect(QRectF(), QPen(QColor(look.LIGHT.line), 0), QColor("#FFFFFF"))
        self._box = BoxItem()
        scene.addItem(self._box)
        self._box.hide()
        self._marks: list[BoxItem] = []
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setBackgroundBrush(QColor(0, 0, 0, 24))
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setMouseTracking(True)
        self.setAcceptDrops(False)  # files dropped here are for the page around it
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MILLISECONDS)
        self._settle.timeout.connect(self._retile)
        for bar in (self.horizontalScrollBar(), self.verticalScrollBar()):
            bar.valueChanged.connect(lambda _: self._settle.start())
            bar.valueChanged.connect(lambda _: self.moved.emit())
        pages.drawn.connect(self._drawn)

    @property
    def page(self) -> int:
        """The page shown, 0 for none."""
        return self._number

    @property
    def page_size(self) -> tuple[float, float]:
        """Its width and height in mm."""
        return self._width, self._height

    @property
    def complete(self) -> bool:
        """Whether everything that is visible has been drawn."""
        return bool(self._tiles) and not self._wanted and self._asked is None and not self._settle.isActive()

    def show_page(self, number: int, width_mm: float, height_mm: float) -> None:
        """Show a page of this size, whole."""
        self.clear()
        self._number, self._width, self._height = number, width_mm, height_mm
        page = QRectF(0, 0, width_mm, height_mm)
        self._paper.setRect(page)
        margin = max(_MARGIN_MM, width_mm * 0.02)
        self.setSceneRect(page.adjusted(-margin, -margin, margin, margin))
        self.fit()

    def clear(self) -> None:
        """Show nothing."""
        self._settle.stop()
        self._wanted.clear()
        self._asked = None
        for item in self._tiles.values():
            self.scene().removeItem(item)
        self._tiles.clear()
        self._number, self._width, self._height = 0, 0.0, 0.0
        self._paper.setRect(QRectF())
        self._box.hide()
        self.set_marks(())

    def set_marks(self, boxes: Sequence[Box]) -> None:
        """Mark these areas, and no others."""
        for old in self._marks:
            self.scene().removeItem(old)
        self._marks = []
        for box in boxes:
            mark = BoxItem()
            mark.fixed = True
            mark.setRect(QRectF(box.x, box.y, box.width, box.height))
            self.scene().addItem(mark)
            self._marks.append(mark)

    @property
    def marks(self) -> list[Box]:
        """The areas that are marked."""
        rects = [mark.rect() for mark in self._marks]
        return [Box(rect.x(), rect.y(), rect.width(), rect.height()) for rect in rects]

    def follow(self, other: "PageView") -> None:
        """Show the same part of the page, at the same scale, as another view."""
        if other._fit:
            self.fit()
            return
        self._fit = False
        self.setTransform(other.transform())
        for mine, theirs in (
            (self.horizontalScrollBar(), other.horizontalScrollBar()),
            (self.verticalScrollBar(), other.verticalScrollBar()),
        ):
            mine.setValue(theirs.value())
        self._settle.start()

    def fit(self) -> None:
        """The whole page."""
        self._fit = True
        if self._number:
            self.fitInView(self.sceneRect(), Qt.AspectRatioMode.KeepAspectRatio)
            self._settle.start()
            self.moved.emit()

    def zoom(self, factor: float) -> None:
        """Nearer or further, never beyond what shows the whole page or a dot."""
        scale = self.transform().m11()
        if not self._number or not 0.02 <= scale * factor <= _LARGEST_SCALE:
            return
        self._fit = False
        self.scale(factor, factor)
        self._settle.start()
        self.moved.emit()

    def set_box(self, box: Box | None, text: str = "", editable: bool = False) -> None:
        """Show `box` (None: none); `editable` lets the person put it elsewhere."""
        self._editable = editable
        self._box.fixed, self._box.text = not editable, text
        self._box.setVisible(box is not None and self._number > 0)
        if box is not None:
            self._box.setRect(QRectF(box.x, box.y, box.width, box.height))
        self._box.update()
        self.viewport().setCursor(Qt.CursorShape.CrossCursor if editable else Qt.CursorShape.ArrowCursor)
        self.setDragMode(QGraphicsView.DragMode.NoDrag if editable else QGraphicsView.DragMode.ScrollHandDrag)

    def hide_box(self) -> None:
        """No box; where it may be put, a click still puts one of the last size."""
        self._box.hide()

    # placing

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not (self._editable and self._number and event.button() == Qt.MouseButton.LeftButton):
            super().mousePressEvent(event)
            return
        self._from = self.mapToScene(event.position().toPoint())
        self._before = QRectF(self._box.rect())
        self._grip = self._grip_at(self._from)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        here = self.mapToScene(event.position().toPoint())
        if not self._grip:
            if self._editable:
                shapes = {"size": Qt.CursorShape.SizeFDiagCursor, "move": Qt.CursorShape.SizeAllCursor}
                self.viewport().setCursor(shapes.get(self._grip_at(here), Qt.CursorShape.CrossCursor))
            super().mouseMoveEvent(event)
            return
        moved = here - self._from
        if self._grip == "move":
            self._put(self._before.translated(moved))
        elif self._grip == "size":
            self._put(self._before.adjusted(0, 0, moved.x(), moved.y()))
        elif math.hypot(moved.x(), moved.y()) * self.transform().m11() > _CLICK_PIXELS:
            self._put(QRectF(self._from, here).normalized())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self._grip:
            super().mouseReleaseEvent(event)
            return
        here = self.mapToScene(event.position().toPoint())
        if self._grip == "draw" and math.hypot(here.x() - self._from.x(), here.y() - self._from.y()) * self.transform().m11() <= _CLICK_PIXELS:
            put = QRectF(self._before)
            put.moveCenter(here)
            self._put(put)
        self._grip = ""
        self._tell()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self._editable or not self._number:
            super().keyPressEvent(event)
            return
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        self._put(self._box.rect().translated(step[0] * far, step[1] * far))
        self._tell()

    def _grip_at(self, point: QPointF) -> Grip:
        rect, near = self._box.rect(), _HANDLE_PIXELS / (self.transform().m11() or 1.0)
        if not self._box.isVisible():
            return "draw"
        corner = rect.bottomRight()
        if abs(point.x() - corner.x()) <= near and abs(point.y() - corner.y()) <= near:
            return "size"
        return "move" if rect.contains(point) else "draw"

    def _put(self, rect: QRectF) -> None:
        put = inside(Box(rect.x(), rect.y(), max(rect.width(), SMALLEST_MM), max(rect.height(), SMALLEST_MM)), self._width, self._height)
        self._box.setRect(QRectF(put.x, put.y, put.width, put.height))
        self._box.show()

    def _tell(self) -> None:
        rect = self._box.rect()
        self.placed.emit(Box(rect.x(), rect.y(), rect.width(), rect.height()))

    # drawing

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fit:
            self.fit()
        else:
            self._settle.start()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(_ZOOM if event.angleDelta().y() > 0 else 1 / _ZOOM)
        else:
            super().wheelEvent(event)

    def _retile(self) -> None:
        """Ask for what is visible at the present scale and missing; one tile at a time, so that a new view is not behind an old one."""
        if not self._number:
            return
        scale = round(min(self.transform().m11() * self.devicePixelRatioF(), _LARGEST_SCALE), 4)
        seen = self.mapToScene(self.viewport().rect()).boundingRect().intersected(self._paper.rect())
        left, top = int(seen.left() * scale) // _TILE, int(seen.top() * scale) // _TILE
        right, bottom = int(seen.right() * scale) // _TILE, int(seen.bottom() * scale) // _TILE
        limit = (math.ceil(self._width * scale), math.ceil(self._height * scale))
        wanted = [Tile(self._number, scale, x * _TILE, y * _TILE, _TILE, _TILE) for y in range(top, bottom + 1) for x in range(left, right + 1)]
        self._wanted = [tile for tile in wanted if tile not in self._tiles and tile.x < limit[0] and tile.y < limit[1]]
        self._next()

    def _next(self) -> None:
        if self._asked is None and self._wanted:
            self._asked = self._wanted.pop(0)
            self._pages.draw(self._asked)

    def _drawn(self, tile: Tile, image: QImage) -> None:
        if tile != self._asked:
            return
        self._asked = None
        item = QGraphicsPixmapItem(QPixmap.fromImage(image))
        item.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
        item.setScale(1 / tile.scale)
        item.setPos(tile.x / tile.scale, tile.y / tile.scale)
        item.setZValue(1 + tile.scale)
        self.scene().addItem(item)
        self._tiles[tile] = item
        if self._wanted:
            self._next()
            return
        for old in [old for old in self._tiles if old.scale != tile.scale]:
            self.scene().removeItem(self._tiles.pop(old))
