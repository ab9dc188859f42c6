"""Sentences about this computer's own key."""

from collections.abc import Mapping

from agent.api.sentences.form import Sentence

DEVICE: Mapping[str, Sentence] = {
    "not_allowed.device_key_absent": Sentence(
        "还没有登记本机密钥，这一步不能入账，所以没有做。",
        "请登录桌面并解锁系统密码环后再试；或运行 yinxin device enrol --key file：密钥存成只有您能读的文件（能读您文件的人也就能冒用本机）。",
        "This computer's own key is not enrolled, so this could not be recorded and was not done.",
        "Try again in a desktop session with its keyring unlocked, or run `yinxin device enrol --key file`: "
        "the key then lies in a file that only you may read (and whoever reads your files can pass for this computer).",
    ),
    "not_allowed.device_key_token": Sentence(
        "本机密钥在 UKey[“{token}”]上，要先输入它的 PIN 码。",
        "请插好该 UKey，在命令行或窗口里再做一次。",
        "This computer's own key is on the token[ “{token}”], and its PIN is needed first.",
        "Plug that token in and do it again from the command line or the window.",
    ),
    "not_allowed.device_key_keyring": Sentence(
        "系统密码环没有交出本机密钥，这一步不能入账，所以没有做。",
        "请先解锁密码环（登录桌面，或打开“密码和密钥”），再试一次。",
        "The desktop's keyring did not give this computer's own key, so this could not be recorded and was not done.",
        "Unlock the keyring (log in to the desktop, or open its passwords program) and try again.",
    ),
    "not_allowed.device_key_lost": Sentence(
        "本机密钥用不了了[：{path}]。",
        "请从备份恢复这个文件；没有备份就运行 yinxin device enrol --replace，作为另一台电脑重新登记，台账里会记下。",
        "This computer's own key cannot be used any more[: {path}].",
        "Restore that file from a backup; without one, run `yinxin device enrol --replace`: "
        "the computer is then enrolled as another one, and the ledger says so.",
    ),
    "not_allowed.device_key_unsafe": Sentence(
        "别的用户可能读过或改过本机密钥[：{path}]，不再使用它。",
        "请先弄清原因。确认没有泄露，就改回只有您能读写（chmod 600）；否则运行 yinxin device enrol --replace 重新登记。",
        "Other users could have read or changed this computer's own key[: {path}]; it is not used.",
        "Find out why first. If it did not leak, give it back to you alone (chmod 600); otherwise run `yinxin device enrol --replace`.",
    ),
    "not_allowed.device_keyring_absent": Sentence(
        "这里没有可用的系统密码环，密钥没有存放。",
        "请在桌面会话中运行，并安装 gnome-keyring 或 KWallet；或选 --key token、--key file。",
        "There is no usable keyring here; no key was kept.",
        "Run it in a desktop session with gnome-keyring or KWallet, or choose `--key token` or `--key file`.",
    ),
    "not_allowed.device_keyring_refused": Sentence(
        "系统密码环没有收下本机密钥。",
        "请先解锁密码环（登录桌面，或打开“密码和密钥”），再试一次；不用密码环就选 yinxin device enrol --key file 或 --key token。",
        "The desktop's keyring did not take this computer's own key.",
        "Unlock the keyring (log in to the desktop, or open its passwords program) and try again; "
        "to do without it, use `yinxin device enrol --key file` or `--key token`.",
    ),
    "not_allowed.device_change_open": Sentence(
        "上一次更换本机密钥还没有完成。",
        "请先让台账可用（yinxin doctor），再运行 yinxin agent stop；签章服务重新启动时会完成或撤销它。",
        "An earlier change of this computer's own key is not finished.",
        "Have the ledger reachable (`yinxin doctor`) and run `yinxin agent stop`: the next start finishes or undoes it.",
    ),
    "not_allowed.device_key_other": Sentence(
        "本机密钥不是台账里登记的那一把，没有入账。",
        "可能恢复了旧的配置文件：请恢复同一时间的全部文件；恢复不了就运行 yinxin device enrol --replace。",
        "This computer's own key is not the one that the ledger knows, so nothing was recorded.",
        "Perhaps old files were restored: restore all of them from the same time, or run `yinxin device enrol --replace`.",
    ),
    "not_allowed.device_enrolled": Sentence(
        "本机已经登记过。",
        "换密钥用 yinxin device renew；密钥已丢失用 yinxin device enrol --replace。",
        "This computer is enrolled already.",
        "For another key use `yinxin device renew`; where the key is lost, `yinxin device enrol --replace`.",
    ),
    "usage.statement": Sentence(
        "这些内容写不进凭证[：{where}]。",
        "请缩短过长的文字，去掉不能显示的字符。",
        "A statement cannot hold this[: {where}].",
        "Shorten what is too long, and take out characters that cannot be shown.",
    ),
    "usage.device_token": Sentence(
        "--token 只用于存放在 UKey 上的本机密钥。",
        "请同时给出 --key token，或去掉 --token。",
        "--token is only for a device key that lies on a token.",
        "Give `--key token` as well, or leave `--token` out.",
    ),
}
