"""Texts of the UKey page, its dialogs, the inspection and of going on with a set: part of `desktop.wording`."""

from collections.abc import Mapping

UKEY_TEXTS: Mapping[str, tuple[str, str]] = {
    "nav.ukey": ("UKey与电脑", "UKeys"),
    "tokens.trouble": (
        "UKey 驱动 {modules} 有问题，它的 UKey 可能看不到。详见“UKey与电脑”。",
        "Trouble with the UKey driver {modules}: its UKeys may not be seen. See “UKeys”.",
    ),
    "token.login.until": ("已登录，保留到 {until}", "Logged in until {until}"),
    "token.login": ("正在使用", "In use"),
    "pin.state.to_be_changed": ("初始 PIN 码，须先修改", "Initial PIN: change it first"),
    "ukey.title": ("UKey与电脑", "UKeys and this computer"),
    "ukey.lead": (
        "这台电脑上的 UKey，随插随显示。PIN 码只在确认窗口里输入，不经过签章服务。",
        "The UKeys in this computer, as they are plugged in. A PIN is entered in the confirmation window only and never passes the signing service.",
    ),
    "ukey.list": ("UKey 列表", "List of UKeys"),
    "ukey.none": ("没有找到 UKey", "No UKey found"),
    "ukey.none.hint": (
        "请插入 UKey，几秒内会自动显示。仍然没有，请看下面的驱动是否正常，或联系 IT。",
        "Plug in your UKey; it appears within seconds. If it does not, see whether its driver below is in order, or ask IT.",
    ),
    "ukey.facts": ("序列号 {serial} · {make}", "Serial {serial} · {make}"),
    "ukey.firmware": ("固件 {version}", "firmware {version}"),
    "ukey.state.name": ("状态：{state}", "State: {state}"),
    "ukey.certificates": ("数字证书", "Certificates"),
    # the state in words, and what to do
    "ukey.pill.good": ("正常", "In order"),
    "ukey.pill.doubt": ("请留意", "Needs attention"),
    "ukey.pill.bad": ("现在不能用", "Cannot be used now"),
    "ukey.pill.final_try": ("只剩最后一次", "One try left"),
    "ukey.pill.locked": ("已锁定", "Locked"),
    "ukey.pill.removed": ("已拔出", "Removed"),
    "ukey.say.removed": ("已拔出。插回后会自动显示。", "Removed. Put it back and it appears by itself."),
    "ukey.say.removed.practice": ("练习 UKey 已拔出。点“插入”放回。", "The practice UKey is pulled. Choose “Insert” to put it back."),
    "ukey.say.unusable": (
        "UKey 没有正常回应。请拔下再插回；仍然如此，请让 IT 检查驱动。",
        "The UKey does not answer properly. Take it out and put it back; if that does not help, have IT check the driver.",
    ),
    "ukey.say.not_initialised": (
        "还没有初始化，不能签名。请联系 IT 或发证机构。",
        "Not initialised, so it cannot sign. Ask IT or its issuer.",
    ),
    "ukey.say.pin.ok": ("PIN 码正常。", "The PIN is in order."),
    "ukey.say.pin.unknown": (
        "这个 UKey 不报告 PIN 码状态；连续输错可能会锁定，请看清再输。",
        "This UKey does not tell the state of its PIN; several wrong ones in a row may lock it, so take care.",
    ),
    "ukey.say.pin.low": (
        "PIN 码输错过。还剩几次 UKey 没有说明；请看清再输，连续输错会锁定。",
        "A wrong PIN was entered before. The UKey does not say how many tries are left: take care, further mistakes lock it.",
    ),
    "ukey.say.pin.final_try": (
        "PIN 码只剩最后一次机会，再错就会锁定。请先向发证机构或 UKey 管理员核实，不要试。",
        "Only one PIN try is left; another mistake locks it. Ask the issuer or whoever manages the UKey first, and do not guess.",
    ),
    "ukey.say.pin.locked": (
        "PIN 码已锁定，不能签名。有管理员 PIN 的人点“解锁”设新的 PIN 码；没有管理员 PIN，请带 UKey 联系发证机构。",
        "The PIN is locked, so it cannot sign. Whoever has the administrator PIN chooses “Unblock” and sets a new PIN; otherwise ask the issuer.",
    ),
    "ukey.say.pin.locked.pad": (
        "PIN 码已锁定，不能签名。请带 UKey 联系发证机构，或由有管理员 PIN 的人点“解锁”。",
        "The PIN is locked, so it cannot sign. Take it to the issuer, or have whoever has the administrator PIN choose “Unblock”.",
    ),
    "ukey.say.pin.not_initialised": (
        "还没有设置 PIN 码。由有管理员 PIN 的人点“解锁”来设置。",
        "No PIN is set yet. Whoever has the administrator PIN sets one by “Unblock”.",
    ),
    "ukey.say.to_be_changed": (
        "这是初始 PIN 码，签名以前必须改成您自己的。请点“修改 PIN 码”。",
        "This is an initial PIN; before you can sign it has to become your own. Choose “Change PIN”.",
    ),
    "ukey.say.so.low": ("管理员 PIN 输错过。", "A wrong administrator PIN was entered before."),
    "ukey.say.so.final_try": (
        "管理员 PIN 只剩最后一次机会，再错就不能再解锁。",
        "Only one administrator PIN try is left; after another mistake nobody can unblock it.",
    ),
    "ukey.say.so.locked": (
        "管理员 PIN 也已锁定，这里不能解锁。请联系发证机构。",
        "The administrator PIN is locked as well, so it cannot be unblocked here. Ask the issuer.",
    ),
    "ukey.say.write_protected": (
        "只读：可以签名，不能修改 PIN 码，也不能写入数字证书。",
        "Read-only: it signs, but its PIN cannot be changed and no certificate can be written.",
    ),
    "ukey.say.pad": (
        "PIN 码在 UKey（或读卡器）自己的键盘上输入，屏幕上不会问。",
        "The PIN is entered on the UKey’s (or the reader’s) own keypad and never asked for on the screen.",
    ),
    "ukey.say.each_signature": (
        "每签一份文件，UKey 都要验证一次 PIN 码；签之前会先说明共几次。",
        "The UKey checks the PIN at every single signature; how many there will be is said beforehand.",
    ),
    "ukey.say.no_certificate": (
        "没有可用的签名证书，不能签名。请联系发证机构。",
        "There is no usable signing certificate, so it cannot sign. Ask its issuer.",
    ),
    "ukey.say.login": (
        "已登录，保留到 {until}：这期间再签名只需确认，不用再输 PIN 码。离开座位前请点“锁定”。",
        "Logged in, kept until {until}: until then signing needs your consent but not the PIN. Choose “Lock” before you leave.",
    ),
    "ukey.say.login.open": (
        "正在使用：已登录，做完就退出登录、忘掉 PIN 码。",
        "In use: logged in; when the work is done, the login ends and the PIN is forgotten.",
    ),
    # what can be done
    "ukey.do.inspect": ("检测…", "Inspect…"),
    "ukey.do.change": ("修改 PIN 码…", "Change PIN…"),
    "ukey.do.unblock": ("解锁…", "Unblock…"),
    "ukey.do.lock": ("锁定", "Lock"),
    "ukey.do.pull": ("拔出", "Pull"),
    "ukey.do.insert": ("插入", "Insert"),
    "ukey.do.name": ("{action}：{token}", "{action}: {token}"),
    "ukey.tip.inspect": (
        "检查私钥能不能被导出、证书是否有效，并试签一次。需要 PIN 码。",
        "Checks whether the private key could get out and whether the certificate is valid, and signs a test. Needs the PIN.",
    ),
    "ukey.tip.unblock": ("用管理员 PIN 设一个新的 PIN 码", "Set a new PIN with the administrator PIN"),
    "ukey.tip.lock": ("立即结束登录，忘掉 PIN 码；正在进行的签名会停下", "End the login and forget the PIN at once; signing under way stops"),
    "ukey.tip.practice": ("只有练习 UKey 可以这样模拟", "Only practice UKeys can be handled this way"),
    "ukey.busy.inspect": ("正在检测……", "Inspecting…"),
    "ukey.busy.change": ("正在修改 PIN 码……", "Changing the PIN…"),
    "ukey.busy.unblock": ("正在解锁……", "Unblocking…"),
    "ukey.done.change": ("PIN 码已修改。从现在起请用新的 PIN 码。", "The PIN is changed. From now on use the new one."),
    "ukey.done.unblock": ("已解锁，新的 PIN 码已生效。", "Unblocked; the new PIN holds."),
    "ukey.done.lock": ("已锁定：下次使用须输入 PIN 码。", "Locked: the next use needs the PIN."),
    "ukey.done.pull": ("练习 UKey 已拔出。", "The practice UKey was pulled."),
    "ukey.done.insert": ("练习 UKey 已插回。", "The practice UKey was put back."),
    "ukey.cancelled": ("已取消，UKey 没有改动。", "Cancelled; the UKey was not changed."),
    "ukey.leave": ("停止", "Stop"),
    # this computer: modules
    "modules.title": ("这台电脑上的 UKey 驱动", "UKey drivers on this computer"),
    "modules.loading": ("正在查看……", "Looking…"),
    "modules.none": (
        "没有找到 UKey 驱动。请安装 UKey 厂商的驱动，或联系 IT。",
        "No UKey driver was found. Install the maker’s driver, or ask IT.",
    ),
    "modules.again": ("重新查看", "Look again"),
    "modules.ok": ("正常", "In order"),
    "modules.bad": ("不能用", "Cannot be used"),
    "modules.changed": ("驱动文件变了", "The driver file has changed"),
    "modules.emulated": ("练习用", "Practice"),
    "modules.network": ("允许联网", "may use the network"),
    "modules.trouble": (
        "UKey 驱动“{module}”有问题，它的 UKey 现在看不到；其他 UKey 不受影响。",
        "The UKey driver “{module}” is in trouble, so its UKeys cannot be seen; other UKeys are not affected.",
    ),
    # inspection
    "inspect.title": ("UKey 检测：{token}", "Inspection of the UKey {token}"),
    "inspect.verdict.passed": ("检测通过", "Passed"),
    "inspect.verdict.failed": ("检测不通过", "Failed"),
    "inspect.verdict.indeterminate": ("无法确认", "Indeterminate"),
    "inspect.seal.yes": ("可以承载电子印章", "May carry an electronic seal"),
    "inspect.seal.no": ("不能承载电子印章", "May not carry an electronic seal"),
    "inspect.findings": ("检测项目", "What was looked at"),
    "inspect.finding.ok": ("正常", "In order"),
    "inspect.finding.warn": ("注意", "Attention"),
    "inspect.finding.fail": ("不合格", "Failed"),
    "inspect.name": ("检测结果", "Result of the inspection"),
    "inspect.when": ("检测时间 {time}", "Inspected {time}"),
    "inspect.print": ("打印…", "Print…"),
    "inspect.save": ("保存报告…", "Save report…"),
    "inspect.back": ("返回", "Back"),
    "inspect.again": ("再检测一次", "Inspect again"),
    "inspect.file": ("UKey检测-{token}-{date}.pdf", "UKey inspection {token} {date}.pdf"),
    "inspect.saved": ("报告已保存为 {name}", "The report is saved as {name}"),
    "inspect.unsaved": (
        "报告没有保存：{name} 写不进去。请换一个文件夹。",
        "The report was not saved: {name} cannot be written. Choose another folder.",
    ),
    "inspect.filter": ("PDF (*.pdf);;网页 (*.html)", "PDF (*.pdf);;Web page (*.html)"),
    "inspect.fact.path": ("UKey 驱动", "Driver"),
    "inspect.fact.library_version": ("驱动版本", "Driver version"),
    "inspect.fact.sha256": ("驱动文件指纹（SHA-256）", "Driver fingerprint (SHA-256)"),
    "inspect.hint.pin": (
        "请由有管理员 PIN 的人点“解锁”，或联系发证机构。",
        "Whoever has the administrator PIN chooses “Unblock”; else ask the issuer.",
    ),
    "inspect.hint.pin_to_be_changed": ("请点“修改 PIN 码”。", "Choose “Change PIN”."),
    "inspect.hint.key_protection": (
        "要盖章，请用在 UKey 里生成的密钥，并重新申请数字证书。",
        "For a seal use a key that was generated in the UKey, with a new certificate.",
    ),
    "inspect.hint.key_origin": (
        "可以签名。要盖章，请用在 UKey 里生成的密钥，并重新申请数字证书。",
        "It may sign. For a seal use a key that was generated in the UKey, with a new certificate.",
    ),
    "inspect.hint.keys": ("请联系发证机构或 IT，在 UKey 里生成密钥。", "Ask the issuer or IT to generate a key on it."),
    "inspect.hint.other": ("请联系发证机构或 IT。", "Ask its issuer, or IT."),
    "inspect.practice": ("练习用 UKey，没有效力。", "A practice UKey, without legal effect."),
    # dialogs
    "purpose.pin_change": ("修改 PIN 码", "Change the PIN"),
    "purpose.pin_unblock": ("解锁 UKey，设置新的 PIN 码", "Unblock the UKey and set a new PIN"),
    "purpose.token_inspect": ("检测 UKey（会试签一次，不涉及任何文件）", "Inspect the UKey (signs a test, no document)"),
    "purpose.self_test": ("首次使用前试签一次", "Sign a test before first use"),
    "purpose.token_erase": ("清空并初始化 UKey", "Erase and initialise the UKey"),
    "pin.field.pin.old": ("现在的 PIN 码", "Present PIN"),
    "pin.new.note": ("不要用生日、重复或连号（如 111111、123456）。", "No birthdays, repetitions or runs (111111, 123456)."),
    "pin.new.shortest": ("新 PIN 码至少 {shortest} 位。", "At least {shortest} characters."),
    "pin.new.letters_and_digits": ("须同时有字母和数字。", "Both letters and digits."),
    "pin.new.by_issuer": (
        "长度和字符按发证机构对这个 UKey 的要求；不要用生日、重复或连号。",
        "Length and characters as its issuer demands; no birthdays, repetitions or runs.",
    ),
    "pin.so.ok": ("管理员 PIN 正常", "Administrator PIN in order"),
    "pin.so.low": ("管理员 PIN 输错过", "A wrong administrator PIN was entered before"),
    "pin.so.final_try": ("管理员 PIN 只剩最后一次机会", "Only one administrator PIN try left"),
    "pin.so.locked": ("管理员 PIN 已锁定", "Administrator PIN locked"),
    "pin.so.not_initialised": ("还没有设置管理员 PIN", "No administrator PIN set yet"),
    "pin.so.unknown": ("管理员 PIN 状态未知", "Administrator PIN state unknown"),
    "pin.warn.so.low": (
        "管理员 PIN 输错过。再错下去会再也不能解锁，请看清再输。",
        "A wrong administrator PIN was entered before. Further mistakes make unblocking impossible: take care.",
    ),
    "pin.warn.so.final_try": (
        "这是管理员 PIN 的最后一次机会，再错就不能再解锁。确认仍要输入，请键入“我确认”。",
        "This is the last try of the administrator PIN: after one more mistake nobody can unblock it. To go on, type CONFIRM.",
    ),
    "pin.warn.so.locked": (
        "管理员 PIN 已锁定，不能解锁。请联系发证机构。",
        "The administrator PIN is locked, so it cannot be unblocked. Ask the issuer.",
    ),
    "consent.held_login": (
        "UKey 已登录，还保留 {minutes} 分钟。这次不用输 PIN 码，但仍须您核对并同意。",
        "The UKey is logged in for another {minutes} min. The PIN is not needed this time, but your consent is.",
    ),
    "purpose.device_enrol": ("登记本机", "Enrol this computer"),
    "purpose.device_key": ("使用本机密钥", "Use this computer’s own key"),
    "consent.title.device": ("登记本机", "Enrol this computer"),
    "consent.device_key_file": (
        "没有可用的系统密码环。同意的话，本机密钥存成只有您能读的文件；能读您文件的人也就能冒用本机。以后可以换到更安全的地方。",
        (
            "There is no usable keyring. If you agree, this computer’s own key is kept in a file that only you may read; whoever reads your files "
            "can then pass for this computer. It can be moved to a safer place later."
        ),
    ),
    "consent.each_signature": (
        "这个 UKey 每次签名都要验证 PIN 码。PIN 码将为这 {count} 份文件各用一次，用完即忘。",
        "This UKey checks the PIN at every signature. The PIN will be used once for each of these {count} documents and then forgotten.",
    ),
    "consent.each_signature.pad": (
        "这个 UKey 每次签名都要验证 PIN 码。请在它的键盘上为这 {count} 份文件各输入一次。",
        "This UKey checks the PIN at every signature. Enter it on its keypad once for each of these {count} documents.",
    ),
    "pad.lead": (
        "请看 UKey（或读卡器）上的显示，在它的键盘上输入 PIN 码。屏幕上不用输入任何东西。",
        "Follow the UKey’s (or the reader’s) display and enter the PIN on its keypad. Nothing is entered on this screen.",
    ),
    "pad.lead.pin_change": (
        "请在 UKey（或读卡器）的键盘上依次输入现在的 PIN 码，再输入两遍新的 PIN 码。",
        "On the UKey’s (or the reader’s) keypad enter the present PIN, then the new one twice.",
    ),
    "pad.lead.pin_unblock": (
        "请在 UKey（或读卡器）的键盘上依次输入管理员 PIN，再输入两遍新的 PIN 码。",
        "On the UKey’s (or the reader’s) keypad enter the administrator PIN, then the new PIN twice.",
    ),
    # waiting for a module
    "progress.waiting.token.named": (
        "UKey“{token}”还没有回应，已等 {seconds} 秒。请不要拔出。",
        "The UKey “{token}” has not answered for {seconds} s. Leave it in.",
    ),
    "progress.waiting.pad": ("等待在 UKey 的键盘上输入 PIN 码", "Waiting for the PIN on the UKey’s keypad"),
    "progress.stage.inspect": ("正在检测", "Inspecting"),
    # the sign page
    "sign.need.changed": ("这个 UKey 用的是初始 PIN 码，须先修改再签名。", "This UKey still has its initial PIN; change it before signing."),
    "sign.need.pin": ("这个 UKey 还没有设置 PIN 码，不能签名。", "This UKey has no PIN yet and cannot sign."),
    "sign.see_ukey": ("去处理…", "See to it…"),
    "result.resume": ("继续签其余文件（{count}）", "Sign the remaining files ({count})"),
    "result.resume.absent": (
        "插回同一个 UKey（{token}）后，可以继续签其余 {count} 份；已签好的不会重复。",
        "Put the same UKey ({token}) back to sign the remaining {count}; what is signed is not signed again.",
    ),
    "result.resume.ready": (
        "同一个 UKey 已插好：可以继续签其余 {count} 份，已签好的不会重复。",
        "The same UKey is back: the remaining {count} can be signed; what is signed is not signed again.",
    ),
    "result.state.left": ("还没有做", "Not done yet"),
    "result.change_pin": ("去修改 PIN 码", "Change the PIN"),
}

