"""Every error's two sentences, Chinese and English: the table behind `messages.sentence`, keyed ``code`` or ``code.reason``.

The words are those of the users' glossary: UKey (never 令牌), 签章服务 (never 代理), PIN 码, 数字证书.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Sentence(NamedTuple):
    """One error's texts; a part in ``[…]`` goes where a fact it names is missing."""

    zh: str
    zh_hint: str
    en: str
    en_hint: str


SENTENCES: Mapping[str, Sentence] = {
    "pin_incorrect": Sentence(
        "PIN 码不对，已停止，没有文件被签署。",
        "请核对后再输；连续输错会锁定 UKey。",
        "The PIN is wrong; everything stopped, and no file was signed.",
        "Check the PIN and run the command again; several wrong PINs in a row lock the token.",
    ),
    "pin_locked": Sentence(
        "UKey[“{token}”]已锁定，不再接受 PIN 码。",
        "请联系发证机构或 UKey 管理员解锁；没有文件因此被改动。",
        "The token[ “{token}”] is locked and accepts no PIN any more.",
        "Ask whoever issued it to unlock it (SO PIN or PUK); no file was changed.",
    ),
    "pin_final_try": Sentence(
        "UKey[“{token}”]只剩最后一次机会，再错就会锁定；尚未输入 PIN 码。",
        "先向 UKey 管理员核实 PIN 码；确认仍要输入，请加 --confirm-final-try，或键入“我确认”。",
        "Only one try is left on the token[ “{token}”]: another wrong PIN locks it. No PIN was sent.",
        "Make sure of the PIN first; to go on, add --confirm-final-try or type CONFIRM when asked.",
    ),
    "pin_cancelled": Sentence(
        "没有输入 PIN 码，已取消；没有消耗输入次数。",
        "需要时重新运行，并在提示时输入 PIN 码，或用 --pin 指定来源（env:、file:、fd:）。",
        "No PIN was given, so nothing was done; no try was spent.",
        "Run it again and enter the PIN when asked, or name a source with --pin (env:, file:, fd:).",
    ),
    "no_prompter": Sentence(
        "需要 PIN 码，但这里既没有终端，也没有可以显示确认窗口的桌面。",
        "请在终端中运行，或用 --pin env:变量名、--pin file:文件 或 --pin fd:编号 提供 PIN 码。",
        "A PIN is needed, but there is neither a terminal nor a display to ask for it.",
        "Run it in a terminal, or give the PIN by --pin env:NAME, --pin file:PATH or --pin fd:N.",
    ),
    "token_absent": Sentence(
        "没有找到 UKey[“{wanted}”]。[现有：{present}。]",
        "请插好 UKey 后再试；用 yinxin token list 查看，用 yinxin doctor 检查驱动。",
        "There is no token[ “{wanted}”].[ There is: {present}.]",
        "Plug it in and try again; `yinxin token list` shows what is there, `yinxin doctor` checks the modules.",
    ),
    "token_removed": Sentence(
        "UKey[“{token}”]已拔出[：已完成 {published} 份，未做 {remaining} 份]。",
        "插回同一个 UKey 后重新运行；已完成的文件仍然有效。",
        "The token[ “{token}”] was removed[: {published} document(s) done, {remaining} not].",
        "Put the same token back and run the command again; what was published stays valid.",
    ),
    "token_ambiguous": Sentence(
        "有多个 UKey 符合[“{wanted}”][：{present}]。",
        "请用 --token 指明名称或序列号。",
        "Several tokens fit[ “{wanted}”][: {present}].",
        "Say which one with --token LABEL or --token SERIAL.",
    ),
    "token_not_initialised": Sentence(
        "UKey[“{token}”]还没有初始化，没有名称和 PIN 码。",
        "请先运行 yinxin token init；没有 UKey 时可用 --emulated 建一个练习用的。",
        "The token[ “{token}”] is not initialised: it has no label and no PIN.",
        "Run `yinxin token init` first; without a device, --emulated makes one for practice.",
    ),
    "token_not_initialised.holds_keys": Sentence(
        "UKey[“{token}”]里已有密钥，初始化会把它们毁掉，因此没有执行。",
        "请换一个空的 UKey；里面的密钥没有改动。",
        "The token[ “{token}”] already holds keys, and initialising would destroy them, so it was not done.",
        "Use an empty token; its keys are untouched.",
    ),
    "key_not_found": Sentence(
        "UKey[“{token}”]上没有这把私钥[“{wanted}”]。[现有：{present}。]",
        "用 yinxin key list 查看，或用 yinxin key generate 生成一把。",
        "There is no such private key[ “{wanted}”] on the token[ “{token}”].[ There is: {present}.]",
        "Look with `yinxin key list`, or make one with `yinxin key generate`.",
    ),
    "certificate_not_found": Sentence(
        "没有找到可用的数字证书[“{wanted}”]。[现有：{present}。]",
        "用 yinxin cert list 查看；签名需要证书有效且私钥在同一个 UKey 上。没有证书时可用 yinxin ca create 起步，做一张内部证书。",
        "No usable certificate[ “{wanted}”] was found.[ There is: {present}.]",
        "Look with `yinxin cert list`; it must be valid and its key on the same token. Without one, begin with `yinxin ca create`.",
    ),
    "certificate_ambiguous": Sentence(
        "有多张数字证书符合[“{wanted}”][：{present}]。",
        "请用 --cert 指明文件指纹开头、姓名或标签。",
        "Several certificates fit[ “{wanted}”][: {present}].",
        "Say which one with --cert FINGERPRINT, common name or label.",
    ),
    "certificate_mismatch": Sentence(
        "数字证书与 UKey 上的私钥不是一对。",
        "请选与该私钥对应的证书（yinxin cert list），或重新申请证书。",
        "The certificate does not belong to the private key on the token.",
        "Choose the certificate of that key (`yinxin cert list`), or request a new one.",
    ),
    "mechanism_unsupported": Sentence(
        "UKey[“{token}”]不支持所需的算法[（{mechanism}）]。",
        "请换一种密钥类型或另一个 UKey；yinxin token show 显示它的情况。",
        "The token[ “{token}”] does not offer the algorithm that is needed[ ({mechanism})].",
        "Use another key type or another token; `yinxin token show` tells about it.",
    ),
    "module_unusable": Sentence(
        "UKey 驱动[“{module}”]不能使用[（{path}）][：{ckr}]。",
        "用 yinxin doctor 查看原因，或重新安装该驱动。",
        "The token module[ “{module}”] cannot be used[ ({path})][: {ckr}].",
        "`yinxin doctor` says why; else install the module again.",
    ),
    "module_unusable.missing": Sentence(
        "UKey 驱动文件不存在[：{path}]。",
        "请安装 UKey 厂商的驱动，再用 yinxin module add 指明 .so 文件。",
        "The module's file does not exist[: {path}].",
        "Install the vendor's software and name its .so file with `yinxin module add`.",
    ),
    "module_unusable.not_a_module": Sentence(
        "这个文件不是 UKey 驱动（PKCS#11）[：{path}]。",
        "请指明厂商的 PKCS#11 库文件（.so）。",
        "This file is no PKCS#11 module[: {path}].",
        "Name the vendor's PKCS#11 library (.so).",
    ),
    "module_unusable.architecture": Sentence(
        "UKey 驱动是为另一种处理器或系统编译的[：{path}]。",
        "请安装与本机相符（例如 64 位）的驱动。",
        "The module was built for another processor or system[: {path}].",
        "Install the one for this machine (64 bit, for example).",
    ),
    "module_unusable.configuration": Sentence(
        "UKey 驱动[“{module}”]缺少配置或数据文件夹。",
        "SoftHSM2 需要 SOFTHSM2_CONF 指向可读的配置；练习用请运行 yinxin token init --emulated，它自带配置。",
        "The module[ “{module}”] lacks its configuration or its token folder.",
        "SoftHSM2 wants SOFTHSM2_CONF to name a readable file; `yinxin token init --emulated` brings its own.",
    ),
    "module_unusable.failed": Sentence(
        "UKey 驱动[“{module}”]无法初始化[：{ckr}]。",
        "请确认 UKey 和读卡服务（pcscd）正常；用 yinxin doctor 检查。",
        "The module[ “{module}”] failed to initialise[: {ckr}].",
        "See that the device and the card service (pcscd) are there; `yinxin doctor` checks.",
    ),
    "module_unusable.crashed": Sentence(
        "UKey 驱动[“{module}”]崩溃了；签章服务和文件未受影响。",
        "请再试一次；仍然如此，请更新或更换该驱动。",
        "The module[ “{module}”] crashed; the agent and your files are unharmed.",
        "Try again; if it goes on, update or replace the module.",
    ),
    "module_unusable.changed": Sentence(
        "UKey 驱动文件与添加时不同[：{path}]，因此没有加载。",
        "如果是您自己更新的，请用 yinxin module remove 和 module add 重新添加并确认。",
        "The module's file is not the one that was added[: {path}], so it is not loaded.",
        "If you updated it, take it out and add it again: `yinxin module remove`, `yinxin module add`.",
    ),
    "module_unusable.unsafe": Sentence(
        "其他用户可以改写这个 UKey 驱动文件[：{path}]，因此不能添加。",
        "请把文件的所有者改为 root 或您自己，并去掉其他人的写权限。",
        "Other users can change this module's file[: {path}], so it is not added.",
        "Give the file to root or yourself and take away the others' right to write.",
    ),
    "module_timeout": Sentence(
        "UKey 驱动[“{module}”]没有响应[（{during}）]，已被中止。",
        "请拔下 UKey 再插回后重试；中止时若正在核对 PIN 码，可能已消耗一次输入机会。",
        "The module[ “{module}”] did not answer[ ({during})] and was ended.",
        "Pull the token, put it back and try again; if it was checking the PIN, one try may be spent.",
    ),
    "token_fault": Sentence(
        "UKey[“{token}”]报告故障[：{ckr}]。",
        "请拔下再插回后重试；仍然如此，请用 yinxin doctor 检查，或联系厂商。",
        "The token[ “{token}”] reports a fault[: {ckr}].",
        "Pull it, put it back and try again; if it goes on, run `yinxin doctor` or ask the vendor.",
    ),
    "input_unusable": Sentence(
        "文件不能使用[：{name}]。", "请检查该文件；它没有被改动。", "The file cannot be used[: {name}].", "Look at the file; it was not changed."
    ),
    "input_unusable.not_found": Sentence(
        "找不到文件[：{name}]。", "请核对文件名和所在文件夹。", "There is no such file[: {name}].", "Check its name and folder."
    ),
    "input_unusable.unreadable": Sentence(
        "读不了文件[：{name}]。",
        "请检查读取权限，或文件是否在可用的磁盘上。",
        "The file cannot be read[: {name}].",
        "Check that you may read it and that its disk is there.",
    ),
    "input_unusable.not_a_file": Sentence(
        "这不是普通文件[：{name}]。",
        "请给出文件，而不是文件夹或设备。",
        "This is no regular file[: {name}].",
        "Name a file, not a folder or a device.",
    ),
    "input_unusable.empty": Sentence(
        "文件是空的（0 字节）[：{name}]。", "请重新导出或复制该文件。", "The file is empty (0 bytes)[: {name}].", "Export or copy it again."
    ),
    "input_unusable.not_pdf": Sentence(
        "这不是 PDF 文件[：{name}]。",
        "其他类型的文件请用 --format cades 另存签名（.p7s）。",
        "This is no PDF file[: {name}].",
        "For other kinds of files use --format cades: the signature is a separate .p7s.",
    ),
    "input_unusable.encrypted": Sentence(
        "PDF 有密码保护，不能签署[：{name}]。",
        "请先去掉密码另存一份，再签署。",
        "The PDF is encrypted and cannot be signed[: {name}].",
        "Save a copy without the password and sign that.",
    ),
    "input_unusable.damaged": Sentence(
        "PDF 已损坏，无法读取[：{name}]。",
        "请从原软件重新导出；未签名的文件也可加 --repair，先修复副本再签。",
        "The PDF is damaged and cannot be read[: {name}].",
        "Export it again; for a file without signatures --repair mends a copy and signs that.",
    ),
    "input_unusable.certified": Sentence(
        "PDF 已被认证为不许再改，不能再签[：{name}]。",
        "请用没有锁定的版本，或用 --format cades 另存签名。",
        "The PDF is certified against further changes and cannot be signed again[: {name}].",
        "Use a version that is not locked, or a separate signature with --format cades.",
    ),
    "input_unusable.too_many_pages": Sentence(
        "PDF 页数过多[：{name}][（上限 {limit}）]。",
        "请拆分后再签。",
        "The PDF has too many pages[: {name}][ (limit {limit})].",
        "Split it and sign the parts.",
    ),
    "input_unusable.too_large": Sentence(
        "文件过大[：{name}][（上限 {limit} 字节）]。",
        "请用 --format cades 另存签名，或拆分文件。",
        "The file is too large[: {name}][ (limit {limit} bytes)].",
        "Use a separate signature with --format cades, or split the file.",
    ),
    "input_unusable.xfa": Sentence(
        "这是动态表单（XFA）PDF，签署后显示的内容无法保证[：{name}]。",
        "请打印或另存为普通 PDF 再签。",
        "This PDF is a dynamic (XFA) form: what it shows cannot be vouched for[: {name}].",
        "Print or save it as an ordinary PDF and sign that.",
    ),
    "input_unusable.vanished": Sentence(
        "文件在处理时不见了[：{name}]。",
        "请确认文件仍在原处后重新运行。",
        "The file vanished while it was being read[: {name}].",
        "See that it is back in its place and run the command again.",
    ),
    "input_unusable.no_page": Sentence(
        "PDF 没有这一页[：{name}][（共 {pages} 页）]。",
        "请改正 --at 的页码。",
        "The PDF has no such page[: {name}][ (it has {pages})].",
        "Correct the page in --at.",
    ),
    "input_unusable.not_a_certificate": Sentence(
        "文件里没有数字证书[：{name}]。",
        "请给出 PEM 或 DER 格式的证书。",
        "There is no certificate in the file[: {name}].",
        "Give a certificate in PEM or DER form.",
    ),
    "input_unusable.not_a_request": Sentence(
        "文件不是可用的证书申请（CSR）[：{name}]。",
        "请用 yinxin cert request 生成。",
        "The file is no usable certificate request (CSR)[: {name}].",
        "Make one with `yinxin cert request`.",
    ),
    "input_changed": Sentence(
        "文件在锁定之后被改动，没有签署[：{name}]。",
        "请等写入它的程序结束，确认内容后重新运行。",
        "The file changed after it was read for signing, so it was not signed[: {name}].",
        "Wait until the program that writes it has finished, look at it, and run the command again.",
    ),
    "output_exists": Sentence(
        "输出文件已存在，没有覆盖[：{name}]。",
        "请用 --out 换个名字，或加 --force 覆盖。",
        "The output exists and was not replaced[: {name}].",
        "Choose another name with --out, or add --force.",
    ),
    "output_unwritable": Sentence(
        "无法写入[：{name}][（{detail}）]。",
        "请检查文件夹是否存在、可写、磁盘未满，或用 --out-dir 换个文件夹。",
        "The output cannot be written[: {name}][ ({detail})].",
        "See that the folder exists, is writable and not full, or choose another with --out-dir.",
    ),
    "nothing_to_do": Sentence("没有要处理的文件。", "请给出至少一个文件。", "There is nothing to do.", "Name at least one file."),
    "not_allowed": Sentence(
        "规则不允许这样做。",
        "请看所列的规则，或联系管理员。",
        "The rules do not allow this.",
        "See the rule that is named, or ask the administrator.",
    ),
    "not_allowed.certificate_expired": Sentence(
        "数字证书已过期[（{name}）][，截止 {not_after}]，不能签名。",
        "请续期或换一张有效的证书；电脑时间不准也会这样。",
        "The certificate[ of {name}] has expired[ ({not_after})] and may not sign.",
        "Renew it or use another; a wrong clock has the same effect.",
    ),
    "not_allowed.certificate_not_yet_valid": Sentence(
        "数字证书尚未生效[（{name}）][，起始 {not_before}]，不能签名。",
        "请核对电脑时间，或等证书生效后再签。",
        "The certificate[ of {name}] is not valid yet[ (from {not_before})] and may not sign.",
        "Check the clock, or wait until it is valid.",
    ),
    "not_allowed.certificate_usage": Sentence(
        "这张数字证书的用途不是签名[（{name}）]。",
        "请换签名证书；双证 UKey 上另一张是加密证书。",
        "This certificate[ of {name}] is not meant for signing.",
        "Use the signing certificate; tokens with two have one for encryption.",
    ),
    "not_found": Sentence(
        "没有找到[“{wanted}”]。[现有：{present}。]", "请核对名称。", "Not found[: “{wanted}”].[ There is: {present}.]", "Check the name."
    ),
    "not_found.question": Sentence(
        "这个问题已经回答过或已过时。", "请重新运行。", "This question was answered already or is out of date.", "Run the command again."
    ),
    "not_found.job": Sentence("这项工作已经结束。", "请重新运行。", "This job has ended.", "Run the command again."),
    "not_found.route": Sentence(
        "签章服务没有这项功能。",
        "命令行和签章服务的版本可能不同：请运行 yinxin agent stop 后再试。",
        "The agent knows no such function.",
        "Its version may differ: run `yinxin agent stop` and try again.",
    ),
    "not_found.module": Sentence(
        "没有添加过这个 UKey 驱动[：“{wanted}”]。[现有：{present}。]",
        "用 yinxin module list 查看；系统自带的驱动不能移除。",
        "No module[ “{wanted}”] was added.[ There is: {present}.]",
        "See `yinxin module list`; modules that the system brought cannot be removed.",
    ),
    "cancelled": Sentence(
        "已取消[：已完成 {published} 份，其余未做]。",
        "已完成的文件仍然有效；要继续请重新运行。",
        "Cancelled[: {published} document(s) were done, the rest were not].",
        "What was published stays valid; run it again to go on.",
    ),
    "agent_unreachable": Sentence(
        "连不上签章服务。",
        "请运行 yinxin agent start，或用 yinxin doctor 检查。",
        "The agent cannot be reached.",
        "Run `yinxin agent start`, or look with `yinxin doctor`.",
    ),
    "agent_unreachable.version": Sentence(
        "正在运行的签章服务是另一个版本[（{agent}，本程序 {client}）]，而且正忙。",
        "等它做完后运行 yinxin agent stop，再试一次。",
        "The agent that runs is of another version[ ({agent}, this is {client})] and busy.",
        "When it has finished run `yinxin agent stop` and try again.",
    ),
    "agent_unreachable.starting": Sentence(
        "签章服务没有启动起来[：{detail}]。",
        "请看日志[（{path}）]，或运行 yinxin agent run 看它怎么说。",
        "The agent did not start[: {detail}].",
        "See its log[ ({path})], or run `yinxin agent run` and read what it says.",
    ),
    "agent_unreachable.refused": Sentence(
        "不能使用签章服务的文件夹或套接字[：{path}][（{detail}）]。",
        "请检查该文件夹属于您且可写，或用 --home 换一个。",
        "The agent's folder or socket cannot be used[: {path}][ ({detail})].",
        "See that the folder is yours and writable, or choose another with --home.",
    ),
    "agent_unreachable.died": Sentence(
        "签章服务在处理中途停止了。",
        "已签好的文件仍然有效，其余没有留下半成品；请再运行同一条命令，已存在的输出不会被覆盖。",
        "The agent stopped in the middle of the work.",
        "Documents already published stay valid and nothing half done is left; run the same command again.",
    ),
    "agent_unreachable.silent": Sentence(
        "签章服务没有响应。",
        "请运行 yinxin agent stop，再试一次；已签好的文件仍然有效。",
        "The agent does not answer.",
        "Run `yinxin agent stop` and try again; documents already published stay valid.",
    ),
    "store_unreachable": Sentence(
        "打不开台账数据库[：{path}][（{detail}）]。",
        "请检查磁盘空间和权限；没有文件被签署。",
        "The ledger's store cannot be opened[: {path}][ ({detail})].",
        "Check disk space and permissions; nothing was signed.",
    ),
    "usage": Sentence("命令或请求写得不对[：{detail}]。", "用 --help 查看写法。", "The command or request is not right[: {detail}].", "See --help."),
    "usage.request": Sentence(
        "请求中有不对的内容[：{fields}]。",
        "请核对这些字段；/openapi.json 说明了格式。",
        "The request is not right[ in: {fields}].",
        "Correct these fields; /openapi.json has the format.",
    ),
    "usage.too_large": Sentence(
        "请求过大[（上限 {limit} 字节）]。", "请分几次进行。", "The request is too large[ (limit {limit} bytes)].", "Split it into several."
    ),
    "usage.subject": Sentence(
        "证书主题写得不对[：{wanted}]。",
        '请写成 "CN=姓名,O=单位,C=CN"；CN 按 UTF-8 最多 64 字节，约 21 个汉字。',
        "The subject is not right[: {wanted}].",
        'Write it like "CN=Name,O=Organisation,C=CN"; a CN has at most 64 bytes of UTF-8.',
    ),
    "usage.place": Sentence(
        "盖章位置写得不对[：{wanted}]。",
        "请写成 页:X,Y[,宽[,高]][@bl|br|tl|tr]，单位毫米。",
        "The place is not right[: {wanted}].",
        "Write it as PAGE:X,Y[,W[,H]][@bl|br|tl|tr], in millimetres.",
    ),
    "usage.pin_rule": Sentence(
        "新 PIN 码不符合 UKey 的要求。",
        "请换一个长度合适的 PIN 码（常见 6 至 16 位）。",
        "The token does not accept this new PIN.",
        "Choose one of the right length (often 6 to 16).",
    ),
    "internal": Sentence(
        "程序内部出错[（{type}）]，这是我们的问题。",
        "请保留日志[（{path}）]并报告；重新运行不会损坏文件。",
        "Something went wrong inside the program[ ({type})]; this is a bug of ours.",
        "Please keep the log[ ({path})] and report it; running again harms no file.",
    ),
}
