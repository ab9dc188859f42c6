"""Where makers of UKeys, cards and HSMs install their PKCS#11 modules on Linux: data, read by `tokens.discovery`.

Collected from the makers' guides and from public programs.  Only the rows marked tried were used by us; a path that does not
exist costs nothing, and any module can be added by hand.  A ``{lib}`` stands for each library folder of the system.
"""

from dataclasses import dataclass

LIBRARY_FOLDERS = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/loongarch64-linux-gnu",
    "/usr/local/lib",
    "/usr/local/lib64",
)


@dataclass(frozen=True, slots=True)
class Vendor:
    """A maker's module: a short name for `--module`, the maker in both languages, and the places to look."""

    name: str
    zh: str
    en: str
    paths: tuple[str, ...]
    tried: bool = False


VENDORS = (
    Vendor("opensc", "OpenSC", "OpenSC", ("{lib}/opensc-pkcs11.so", "{lib}/pkcs11/opensc-pkcs11.so"), tried=True),
    # Keys common in China
    Vendor(
        "feitian-epass2003", "飞天诚信 ePass2003", "Feitian ePass2003",
        ("{lib}/libcastle.so.1.0.0", "{lib}/libcastle.so", "{lib}/libcastle_v2.so.1.0.0", "{lib}/libcastle_v3.so", "{lib}/libes2003.so",
         "/usr/lib/ePass2003-Linux-x64/x86_64/redist/libcastle.so.1.0.0"),
    ),
    Vendor("feitian-epass3003", "飞天诚信 ePass3003", "Feitian ePass3003", ("{lib}/libshuttle_p11v220.so.1.0.0", "{lib}/libshuttle_p11v220.so")),
    Vendor(
        "feitian-epass3000", "飞天诚信 ePass3000", "Feitian ePass3000",
        ("{lib}/libepsng_p11.so", "{lib}/libepsng_p11.so.1", "{lib}/libesp11_bio3k.so"),
    ),
    Vendor(
        "longmai-cryptoid", "龙脉 mToken CryptoID", "Longmai mToken CryptoID",
        ("/opt/CryptoIDFipsUser/x64/lib/liblm_cryptoide_pkcs11.so", "/opt/CryptoIDEUser/x64/lib/linux/x64/libcryptoide_pkcs11.so",
         "/opt/CryptoIDE/lib/libcryptoide_pkcs11.so", "{lib}/libcryptoide_pkcs11.so"),
    ),
    Vendor("longmai-gm3000", "龙脉 mToken GM3000", "Longmai mToken GM3000", ("{lib}/libgm3000_pkcs11.so", "{lib}/libmtoken_pkcs11.so")),
    Vendor(
        "watchdata", "握奇 WatchKey", "WatchData",
        ("{lib}/libwdpkcs.so", "{lib}/libwdpkcs11.so", "/usr/lib/WatchData/ProxKey/lib/libwdpkcs.so", "{lib}/libwdpkcs_Proxkey.so",
         "/usr/lib/WatchData/ProxKey/lib/libwdpkcs_SignatureP11.so", "/usr/lib/WatchData/ICP/lib/libwdpkcs_icp.so"),
    ),
    Vendor("haitai", "海泰方圆 HaiKey", "Haitai", ("{lib}/libHTPkcs11.so", "{lib}/libhtpkcs11.so", "/opt/haitai/lib/libHTPkcs11.so")),
    Vendor("tendyron", "天地融", "Tendyron", ("{lib}/libTDRPkcs11.so", "{lib}/libD4Token.so")),
    Vendor("excelsecu", "文鼎创", "Excelsecu", ("{lib}/libes_pkcs11.so", "{lib}/libESPkcs11.so")),
    Vendor("hed", "华大电子", "CEC Huada", ("{lib}/libhed_pkcs11.so", "{lib}/libHEDPkcs11.so")),
    Vendor("mingwah", "明华澳汉", "Mingwah Aohan", ("{lib}/libmwpkcs11.so", "{lib}/libMWPkcs11.so")),
    Vendor("bjca", "北京数字认证", "BJCA", ("{lib}/libbjcapkcs11.so", "/opt/BJCA/lib/libbjcapkcs11.so")),
    # Keys and cards known elsewhere
    Vendor("ykcs11", "YubiKey PIV", "YubiKey PIV", ("{lib}/libykcs11.so.2", "{lib}/libykcs11.so")),
    Vendor(
        "safenet-etoken", "SafeNet eToken", "SafeNet eToken", ("{lib}/libeTPkcs11.so", "{lib}/libeToken.so", "{lib}/libIDPrimePKCS11.so",
         "{lib}/pkcs11/libIDPrimePKCS11.so"),
    ),
    Vendor("gemalto-classic", "Gemalto Classic", "Gemalto Classic", ("{lib}/pkcs11/libgclib.so", "{lib}/libgclib.so")),
    Vendor("rutoken", "Rutoken", "Rutoken", ("{lib}/librtpkcs11ecp.so", "/opt/aktivco/rutokenecp/x86_64/librtpkcs11ecp.so")),
    Vendor("bit4id", "Bit4id", "Bit4id", ("{lib}/libbit4xpki.so", "{lib}/libbit4ipki.so", "{lib}/bit4id/libbit4ipki.so")),
    Vendor("athena", "Athena IDProtect", "Athena IDProtect", ("{lib}/libASEP11.so", "{lib}/x64-athena/libASEP11.so")),
    # HSMs
    Vendor("yubihsm", "YubiHSM 2", "YubiHSM 2", ("{lib}/pkcs11/yubihsm_pkcs11.so", "{lib}/yubihsm_pkcs11.so")),
    Vendor("luna", "Thales Luna 密码机", "Thales Luna HSM", ("/usr/safenet/lunaclient/lib/libCryptoki2_64.so",)),
    Vendor("ncipher", "nShield 密码机", "Entrust nShield HSM", ("/opt/nfast/toolkits/pkcs11/libcknfast.so",)),
    Vendor(
        "utimaco", "Utimaco 密码机", "Utimaco HSM",
        ("/opt/utimaco/lib/libcs_pkcs11_R3.so", "{lib}/libcs_pkcs11_R3.so", "{lib}/libcs_pkcs11_R2.so"),
    ),
)  # fmt: skip
