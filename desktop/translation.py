"""Qt's own texts (file dialogs, standard buttons) in the language of the window."""

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from desktop.wording import Lang


def translate(app: QApplication, lang: Lang) -> bool:
    """Load Qt's zh_CN translation from the wheel, or take it off again; False where it was wanted and is missing."""
    for old in app.findChildren(QTranslator):
        app.removeTranslator(old)
        old.deleteLater()
    QLocale.setDefault(
        QLocale(QLocale.Language.Chinese, QLocale.Country.China) if lang == "zh" else QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom)
    )
    if lang == "en":
        return True
    translator = QTranslator(app)
    if not translator.load("qtbase_zh_CN", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        return False
    return app.installTranslator(translator)
