"""What is said of the store and of what stands in the ledger."""

from agent.api.sentences.form import Sentence

STORE = {
    "store_unreachable.store_in_use": Sentence(
        "另一个签章服务正在使用这个台账[：{path}]。",
        "一个台账文件同时只能由一个签章服务使用；请先在另一处停止它，或者改用 PostgreSQL（yinxin store set）。",
        "Another agent is using this ledger[: {path}].",
        "One ledger file serves one agent at a time; stop the other one first, or share a PostgreSQL database (`yinxin store set`).",
    ),
    "store_unreachable.store_locked": Sentence(
        "台账正被另一个程序锁住[：{path}]，可能是备份软件。",
        "请等那个程序结束后再试[，然后用 yinxin sign --resume {batch} 签其余文件]；没有登记的都没有签。",
        "Another program has locked the ledger[: {path}], perhaps one that makes a backup.",
        "Try again when it has finished[, then `yinxin sign --resume {batch}` for the rest]; what was not recorded was not signed.",
    ),
    "store_unreachable.store_remote": Sentence(
        "台账不能放在网络文件系统上[（{path} 在 {place}，{file_system}）]：那里的文件锁不可靠，台账会损坏。",
        "请把 YINXIN_HOME 放到本机磁盘上；几台电脑共用时请用 PostgreSQL（yinxin store set）。",
        "The ledger cannot lie on a network file system[ ({path} is on {place}, {file_system})]: locks do not hold there, and it would be damaged.",
        "Put YINXIN_HOME on a disk of this computer; to share a ledger, use PostgreSQL (`yinxin store set`).",
    ),
    "store_unreachable.store_replaced": Sentence(
        "签章服务使用台账期间，台账文件被移走或替换了[：{path}]。",
        "请查明是谁换的，把原来的文件放回去，再运行 yinxin agent stop 和 yinxin ledger verify；在此之前不再签名。",
        "The ledger's file was moved or replaced while the agent was using it[: {path}].",
        "Find out who did it, put the file back, then run `yinxin agent stop` and `yinxin ledger verify`; nothing is signed until then.",
    ),
    "store_unreachable.store_moved": Sentence(
        "台账刚刚换了存放的地方。", "请再试一次。", "The ledger has just moved to another store.", "Try again."
    ),
    "store_unreachable.store_newer": Sentence(
        "这个台账是更新版本的印信写的[（格式 {form}）]。",
        "请升级本机的印信；旧版本不会改动它。",
        "This ledger was written by a newer version of Yinxin[ (form {form})].",
        "Upgrade Yinxin here; an older version leaves it alone.",
    ),
    "store_unreachable.store_rights": Sentence(
        "数据库用户的权限不够[：{path}][（{detail}）]。",
        "请数据库管理员授予角色：GRANT yinxin_agent TO 用户；表由第一次运行 yinxin store set 的用户建立和升级。",
        "The database user lacks a right[: {path}][ ({detail})].",
        "Ask the administrator for: GRANT yinxin_agent TO the user; whoever ran `yinxin store set` first makes and upgrades the tables.",
    ),
    "store_unreachable.store_password": Sentence(
        "数据库拒绝了登录[：{path}][（{detail}）]。",
        "请用 yinxin store set URL --password prompt 重新保存密码，或者写进 ~/.pgpass（权限 0600）。",
        "The database refused the login[: {path}][ ({detail})].",
        "Keep the password anew with `yinxin store set URL --password prompt`, or in ~/.pgpass (mode 0600).",
    ),
    "store_unreachable.store_keyring": Sentence(
        "取不到数据库的密码：系统密码环没有给出[（{detail}）]。",
        "请解锁系统密码环再试，或者把密码写进 ~/.pgpass（权限 0600）后重新运行 yinxin store set。",
        "The database's password cannot be had: the keyring did not give it[ ({detail})].",
        "Unlock the keyring and try again, or put the password into ~/.pgpass (mode 0600) and run `yinxin store set` again.",
    ),
    "store_unreachable.store_connect": Sentence(
        "连不上台账数据库[：{path}][（{detail}）]。",
        "请核对地址，看 PostgreSQL 是否在运行、网络通不通；证书由自己的 CA 签发时加 sslrootcert=文件[；以后用 yinxin sign --resume {batch} 签其余]。",
        "The ledger's database cannot be reached[: {path}][ ({detail})].",
        "Check the address, that PostgreSQL runs, and the network; a certificate of your own CA needs sslrootcert=FILE"
        "[; then `yinxin sign --resume {batch}` for the rest].",
    ),
    "store_unreachable.store_alters": Sentence(
        "数据库没有照原样存下台账记录[：{path}]：库里可能有改写或丢弃记录的触发器、规则或视图。",
        "这条没有登记，也没有据此签名。请数据库管理员删除它们，然后运行 yinxin ledger verify。",
        "The database did not keep an entry as it was given[: {path}]: it may have a trigger, rule or view that changes or drops entries.",
        "It was not recorded, and nothing was signed on it. Have them removed, then run `yinxin ledger verify`.",
    ),
    "store_unreachable.store_settings_gone": Sentence(
        "本机加入过单位[ {org}]，但 config 文件夹中的 store.json 不见了。",
        "不会悄悄改记到个人台账，所以不登记也不签名。请找回 store.json，或者重新加入：yinxin org join --hash 单位指纹 --store 地址。",
        "This computer acted in an organisation[ ({org})], and store.json is gone from the config folder.",
        "Nothing is recorded in the personal ledger instead, hence nothing signed. Bring store.json back, or join again: "
        "`yinxin org join --hash HASH --store WHERE`.",
    ),
    "store_unreachable.store_settings": Sentence(
        "store.json 读不懂[：{path}][（{detail}）]。",
        "请改正它，或者用 yinxin store set 重新设置；不会悄悄改用别的台账。",
        "store.json cannot be understood[: {path}][ ({detail})].",
        "Correct it, or set it anew with `yinxin store set`; no other ledger is used instead.",
    ),
    "store_unreachable.ledger_smaller": Sentence(
        "台账比本机记住的少[：记住 {known} 条，现有 {size} 条]，末尾被截掉或者恢复了旧备份。",
        "不再登记和签名。请运行 yinxin ledger verify，用 yinxin ledger export 保存现有内容，并找回缺少的部分。",
        "The ledger is smaller than it was[: {known} entries are known, {size} are there]: its end was cut off, or an old copy restored.",
        "Nothing is recorded or signed. Run `yinxin ledger verify`, save what is there with `yinxin ledger export`, and find the missing part.",
    ),
    "store_unreachable.ledger_forked": Sentence(
        "台账被改动过[：从第 {entry} 条起与签章服务知道的不一致]。",
        "不再登记和签名。请运行 yinxin ledger verify，它会指出是哪一条；并用 yinxin ledger export 保存现有内容。",
        "The ledger was altered[: from entry {entry} on it is not the one that the agent knows].",
        "Nothing is recorded or signed. Run `yinxin ledger verify`, which names the entry, and save what is there with `yinxin ledger export`.",
    ),
    "not_allowed.statement_replayed": Sentence(
        "台账中已有同一编号的另一条记录[：{id}]。",
        "没有登记。同一编号只能用一次，请重新发起。",
        "The ledger holds another statement with this id[: {id}].",
        "Nothing was recorded. An id is used once; start anew.",
    ),
    "not_allowed.store_tls": Sentence(
        "连接别的电脑上的数据库[（{host}）]必须核对它的证书（sslmode=verify-full）[，而不是 {mode}]。",
        "请去掉 sslmode，或写 sslmode=verify-full；单位自己的 CA 用 sslrootcert=文件 指明。",
        "A database on another computer[ ({host})] is used only with its certificate checked (sslmode=verify-full)[, not {mode}].",
        "Leave sslmode out, or write sslmode=verify-full; name your own CA by sslrootcert=FILE.",
    ),
    "not_allowed.store_busy": Sentence(
        "还有签名没有结束，现在不能更换台账的存放处。",
        "请等它们结束后再试。",
        "Signatures are under way: the ledger cannot move now.",
        "Try again when they have ended.",
    ),
    "not_allowed.store_other": Sentence(
        "那个数据库里是另一个台账[（从第 {entry} 条起不同）]。",
        "请核对 URL；要加入一个单位，请用 yinxin org join。",
        "That database holds another ledger[ (other from entry {entry} on)].",
        "Check the URL; to join an organisation, use `yinxin org join`.",
    ),
    "not_allowed.store_personal": Sentence(
        "本机还没有加入单位；个人台账只放在本机。",
        "请先用 yinxin org found 创建单位，或用 yinxin org join 加入。",
        "This computer acts in no organisation, and a personal ledger stays on its computer.",
        "Found one (`yinxin org found`) or join one (`yinxin org join`) first.",
    ),
    "not_allowed.store_keyring": Sentence(
        "系统密码环没能保存密码[（{detail}）]，密码也不会写进文件。",
        "请解锁或安装系统密码环；或者不给 --password，自己把密码写进 ~/.pgpass（权限 0600）。",
        "The keyring could not keep the password[ ({detail})], and it is written to no file.",
        "Unlock or install a keyring; or leave --password out and put it into ~/.pgpass (mode 0600) yourself.",
    ),
    "not_allowed.store_damaged": Sentence(
        "台账的第 {entry} 条有问题，没有搬移[（{detail}）]。",
        "请先运行 yinxin ledger verify 查明原因。",
        "Entry {entry} of the ledger is wrong, and nothing was moved[ ({detail})].",
        "Run `yinxin ledger verify` first.",
    ),
    "usage.password_prompt": Sentence(
        "没有终端，无法询问密码。",
        "请用 --password env:名称、file:路径 或 fd:N 给出。",
        "There is no terminal to ask for the password.",
        "Give it by --password env:NAME, file:PATH or fd:N.",
    ),
    "usage.store_url": Sentence(
        "数据库地址写得不对。",
        "写法：postgresql://用户@主机/数据库；不填密码。",
        "The database's address is not right.",
        "It is written postgresql://USER@HOST/DATABASE, without a password.",
    ),
    "usage.store_url_password": Sentence(
        "数据库地址里不能有密码：别的程序看得到命令行。",
        "请去掉它，改用 --password prompt（或 env:、file:、fd:），也可以写进 ~/.pgpass。",
        "The database's address must not hold a password: other programs can read the command line.",
        "Leave it out and use --password prompt (or env:, file:, fd:), or put it into ~/.pgpass.",
    ),
    "usage.store_url_option": Sentence(
        "数据库地址里有不能用或缺少的部分[：{option}]。",
        "可用：host、hostaddr、port、sslmode、sslrootcert、sslcert、sslkey、sslcrl。",
        "Something in the database's address cannot be used, or is missing[: {option}].",
        "There may be: host, hostaddr, port, sslmode, sslrootcert, sslcert, sslkey, sslcrl.",
    ),
}
