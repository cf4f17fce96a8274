"""E17: the versions of each kind of file. A version that was released stays here for good, with its shape.

The last version of a kind is the value object itself. One before it has a module of its own, with the struct as it was
and two conversions: `2: newest(Token)` then stands below `1: Version(token_1.Token, token_1.upgrade,
token_1.downgrade)`.
"""

from carnet.exchange.enablement_token import Token
from carnet.exchange.envelope import Kind
from carnet.exchange.key_set import KeySet
from carnet.exchange.license_file_request import LicenseFileRequest
from carnet.exchange.offline_license_file import OfflineLicenseFile, SealedBody
from carnet.exchange.receipt import Receipt
from carnet.exchange.versioning import (
    SEALED_BODY,
    TABLES,
    Versions,
    newest,
)

TABLES[Kind.TOKEN] = Versions({1: newest(Token)})
TABLES[Kind.LFR] = Versions({1: newest(LicenseFileRequest)})
TABLES[Kind.OLF] = Versions({1: newest(OfflineLicenseFile)})
TABLES[SEALED_BODY] = Versions({1: newest(SealedBody)})  # a version for each of the OLF's
TABLES[Kind.RECEIPT] = Versions({1: newest(Receipt)})
TABLES[Kind.KEY_SET] = Versions({1: newest(KeySet)})
