"""Every error's two sentences, Chinese and English, keyed ``code`` or ``code.reason``.

The words are those of the users' glossary: UKey (never 令牌), 签章服务 (never 代理), PIN 码, 数字证书.
"""

from collections.abc import Mapping

from agent.api.sentences.calls import CALLS
from agent.api.sentences.device import DEVICE
from agent.api.sentences.files import FILES
from agent.api.sentences.form import Sentence
from agent.api.sentences.ledger import LEDGER
from agent.api.sentences.pins import PINS
from agent.api.sentences.rules import RULES
from agent.api.sentences.store import STORE
from agent.api.sentences.tokens import TOKENS

SENTENCES: Mapping[str, Sentence] = {**TOKENS, **PINS, **FILES, **CALLS, **DEVICE, **STORE, **LEDGER, **RULES}
