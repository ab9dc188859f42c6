"""Sentences about tokens, PINs, keys, certificates and modules."""

from collections.abc import Mapping

from agent.api.sentences.form import Sentence

TOKENS: Mapping[str, Sentence] = {
    "pin_incorrect": Sentence(
        "PIN 码不对，已停止，没有文件被签署。",
        "请核对后再输[（yinxin sign --resume {batch}）]；连续输错会锁定 UKey。",
        "The PIN is wrong; everything stopped, and no file was signed.",
        "Check the PIN and run the command again[ (or `yinxin sign --resume {batch}`)]; several wrong PINs in a row lock the token.",
    ),
    "pin_incorrect.midway": Sentence(
        "PIN 码不对，已停止[：已完成 {published} 份][，未做 {remaining} 份]。",
        "请核对后用 yinxin sign --resume {batch} 继续，已签的不会重复；连续输错会锁定 UKey。",
        "The PIN is wrong; everything stopped.[ {published} document(s) were done.][ {remaining} were not.]",
        "Check the PIN and go on with `yinxin sign --resume {batch}`; several wrong PINs in a row lock the token.",
    ),
    "pin_incorrect.final_try": Sentence(
        "PIN 码不对，已停止，没有文件被签署；UKey 只剩最后一次机会。",
        "不要再试：先向 UKey 管理员核实 PIN 码；再错一次 UKey 就会锁定。",
        "The PIN is wrong; everything stopped, and no file was signed. Only one try is left on the token.",
        "Do not try again before you are sure of the PIN: another wrong one locks the token.",
    ),
    "pin_incorrect.locked": Sentence(
        "PIN 码不对，UKey 现在已锁定；没有文件被签署。",
        "请联系发证机构或 UKey 管理员解锁（需要管理员 PIN 或解锁码）。",
        "The PIN is wrong, and now the token is locked; no file was signed.",
        "Ask whoever issued it to unblock it (with the SO PIN or PUK).",
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
        "没有输入 PIN 码，已取消[：已完成 {published} 份，未做 {remaining} 份]；没有消耗输入次数。",
        "需要时重新运行[：yinxin sign --resume {batch}]，并在提示时输入 PIN 码，或用 --pin 指定来源（env:、file:、fd:）。",
        "No PIN was given, so it stopped there[: {published} document(s) done, {remaining} not]; no try was spent.",
        "Run it again[: `yinxin sign --resume {batch}`] and enter the PIN when asked, or name a source with --pin (env:, file:, fd:).",
    ),
    "pin_cancelled.time": Sentence(
        "等了太久没有收到 PIN 码，已取消[：已完成 {published} 份，未做 {remaining} 份]；没有消耗输入次数。",
        "准备好 PIN 码后重新运行[：yinxin sign --resume {batch}]。",
        "No PIN came in time, so it stopped there[: {published} document(s) done, {remaining} not]; no try was spent.",
        "Have the PIN ready and run it again[: `yinxin sign --resume {batch}`].",
    ),
    "pin_unacceptable": Sentence(
        "新 PIN 码不符合要求，没有改动任何东西。",
        "请换一个至少 6 位、没有重复和连号的 PIN 码。",
        "The new PIN does not meet the rules; nothing was changed.",
        "Choose one of at least 6 characters without repetitions or runs.",
    ),
    "pin_unacceptable.too_short": Sentence(
        "新 PIN 码太短：至少要 {shortest} 位。没有改动任何东西。",
        "请换一个更长的 PIN 码再试。",
        "The new PIN is too short: it needs at least {shortest} characters. Nothing was changed.",
        "Choose a longer one and try again.",
    ),
    "pin_unacceptable.too_long": Sentence(
        "新 PIN 码太长：这个 UKey 最多接受 {longest} 位。没有改动任何东西。",
        "请换一个短一些的 PIN 码再试。",
        "The new PIN is too long: this token takes at most {longest} characters. Nothing was changed.",
        "Choose a shorter one and try again.",
    ),
    "pin_unacceptable.simple": Sentence(
        "新 PIN 码太简单（重复或连号，例如 111111、123456）。没有改动任何东西。",
        "请换一个别人猜不到的 PIN 码。",
        "The new PIN is too simple (a repetition or a run, such as 111111 or 123456). Nothing was changed.",
        "Choose one that nobody guesses.",
    ),
    "pin_unacceptable.one_kind": Sentence(
        "新 PIN 码必须同时有字母和数字。没有改动任何东西。",
        "请换一个字母和数字都有的 PIN 码。",
        "The new PIN needs both letters and digits. Nothing was changed.",
        "Choose one that has both.",
    ),
    "pin_unacceptable.same": Sentence(
        "新 PIN 码和原来的一样。没有改动任何东西。",
        "请换一个不同的 PIN 码。",
        "The new PIN is the old one. Nothing was changed.",
        "Choose a different one.",
    ),
    "pin_unacceptable.refused": Sentence(
        "UKey 不接受这个新 PIN 码。没有改动任何东西。",
        "请按发证机构对 PIN 码的要求（长度、字符）换一个再试。",
        "The token refuses this new PIN. Nothing was changed.",
        "Choose another one by its issuer's rules (length, characters).",
    ),
    "no_prompter": Sentence(
        "需要 PIN 码，但这里既没有终端，也没有可以显示确认窗口的桌面。",
        "请在终端中运行，或用 --pin env:变量名、--pin file:文件 或 --pin fd:编号 提供 PIN 码。",
        "A PIN is needed, but there is neither a terminal nor a display to ask for it.",
        "Run it in a terminal, or give the PIN by --pin env:NAME, --pin file:PATH or --pin fd:N.",
    ),
    "token_absent": Sentence(
        "没有找到 UKey[“{token}”]。[现有：{present}。]",
        "请插好 UKey 后再试；用 yinxin token list 查看，用 yinxin doctor 检查驱动。",
        "There is no token[ “{token}”].[ There is: {present}.]",
        "Plug it in and try again; `yinxin token list` shows what is there, `yinxin doctor` checks the modules.",
    ),
    "token_absent.no_module": Sentence(
        "没有找到 UKey，也没有找到任何 UKey 驱动。",
        "请安装 UKey 厂商的驱动，再用 yinxin module add 指明它；练习可用 yinxin token init --emulated。",
        "There is no token, and no token module was found at all.",
        "Install the vendor's module and name it with `yinxin module add`; for practice use `yinxin token init --emulated`.",
    ),
    "token_absent.no_softhsm": Sentence(
        "没有安装 SoftHSM2，不能建练习用的 UKey。",
        "请运行 apt install softhsm2，再试一次。",
        "SoftHSM2 is not installed, so there can be no emulated token.",
        "Run `apt install softhsm2` and try again.",
    ),
    "token_absent.none_pulled": Sentence(
        "没有拔出的练习用 UKey。",
        "用 yinxin token list 查看有哪些。",
        "No emulated token is pulled out.",
        "`yinxin token list` shows what there is.",
    ),
    "token_absent.no_blank": Sentence(
        "没有可以初始化的空 UKey[（驱动 {token}）]。",
        "请插上空的 UKey；已有密钥的 UKey 不会被清空。",
        "There is no blank token to initialise[ at the module {token}].",
        "Plug in a blank one; a token that holds keys is not erased.",
    ),
    "token_absent.other_token": Sentence(
        "这不是开始时用的那个 UKey[“{token}”][：现在插着的是 {present}]，没有签署。",
        "请插回原来的 UKey 再继续；要用另一个 UKey，请对其余文件重新签署。",
        "This is not the token[ “{token}”] that it was begun with[: what is there is {present}]; nothing was signed.",
        "Put the same token back; to use another one, sign the rest of the files anew.",
    ),
    "token_removed": Sentence(
        "UKey[“{token}”]已拔出[：已完成 {published} 份][，未做 {remaining} 份]。",
        "插回同一个 UKey 后重新运行[：yinxin sign --resume {batch}，已签的不会重复]；已完成的文件仍然有效。",
        "The token[ “{token}”] was removed.[ {published} document(s) were done.][ {remaining} were not.]",
        "Put the same token back and run the command again[: `yinxin sign --resume {batch}`]; what was published stays valid.",
    ),
    "token_ambiguous": Sentence(
        "有多个 UKey 符合[“{token}”][：{present}]。",
        "请用 --token 指明名称或序列号。",
        "Several tokens fit[ “{token}”][: {present}].",
        "Say which one with --token LABEL or --token SERIAL.",
    ),
    "token_ambiguous.blank": Sentence(
        "有多个空 UKey[：{present}]。",
        "请只插一个，再试一次。",
        "There are several blank tokens[: {present}].",
        "Leave only one of them plugged in and try again.",
    ),
    "token_not_initialised": Sentence(
        "UKey[“{token}”]还没有初始化，没有名称和 PIN 码。",
        "请先运行 yinxin token init；没有 UKey 时可用 --emulated 建一个练习用的。",
        "The token[ “{token}”] is not initialised: it has no label and no PIN.",
        "Run `yinxin token init` first; without a device, --emulated makes one for practice.",
    ),
    "key_not_found": Sentence(
        "UKey[“{token}”]上没有这把私钥[“{wanted}”]。[现有：{present}。]",
        "用 yinxin key list 查看，或用 yinxin key generate 生成一把。",
        "There is no such private key[ “{wanted}”] on the token[ “{token}”].[ There is: {present}.]",
        "Look with `yinxin key list`, or make one with `yinxin key generate`.",
    ),
    "key_not_found.ambiguous": Sentence(
        "UKey[“{token}”]上有多把密钥符合[“{wanted}”]。[现有：{present}。]",
        "请用密钥 ID 指明。",
        "Several keys[ “{wanted}”] are on the token[ “{token}”].[ There is: {present}.]",
        "Say which one by its id.",
    ),
    "certificate_not_found": Sentence(
        "没有找到可用的数字证书[“{wanted}”]。[现有：{present}。]",
        "用 yinxin cert list 查看；签名需要证书有效且私钥在同一个 UKey 上。没有证书时可用 yinxin ca create 起步，做一张内部证书。",
        "No usable certificate[ “{wanted}”] was found.[ There is: {present}.]",
        "Look with `yinxin cert list`; it must be valid and its key on the same token. Without one, begin with `yinxin ca create`.",
    ),
    "certificate_not_found.ca": Sentence(
        "UKey[“{token}”]上没有单位内部 CA。",
        "请用 --ca 指明 CA 所在的 UKey，或先运行 yinxin ca create。",
        "There is no certification authority on the token[ “{token}”].",
        "Name its token with --ca, or make one with `yinxin ca create`.",
    ),
    "certificate_ambiguous": Sentence(
        "有多张数字证书符合[“{wanted}”][：{present}]。",
        "请用 --cert 指明文件指纹开头、姓名或标签。",
        "Several certificates fit[ “{wanted}”][: {present}].",
        "Say which one with --cert FINGERPRINT, common name or label.",
    ),
    "certificate_ambiguous.ca": Sentence(
        "UKey[“{token}”]上有多个单位内部 CA[：{present}]。",
        "请把要用的 CA 放在单独的 UKey 上。",
        "Several certification authorities are on the token[ “{token}”][: {present}].",
        "Keep the one to be used on a token of its own.",
    ),
    "certificate_mismatch": Sentence(
        "数字证书与 UKey 上的私钥不是一对。",
        "请选与该私钥对应的证书（yinxin cert list），或重新申请证书。",
        "The certificate does not belong to the private key on the token.",
        "Choose the certificate of that key (`yinxin cert list`), or request a new one.",
    ),
    "certificate_mismatch.resumed": Sentence(
        "这一批是用另一张数字证书开始签的[（文件指纹 {wanted}）]，没有签署。",
        "请用同一张证书继续；要换证书，请对其余文件重新签署。",
        "The batch was begun with another certificate[ (fingerprint {wanted})]; nothing was signed.",
        "Use the same one; to use another, sign the rest of the files anew.",
    ),
    "certificate_mismatch.unreadable": Sentence(
        "这张数字证书的公钥读不出来，不能写入 UKey。",
        "请向签发者重新索取证书。",
        "The certificate's public key cannot be read, so it was not written to the token.",
        "Ask its issuer for another.",
    ),
    "mechanism_unsupported": Sentence(
        "UKey[“{token}”]不支持所需的算法[（{mechanism}）]。",
        "请换一种密钥类型或另一个 UKey；yinxin token show 显示它的情况。",
        "The token[ “{token}”] does not offer the algorithm that is needed[ ({mechanism})].",
        "Use another key type or another token; `yinxin token show` tells about it.",
    ),
    "mechanism_unsupported.no_generation": Sentence(
        "这个 UKey 不能自己生成密钥；没有改动任何东西。",
        "它的密钥由发证机构写入；用 yinxin token show 看已有的密钥和数字证书，需要新密钥请找发证机构。",
        "This token makes no keys of its own; nothing was changed.",
        "Its keys come from whoever issued it: `yinxin token show` lists what is there, and a new one is had from the issuer.",
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
        "UKey 驱动[“{module}”]是为另一种处理器或系统编译的[（驱动是 {module_architecture}，本机是 {machine_architecture}）][：{path}]。",
        "请向厂商索取与本机相符的驱动[（{machine_architecture}）]；32 位驱动不能在 64 位系统上使用。",
        "The module[ “{module}”] was built for another system[ ({module_architecture}; this machine is {machine_architecture})][: {path}].",
        "Get the one for this machine[ ({machine_architecture})] from its maker; a 32-bit module does not work on a 64-bit system.",
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
        "请再试一次[（yinxin sign --resume {batch}）]；仍然如此，请更新或更换该驱动。[{?try_spent}注意：可能已消耗一次 PIN 码输入机会。]"
        "[{?pin_unsure}UKey 上现在可能是新的 PIN 码，也可能还是原来的：先用新的试一次。]",
        "The module[ “{module}”] crashed; the agent and your files are unharmed.",
        "Try again[ (`yinxin sign --resume {batch}`)]; if it goes on, update or replace the module.[{?try_spent} Note: one PIN try may be spent.]"
        "[{?pin_unsure} The token may have the new PIN now, or the old one still: try the new one first, once.]",
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
    "module_unusable.no_pykcs11": Sentence(
        "没有安装可选组件 PyKCS11，厂商自有的算法不能使用。",
        "需要时请运行 pip install 'yinxin[pykcs11]'（GPL 许可）。",
        "The optional PyKCS11 is not installed, so vendors' own mechanisms cannot be used.",
        "Where you need it: pip install 'yinxin[pykcs11]' (GPL).",
    ),
    "module_unusable.unreadable": Sentence(
        "读不了 UKey 驱动文件[：{path}]。", "请检查读取权限。", "The module's file cannot be read[: {path}].", "Check that you may read it."
    ),
    "module_timeout": Sentence(
        "UKey 驱动[“{module}”]没有响应[（{during}）]，已被中止。",
        "请拔下 UKey 再插回后重试[（yinxin sign --resume {batch}）]。[{?try_spent}注意：可能已消耗一次 PIN 码输入机会。]"
        "[{?pin_unsure}UKey 上现在可能是新的 PIN 码，也可能还是原来的：先用新的试一次。]",
        "The module[ “{module}”] did not answer[ ({during})] and was ended.",
        "Pull the token, put it back and try again[ (`yinxin sign --resume {batch}`)].[{?try_spent} Note: one PIN try may be spent.]"
        "[{?pin_unsure} The token may have the new PIN now, or the old one still: try the new one first, once.]",
    ),
    "token_fault": Sentence(
        "UKey[“{token}”]报告故障[：{ckr}]。",
        "请拔下再插回后重试[（yinxin sign --resume {batch}）]；仍然如此，请用 yinxin doctor 检查，或联系厂商。"
        "[{?try_spent}注意：可能已消耗一次 PIN 码输入机会。]",
        "The token[ “{token}”] reports a fault[: {ckr}].",
        "Pull it, put it back and try again[ (`yinxin sign --resume {batch}`)]; else see `yinxin doctor`, or ask the vendor."
        "[{?try_spent} Note: one PIN try may be spent.]",
    ),
    "token_fault.holds_keys": Sentence(
        "UKey[“{label}”]里已有密钥，初始化会把它们毁掉，因此没有执行。",
        "请换一个空的 UKey；里面的密钥没有改动。",
        "The token[ “{label}”] already holds keys, and initialising would destroy them, so it was not done.",
        "Use a blank token; its keys are untouched.",
    ),
    "token_fault.label_too_long": Sentence(
        "UKey 的名称太长[（最多 {longest} 字节，一个汉字 3 字节）]。",
        "请用短一些的名称。",
        "The label is too long[ ({longest} bytes of UTF-8 at most)].",
        "Choose a shorter one.",
    ),
    "token_fault.wrong_signature": Sentence(
        "UKey 给出的签名与数字证书不符，没有采用。",
        "请拔下 UKey 再插回后重试[（yinxin sign --resume {batch}）]；仍然如此，请停用该 UKey 并联系厂商。",
        "The token returned a signature that does not fit its certificate; it was not used.",
        "Pull the token, put it back and try again[ (`yinxin sign --resume {batch}`)]; if it goes on, stop using it and ask the vendor.",
    ),
    "token_fault.nonsense": Sentence(
        "UKey 驱动的回答不合规范[（{during}）]，没有采用。",
        "请拔下 UKey 再插回后重试；仍然如此，请更新驱动或联系厂商。",
        "The module answered[ {during}] with nonsense, which was not used.",
        "Pull the token, put it back and try again; if it goes on, update the module or ask the vendor.",
    ),
    "token_fault.extractable": Sentence(
        "UKey 生成的私钥可以被导出，不能使用。",
        "请换一个能保护私钥的 UKey。",
        "The token made a private key that can be extracted; it is not used.",
        "Use a token that protects its keys.",
    ),
    "module_timeout.slow": Sentence(
        "UKey 驱动[“{module}”]还没有回答，仍在等它；它的 UKey 可能还没有列出。",
        "请过几秒再看一次；一直如此，请拔下 UKey 再插回。",
        "The module[ “{module}”] has not answered yet and is still being waited for; its tokens may be missing here.",
        "Look again in a few seconds; if it goes on, pull the token and put it back.",
    ),
}
