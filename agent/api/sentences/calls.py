"""Sentences about calls, rules, and the agent itself."""

from collections.abc import Mapping

from agent.api.sentences.form import Sentence

CALLS: Mapping[str, Sentence] = {
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
    "not_allowed.under_way": Sentence(
        "这一批[（{batch}）]正在签署中，不能同时再签。",
        "等它结束后再用 --resume；已签的不会重复。",
        "This batch[ ({batch})] is being signed at this moment and is not signed twice.",
        "Wait until it has ended, then resume it.",
    ),
    "not_found": Sentence(
        "没有找到[“{wanted}”]。[现有：{present}。]", "请核对名称。", "Not found[: “{wanted}”].[ There is: {present}.]", "Check the name."
    ),
    "not_found.batch": Sentence(
        "没有这样一个没签完的批次[：{wanted}]。[可以接着签的：{present}。]",
        "批次编号在签署结果和错误提示里；--resume last 是最近的一个。",
        "There is no such batch[ {wanted}] with something left to sign.[ There is: {present}.]",
        "Its name stands in the result and in the error of `yinxin sign`; --resume last means the newest.",
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
    "not_found.no_stopped_run": Sentence(
        "没有停在半路的文件夹验签。",
        "请写出要验签的文件夹。",
        "No verification of a folder was stopped before its end.",
        "Name the folder to verify.",
    ),
    "not_found.run": Sentence(
        "没有这次验签的记录[：{run}]。",
        "记录只保留最近的若干次；请重新验签。",
        "There is no record of this verification[: {run}].",
        "Only the latest ones are kept; verify again.",
    ),
    "not_found.font": Sentence(
        "没有安装中文字体，签名外观写不了中文。",
        "请运行 apt install {package}，或去掉 --appearance text。",
        "No Chinese font is installed, so the appearance cannot be written.",
        "Run `apt install {package}`, or leave --appearance text away.",
    ),
    "not_found.glyph": Sentence(
        "字体里没有这些字[：{characters}]，签名外观写不了。",
        "请换用常见字写事由和地点，或安装更全的字体[（{package}）]。",
        "No font has these characters[: {characters}].",
        "Use others in reason and location, or install a larger font[ ({package})].",
    ),
    "cancelled.verification": Sentence(
        "验签已停止，还没有全部检查完。",
        "已得出的结论都保存了；接着做请运行 yinxin verify --resume[ {run}]，没有变动的文件不会重查。",
        "The verification was stopped before its end.",
        "Every verdict reached is kept; `yinxin verify --resume[ {run}]` goes on, and does not check unchanged files again.",
    ),
    "cancelled": Sentence(
        "已取消[：已完成 {published} 份，其余未做]。",
        "已完成的文件仍然有效；要继续请重新运行[：yinxin sign --resume {batch}，已签的不会重复]。",
        "Cancelled[: {published} document(s) were done, the rest were not].",
        "What was published stays valid; run it again[: `yinxin sign --resume {batch}`] to go on.",
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
        "已签好的文件仍然有效，其余没有留下半成品；请再运行同一条命令[，或用 yinxin sign --resume {batch} 只签其余文件]，已存在的输出不会被覆盖。",
        "The agent stopped in the middle of the work.",
        "Documents already published stay valid and nothing half done is left; run it again[, or `yinxin sign --resume {batch}` for the rest].",
    ),
    "agent_unreachable.died_verifying": Sentence(
        "签章服务在验签中途停止了。",
        "已得出的结论都保存了；接着做请运行 yinxin verify --resume {run}，没有变动的文件不会重查。",
        "The agent stopped in the middle of the verification.",
        "Every verdict reached is kept; `yinxin verify --resume {run}` goes on, and does not check unchanged files again.",
    ),
    "agent_unreachable.died_pin": Sentence(
        "签章服务在处理中途停止了：UKey 上现在可能是新的 PIN 码，也可能还是原来的。",
        "请先用 yinxin token list 查看状态，再用新 PIN 码试一次，不对再用原来的；每输错一次都会消耗一次机会。",
        "The agent stopped in the middle of the work: the token may have the new PIN now, or the old one still.",
        "See `yinxin token list`, then try the new PIN, once, and the old one after it; each wrong one costs a try.",
    ),
    "agent_unreachable.silent": Sentence(
        "签章服务没有响应。",
        "请运行 yinxin agent stop，再试一次；已签好的文件仍然有效。",
        "The agent does not answer.",
        "Run `yinxin agent stop` and try again; documents already published stay valid.",
    ),
    "store_unreachable.verifications": Sentence(
        "验签记录写不进去[（{detail}）]。",
        "请检查磁盘空间和 {path} 的权限，再重新验签。",
        "What the verification found could not be kept[ ({detail})].",
        "See that the disk has room and {path} can be written, and verify again.",
    ),
    "store_unreachable": Sentence(
        "台账数据库读写不了[：{path}][（{detail}）]。",
        "请检查磁盘空间和权限[，然后用 yinxin sign --resume {batch} 签其余文件]；已签好的文件仍然有效，其余没有签。",
        "The ledger's store cannot be read or written[: {path}][ ({detail})].",
        "Check disk space and permissions[, then `yinxin sign --resume {batch}` for the rest]; published files stay valid, the others are unsigned.",
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
    "usage.set_too_large": Sentence(
        "一次签署的文件太多[（{count} 份，上限 {limit} 份）]，记不进一条台账。",
        "请分几次签署。",
        "One set of[ {count}] files is too large to be recorded in one entry of the ledger[ (limit {limit})].",
        "Sign them in several sets.",
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
    "usage.command": Sentence(
        "没有这样的命令[（{command}）]。", "用 yinxin --help 查看全部命令。", "There is no such command[ under {command}].", "See `yinxin --help`."
    ),
    "usage.option": Sentence(
        "选项 {option} 的值不对。[可用：{present}。]",
        "用[ {command}] --help 查看写法。",
        "The value of {option} is not right.[ One of: {present}.]",
        "See[ {command}] --help.",
    ),
    "usage.missing": Sentence("缺少 {option}。", "用[ {command}] --help 查看写法。", "{option} is missing.", "See[ {command}] --help."),
    "usage.no_such_option": Sentence(
        "没有选项 {option}。[相近：{present}。]",
        "用[ {command}] --help 查看写法。",
        "There is no option {option}.[ Close to it: {present}.]",
        "See[ {command}] --help.",
    ),
    "usage.extra": Sentence(
        "命令后面有多余的内容。",
        "用[ {command}] --help 查看写法；PIN 码不能写在命令里，要用 --pin 指明来源。",
        "There is more on the command line than the command takes.",
        "See[ {command}] --help; a PIN is never written there: name its source with --pin.",
    ),
    "usage.either": Sentence(
        "{option} 和 {other} 要给一个，也只能给一个。", "请改正命令。", "Give one of {option} and {other}, and only one.", "Correct the command."
    ),
    "usage.needs": Sentence("{option} 要和 {other} 一起用。", "请改正命令。", "{option} goes only with {other}.", "Correct the command."),
    "usage.resumed_run": Sentence(
        "{option} 不能和 --resume 一起用：接着验签的文件沿用原来的依据。",
        "请去掉 {option}；要换依据，请重新验签。",
        "{option} does not go with --resume: a run goes on as it was begun.",
        "Leave {option} out; to judge otherwise, verify anew.",
    ),
    "usage.resumed": Sentence(
        "{option} 不能和 --resume 一起用：接着签的文件沿用原来的签法。",
        "请去掉 {option}；要换签法，请对其余文件重新签署。",
        "{option} does not go with --resume: what is left of a batch is signed as it was ordered.",
        "Leave {option} away; to sign the rest in another manner, name its files.",
    ),
    "usage.one_file": Sentence(
        "{option} 只能用于一个文件。",
        "请分开运行；签署多个文件时可用 --out-dir。",
        "{option} is for a single file.",
        "Run the command for each; for several signed files there is --out-dir.",
    ),
    "usage.out": Sentence(
        "--out 只能用于一个文件，也不能和 --out-dir 一起用。",
        "多个文件请用 --out-dir。",
        "--out is for a single file and does not go with --out-dir.",
        "For several files use --out-dir.",
    ),
    "usage.twice": Sentence("同一个文件给了两次[：{detail}]。", "请去掉一个。", "The same file is named twice[: {detail}].", "Leave one out."),
    "usage.no_file_named": Sentence(
        "没有给出要验签的文件或文件夹。", "请给出至少一个。", "No file or folder to verify was named.", "Name at least one."
    ),
    "usage.founding_hash": Sentence(
        "--hash 不是单位指纹。",
        "单位指纹是 64 个十六进制数字（可带空格）：请单位里的人运行 yinxin org show，当面告诉您。",
        "--hash is no founding hash.",
        "It has 64 hexadecimal digits (spaces do not matter): ask somebody of the organisation for it, face to face; `yinxin org show` prints it.",
    ),
    "usage.report_format": Sentence(
        "不认识这种文件类型[：{detail}]。",
        "请用这些扩展名之一[：{available}]。",
        "This type of file is not known[: {detail}].",
        "Use one of these endings[: {available}].",
    ),
    "usage.signature_for_one_file": Sentence(
        "--signature 只能用于一个文件。", "请分开验签。", "--signature is for a single file.", "Verify them one at a time."
    ),
    "usage.time": Sentence(
        "时间写得不对。", "请写成 2026-01-31T12:00:00+08:00。", "The time is not right.", "Write it like 2026-01-31T12:00:00+08:00."
    ),
    "usage.path": Sentence(
        "请求中的文件地址不对。", "请用绝对路径的 file: URI。", "A file address in the request is not right.", "Use file: URIs with absolute paths."
    ),
    "usage.consent": Sentence(
        "需要确认，但这里没有终端可问。",
        "看过之后，请加 {option}。",
        "Consent is needed, and there is no terminal to ask at.",
        "Look at it, then add {option}.",
    ),
    "usage.variable": Sentence(
        "没有环境变量 {name}[（{option}）]。", "请先设置它。", "There is no environment variable {name}[ ({option})].", "Set it first."
    ),
    "usage.pin_source": Sentence(
        "{option} 要写 PIN 码的来源，不是 PIN 码本身。",
        "可用：prompt、env:变量名、file:文件、fd:编号。若刚才输入的是 PIN 码，它已留在命令历史里，请更换。",
        "{option} takes the source of a PIN, never the PIN itself.",
        "One of prompt, env:NAME, file:PATH, fd:N. If that was a PIN, it is in your shell's history now: change it.",
    ),
    "usage.pin_variable": Sentence(
        "没有环境变量 {name}，读不到 PIN 码[（{option}）]。",
        "请先设置它，或改用其他来源。",
        "There is no environment variable {name} to take the PIN from[ ({option})].",
        "Set it, or name another source.",
    ),
    "usage.pin_unreadable": Sentence(
        "读不到 PIN 码[（{option} {name}）][：{detail}]。",
        "请检查该文件或描述符，并确认内容是一行 UTF-8 文字。",
        "The PIN cannot be read[ ({option} {name})][: {detail}].",
        "Check the file or descriptor; it must hold one line of UTF-8.",
    ),
    "usage.pin_too_long": Sentence(
        "{option} 给出的 PIN 码太长[（最多 {limit} 字节）]。",
        "请检查来源：它要给出一行 PIN 码。",
        "The PIN from {option} is too long[ ({limit} bytes at most)].",
        "Check its source: it is to give the PIN as one line.",
    ),
    "usage.pin_empty": Sentence("{option} 给出的 PIN 码是空的。", "请检查来源。", "The PIN from {option} is empty.", "Check its source."),
    "usage.certificate": Sentence(
        "这不是可用的数字证书。", "请给出 PEM 或 DER 格式的证书。", "This is no usable certificate.", "Give a certificate in PEM or DER form."
    ),
    "usage.csr": Sentence(
        "这不是可用的证书申请（CSR），或其签名不成立。",
        "请用 yinxin cert request 重新生成。",
        "This is no usable certificate request (CSR), or its signature does not hold.",
        "Make one with `yinxin cert request`.",
    ),
    "usage.module_name_taken": Sentence(
        "已有名为“{name}”的 UKey 驱动。", "请用 --name 换个名称。", "There already is a module named “{name}”.", "Choose another with --name."
    ),
    "usage.module_env": Sentence(
        "这些环境变量不能交给 UKey 驱动[：{name}]。",
        "它们会改变程序的装载方式；请去掉。",
        "These variables are not passed to a module[: {name}].",
        "They change how programs are loaded; leave them out.",
    ),
    "usage.module_not_added": Sentence(
        "“{name}”是系统自带的 UKey 驱动，不能移除。",
        "请在系统中卸载它。",
        "The module “{name}” was brought by the system and cannot be removed here.",
        "Uninstall it from the system.",
    ),
    "usage.configuration": Sentence(
        "配置文件读不懂[：{name}][（{detail}）]。",
        "请改正或移走它。",
        "The configuration cannot be read[: {name}][ ({detail})].",
        "Correct it, or move it away.",
    ),
    "internal": Sentence(
        "程序内部出错[（{type}）]，这是我们的问题。",
        "请保留日志[（{path}）]并报告；重新运行不会损坏文件。",
        "Something went wrong inside the program[ ({type})]; this is a bug of ours.",
        "Please keep the log[ ({path})] and report it; running again harms no file.",
    ),
    "not_allowed.not_practice": Sentence(
        "UKey[“{token}”]不是本机的模拟 UKey，不能用命令拔出或插入。",
        "真的 UKey 请用手拔插。",
        "The token[ “{token}”] is not an emulated one of this computer; a command can neither pull it out nor put it in.",
        "Pull out and put in real tokens by hand.",
    ),
    "not_allowed.holds_keys": Sentence(
        "UKey[“{label}”]已经初始化，里面可能有密钥；再初始化会把它们毁掉，因此没有执行。",
        "请换一个空的 UKey；确实要清空，请加 --erase 和它的序列号[ {serial}]。",
        "The token[ “{label}”] is initialised and may hold keys; initialising would destroy them, so it was not done.",
        "Use a blank token; to erase this one all the same, add --erase and its serial[ {serial}].",
    ),
    "not_found.revision": Sentence(
        "文件里没有这个已签署的版本[（第 {revision} 版）]。",
        "版本号见验签结果。",
        "The file has no such signed revision[ ({revision})].",
        "The verdict names the revisions.",
    ),
}
