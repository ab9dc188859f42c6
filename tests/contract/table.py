"""docs/tokens.md: what the contract suite saw of every kind of token, written by `make lab` and compared with the suite by `make test`."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.contract.kinds import KINDS, Capability, Kind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tokens.md"
_HEAD = """\
# 各种 UKey 的实测结果 / Tokens as they were tried

由 `make lab` 写出，不手工修改：同一套合同测试（`tests/contract/`）对每一种 UKey 实跑一遍。
✓ 表示做到，后面是当时看到的；– 表示它不提供，后面是原因，能验证的也验证过。没有列出的型号没有试过。
`make test` 每次都跑前三种（SoftHSM2、带故障注入的 SoftHSM2、虚拟 PIV 卡）；NSS 和 TPM 只在 `make lab` 里跑。

*Written by `make lab`, not by hand: one contract suite (`tests/contract/`) run against every kind of token.
✓ is met, followed by what was seen; – is not offered, followed by the reason, checked where that is possible. A model that is not listed was
not tried. `make test` runs the first three every time; NSS and the TPM are run by `make lab` alone.*

"""
_FOOT = """
- **SoftHSM2 + shim**：SoftHSM2 外面套一层会出错的模块（`tests/lab/shim.c`）/ *SoftHSM2 behind a module that errs on command*.
- **PIV**：Python 写的虚拟 PIV 卡（`tests/lab/piv.py`），经 vsmartcard 的虚拟读卡器、私有的 pcscd 和 OpenSC；
  不用本机的读卡服务，不需要 root / *a virtual PIV card in Python, vsmartcard's virtual reader, a private pcscd and OpenSC; the machine's
  card service is not used, no root needed*.
- **TPM**：swtpm，私有 D-Bus 上的 tpm2-abrmd，tpm2-pkcs11；PIN 错误次数由 TPM 自己数，不给提示 /
  *swtpm behind tpm2-abrmd on a bus of its own; the TPM counts wrong PINs and announces nothing*.
- **拔出与插入 / removal and insertion**：拔五次、插五次，从动作到监视进程看到的最长时间，限 2 秒 /
  *the longest of five times from the act until the monitor host saw it, first pulled, then inserted; the limit is 2 s*.
- **NSS**：`C_WrapKey` 能把标为不可导出的私钥取出，所以印信不在它里面生成密钥 /
  *`C_WrapKey` takes out a private key that is marked not extractable, so Yinxin makes no key in it*.
"""


def heads() -> list[str]:
    """The columns."""
    return ["", *(kind.title for kind in KINDS)]


def row(capability: Capability, seen: Mapping[tuple[str, str], str]) -> list[str]:
    """A line of the table; `seen` is by kind's and capability's name."""
    return [capability.value, *(_cell(kind, capability, seen) for kind in KINDS)]


def _cell(kind: Kind, capability: Capability, seen: Mapping[tuple[str, str], str]) -> str:
    if not kind.offers(capability):
        return f"– {kind.lacks[capability]}"
    return f"✓ {seen[kind.name, capability.name]}".strip()


def page(seen: Mapping[tuple[str, str], str]) -> str:
    """The whole page; KeyError where a cell was not tried."""
    lines = [heads(), ["---"] * len(heads()), *(row(capability, seen) for capability in Capability)]
    return _HEAD + f"{_where()}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + _FOOT


def _where() -> str:
    """The system and the programs between a token and its module, whose versions no module tells."""
    found = [platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")]
    for command in (["pcscd", "--version"], ["swtpm", "--version"]):
        program = shutil.which(command[0], path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
        if program is not None:
            said = subprocess.run([program, *command[1:]], capture_output=True, text=True, errors="replace").stdout.splitlines()
            found += said[:1]
    return f"在此试过 / tried on: {' · '.join(line.split(',')[0].strip(' .') for line in found)}"