UKEY_HINTS: Mapping[str, tuple[str, str]] = {
    "pin_unacceptable": ("请换一个符合要求的新 PIN 码，再试一次。", "Choose a new PIN that meets the rules and try again."),
    "pin_cancelled.locked": (
        "UKey 已锁定（屏幕锁定、休眠或有人点了“锁定”）。回来后重新输入 PIN 码即可继续。",
        "The UKey was locked (screen lock, suspend, or “Lock”). Enter the PIN again to go on.",
    ),
    "token_fault.pin_to_be_changed": (
        "请在“UKey与电脑”里点“修改 PIN 码”，改好后再签名。",
        "Choose “Change PIN” on the page “UKeys”, then sign again.",
    ),
    "token_fault.write_protected": (
        "这个 UKey 是只读的；请联系发证机构，或换一个 UKey。",
        "This UKey is read-only; ask its issuer, or use another one.",
    ),
    "token_absent.other_token": (
        "请插回原来的那个 UKey；里面的密钥不同，不能接着签。",
        "Put the original UKey back; this one holds other keys and cannot go on with the set.",
    ),
    "module_timeout": (
        "请拔下 UKey 再插回后重试；仍然如此，请让 IT 检查驱动。",
        "Take the UKey out, put it back and try again; if that does not help, have IT check the driver.",
    ),
    "agent_unreachable.died_pin": (
        "请先用新 PIN 码试一次，不对再用原来的；每输错一次都会消耗一次机会。",
        "Try the new PIN once, and the old one after it; each wrong one costs a try.",
    ),
    "not_allowed.not_practice": ("真的 UKey 请用手拔插。", "Real UKeys are pulled and put back by hand."),
}
"""What to do, by code.reason or code, beside those of `desktop.wording`."""
